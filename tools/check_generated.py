"""Fails when the generated code in protos/ is not what the .proto files say, and names the files."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATTERNS = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


def generated_files(folder: Path) -> dict[str, bytes]:
    """The generated files below `folder`: relative path to content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for pattern in PATTERNS for path in folder.rglob(pattern)
    }


def differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """One line for each file that is stale, missing, or left from a .proto that is gone."""
    lines = []
    for name in sorted(committed.keys() | fresh.keys()):
        if name not in fresh:
            lines.append(f"protos/{name}: left over, no .proto makes it")
        elif name not in committed:
            lines.append(f"protos/{name}: missing")
        elif committed[name] != fresh[name]:
            lines.append(f"protos/{name}: differs")
    return lines


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([ROOT / "tools" / "generate.sh", folder], check=True)
        found = differences(generated_files(ROOT / "protos"), generated_files(Path(folder)))
    if not found:
        return 0
    print("Generated code is not fresh; run `make generate` and commit the result:")
    print("\n".join(f"  {line}" for line in found))
    return 1


if __name__ == "__main__":
    sys.exit(main())
