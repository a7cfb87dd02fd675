"""`make prove`: breaks the code on purpose, one promise or guard at a time, and sees its test fail.

Each file in tests/breaks/ is a patch with two lines in front of it:

    # breaks: what it breaks, in one sentence
    # test: the pytest node id that must fail then

The named tests first pass together on an unchanged scratch copy; then each patch is applied to a scratch copy, where
its test must fail, and is taken back. The working tree is never touched.

Those in tests/breaks/stack/ break what only a test with real servers sees; `--stack` proves them and no others.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
BREAKS = ROOT / "tests" / "breaks"
STACK = "stack"
TEST_SECONDS = 240
ALL_TESTS_SECONDS = 1800
"""For all of them together, on the unchanged code."""
PYTEST_TESTS_FAILED = 1


@dataclass(frozen=True)
class Break:
    path: Path
    sentence: str
    test: str


@dataclass(frozen=True)
class Verdict:
    broken: Break
    proven: bool
    reason: str
    seconds: float


def read_break(path: Path) -> Break:
    """Raises ValueError where the two lines are missing."""
    header = {}
    for line in path.read_text().splitlines():
        if not line.startswith("# "):
            break
        key, _, value = line[2:].partition(": ")
        header[key] = value.strip()
    if not header.get("breaks") or "::" not in header.get("test", ""):
        raise ValueError(f"{path.name}: needs the lines `# breaks: …` and `# test: file::test` in front of the patch")
    return Break(path, header["breaks"], header["test"])


def scratch_copy(folder: Path) -> Path:
    """The tree as it is, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def run_tests(scratch: Path, tests: list[str], marked: str, seconds: float) -> tuple[int, str]:
    """pytest's exit code, and what it printed. Raises `TimeoutExpired`; whatever it started has ended then."""
    packages = os.pathsep.join(str(scratch / part) for part in ("protos", "servers", "clients"))
    environment = os.environ | {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_DATABASE": "none"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", marked, *tests]
    with subprocess.Popen(
        command,
        cwd=scratch,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            printed, _ = running.communicate(timeout=seconds)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    return running.returncode, printed


def git_apply(scratch: Path, patch: Path, *options: str) -> str:
    """What git says where the patch does not apply; empty where it did."""
    done = subprocess.run(
        ["git", "apply", "--recount", *options, str(patch)], cwd=scratch, capture_output=True, text=True, check=False
    )
    return done.stderr.strip() if done.returncode else ""


def marks(broken: Break) -> str:
    """Which of the tests of one name count: those on real servers, or the others."""
    return "stack" if broken.path.parent.name == STACK else f"not {STACK}"


def prove(scratch: Path, broken: Break) -> Verdict:
    started = time.monotonic()
    refused = git_apply(scratch, broken.path)
    if refused:
        return Verdict(broken, False, f"the patch does not apply: {refused}", 0.0)
    try:
        status, printed = run_tests(scratch, [broken.test], marks(broken), TEST_SECONDS)
        proven = status == PYTEST_TESTS_FAILED
        last = (printed.strip().splitlines() or [""])[-1]
        reason = "" if proven else f"the test did not fail: {last}"
    except subprocess.TimeoutExpired:
        proven, reason = False, f"the test did not end within {TEST_SECONDS} s"
    git_apply(scratch, broken.path, "-R")
    return Verdict(broken, proven, reason, time.monotonic() - started)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only breaks whose file name contains one of these")
    parser.add_argument("--jobs", type=int, default=2, help="scratch copies that work at once")
    parser.add_argument("--stack", action="store_true", help="the breaks that tests with real servers prove")
    parser.add_argument("--list", action="store_true", help="name the breaks and their tests, and run nothing")
    arguments = parser.parse_args()
    folder = BREAKS / STACK if arguments.stack else BREAKS
    breaks = [read_break(path) for path in sorted(folder.glob("*.patch"))]
    breaks = [one for one in breaks if not arguments.names or any(name in one.path.name for name in arguments.names)]
    if arguments.list:
        for one in breaks:
            print(f"{one.path.stem:32} {one.test}\n{'':32} {one.sentence}")
        return 0
    if not breaks:
        parser.error(f"no break is named like {', '.join(arguments.names)}; --list names them")
    with tempfile.TemporaryDirectory(prefix="murmuration-prove-") as scratch:
        return _prove_all(breaks, Path(scratch), arguments.jobs)


def _prove_all(breaks: list[Break], folder: Path, jobs: int) -> int:
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        copies.put(scratch_copy(folder / str(number)))
    first = copies.get()
    tests = sorted({one.test for one in breaks})
    print(f"{len(tests)} tests on the unchanged code …", flush=True)
    try:
        status, printed = run_tests(first, ["-n", str(jobs), *tests], marks(breaks[0]), ALL_TESTS_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"They did not end within {ALL_TESTS_SECONDS} s on the unchanged code.")
        return 1
    copies.put(first)
    if status:
        print(printed[-3000:], "\nA named test fails on the unchanged code, or is not there.", sep="")
        return 1

    def one(broken: Break) -> Verdict:
        scratch = copies.get()
        try:
            return prove(scratch, broken)
        finally:
            copies.put(scratch)

    failed = 0
    with ThreadPoolExecutor(jobs) as pool:
        for number, verdict in enumerate(pool.map(one, breaks), start=1):
            mark = "ok  " if verdict.proven else "FAIL"
            print(f"{mark} {number:3}/{len(breaks)} {verdict.seconds:5.1f} s  {verdict.broken.sentence}", flush=True)
            if not verdict.proven:
                failed += 1
                print(f"     {verdict.broken.path.name}: {verdict.reason}", flush=True)
    print(f"{len(breaks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
