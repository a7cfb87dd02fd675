"""constraints.txt pins all that pyproject.toml asks for, each with hashes and without an address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PINNED_EXTRAS = ("server", "dev")


def pins(path: Path) -> dict[str, tuple[str, int]]:
    """Of each pinned package its version and its number of hashes."""
    text = re.sub(r"^\s*#.*\n?", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for entry in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=sha256:", entry.strip())
        pin = Requirement(requirement)
        (specifier,) = pin.specifier
        assert specifier.operator == "==", entry
        found[canonicalize_name(pin.name)] = (specifier.version, len(hashes))
    return found


def wanted() -> list[Requirement]:
    """What the package, its build and the pinned extras require, extras that name other extras followed."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    requirements = [Requirement(line) for line in project["dependencies"] + pyproject["build-system"]["requires"]]
    extras = list(PINNED_EXTRAS)
    for extra in extras:
        for requirement in map(Requirement, project["optional-dependencies"][extra]):
            if requirement.name == project["name"]:
                extras += requirement.extras - set(extras)
            else:
                requirements.append(requirement)
    return requirements


@pytest.mark.parametrize("name", ["constraints.txt", "tools/generate-requirements.txt"])
def test_every_pin_has_hashes_and_no_address(name: str) -> None:
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
    assert [package for package, (_, hashes) in pins(ROOT / name).items() if not hashes] == []


def test_the_pins_are_what_pyproject_asks_for() -> None:
    pinned = pins(ROOT / "constraints.txt")
    stale = [
        str(requirement)
        for requirement in wanted()
        if canonicalize_name(requirement.name) not in pinned
        or not requirement.specifier.contains(pinned[canonicalize_name(requirement.name)][0], prereleases=True)
    ]
    assert not stale, f"run `make constraints`: {stale}"
