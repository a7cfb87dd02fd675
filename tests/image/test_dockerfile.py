"""The steps of the Dockerfile, run in folders of their own: what is in the image, and that it can run there."""

from __future__ import annotations

import json
import re
import subprocess
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.image.building import build
from tests.image.dockerfile import ROOT, Stage, let_through, stages, the_dockerfile

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(300)]

EPOCH = 1_700_000_000
CHECKED_HASH = 0b11
"""Flags of a compiled module that holds its source's hash (PEP 552)."""

INSTALLED = """
import json, importlib.metadata as metadata
print(json.dumps({dist.name: dist.requires or [] for dist in metadata.distributions()}))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of the root of the build, after the steps of the stage that builds."""
    folder = tmp_path_factory.mktemp("image")
    (stage,) = [stage for stage in the_dockerfile() if stage.name == "build"]
    build(stage, folder, {"SOURCE_DATE_EPOCH": str(EPOCH)})
    return folder


def run(root: Path, command: str, *arguments: str) -> str:
    """A program of the image, with nothing of this desk's environment."""
    path = root / "opt/murmuration/bin" / command
    done = subprocess.run([path, *arguments], cwd=root, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pyproject() -> dict[str, dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def image() -> Stage:
    return the_dockerfile()[-1]


def test_it_runs_what_a_role_needs(root: Path) -> None:
    assert run(root, "murmurd", "version").strip() == pyproject()["project"]["version"]
    assert "--role" in run(root, "murmurd", "serve", "--help")
    assert "--service" in run(root, "murmurd", "health", "--help")
    assert "--wait" in run(root, "murmurd", "migrate", "--help")
    # What the distributed engine imports only when it is chosen, compiled parts of drivers too.
    run(root, "python", "-I", "-c", "import murmuration_server.roles.role, cassandra.io.libevreactor")


def test_it_has_what_the_roles_ask_for_and_no_more(root: Path) -> None:
    requires = {
        canonicalize_name(name): wants for name, wants in json.loads(run(root, "python", "-c", INSTALLED)).items()
    }
    wanted, todo = set(), [Requirement("murmuration[server,distributed]")]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in requirement.extras or {""}:
            if (name, extra) not in wanted:
                wanted.add((name, extra))
                todo += [
                    other
                    for other in map(Requirement, requires[name])
                    if other.marker is None or other.marker.evaluate({"extra": extra})
                ]
    assert requires.keys() == {name for name, _ in wanted}
    assert not requires.keys() & {"pip", "pytest", "hatchling", "mypy", "locust"}


def test_the_epoch_is_the_time_of_all_that_is_made(root: Path) -> None:
    (wheel,) = (root / "opt/build/wheel").glob("*.whl")
    # Times in a ZIP file are even.
    assert {entry.date_time for entry in zipfile.ZipFile(wheel).infolist()} == {time.gmtime(EPOCH)[:6]}
    modules = list((root / "opt/murmuration/lib").rglob("murmuration_server/**/*.pyc"))
    assert {module.read_bytes()[4] for module in modules} == {CHECKED_HASH}


def test_nothing_is_left_to_compile_where_the_root_is_read_only(root: Path) -> None:
    (package,) = (root / "opt/murmuration/lib").glob("python*/site-packages/murmuration_server")
    sources = {path.relative_to(package).with_suffix("") for path in package.rglob("*.py")}
    compiled = {
        path.relative_to(package).parent.parent / path.name.partition(".")[0] for path in package.rglob("*.pyc")
    }
    assert sources
    assert compiled == sources
    assert "PYTHONDONTWRITEBYTECODE=1" in image().only("ENV").words()


def test_every_install_checks_hashes_or_asks_nobody() -> None:
    steps = [step for stage in the_dockerfile() for step in stage.all("RUN")]
    installs = [
        part for step in steps for part in step.rest.split("&&") if re.search(r"\bpip\b.* (install|wheel) ", part)
    ]
    assert len(installs) == 4
    for part in installs:
        assert "--require-hashes" in part or "--no-index" in part
    (offline,) = [step for step in steps if "--no-index" in step.rest]
    assert "--network=none" in offline.flags
    assert not [step for step in steps if re.search(r"\b(apt-get|apk|curl|wget)\b", step.rest)]


def test_the_image_is_run_by_nobody_in_particular() -> None:
    user, group = map(int, image().only("USER").rest.split(":"))
    assert (user, group) == (10001, 10001)
    assert image().only("ENTRYPOINT").words() == ["murmurd"]


def test_the_base_is_one_version_of_a_python_that_is_asked_for() -> None:
    (base,) = {stage.base for stage in the_dockerfile()} - {stage.name for stage in the_dockerfile()}
    version = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-\w+", base)
    assert version, base
    project = pyproject()["project"]
    assert SpecifierSet(str(project["requires-python"])).contains(version[1])
    assert f"Programming Language :: Python :: {version[1]}" in list(project["classifiers"])  # type: ignore[call-overload]
    (compiles,) = [step for step in image().all("RUN") if "compileall" in step.rest]
    assert compiles.rest.endswith(f"/python{version[1]}")


def test_what_is_copied_is_let_through_and_nothing_else_is() -> None:
    let, left_out = let_through()
    copies = [step for stage in the_dockerfile() for step in stage.all("COPY") if not step.flags]
    assert {source for step in copies for source in step.words()[:-1]} == set(let)
    assert all((ROOT / path).exists() for path in let)
    assert "**/__pycache__" in left_out


def test_labels_name_the_version_that_is_deployed() -> None:
    version = next(step.rest.partition("=")[2] for step in image().all("ARG") if step.rest.startswith("VERSION="))
    assert str(pyproject()["project"]["version"]).startswith(version)
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', image().only("LABEL").rest))
    assert labels.keys() >= {"title", "description", "licenses", "version", "revision"}
    assert labels["licenses"] == pyproject()["project"]["license"]


def test_how_a_dockerfile_is_read() -> None:
    first, second = stages('FROM a:1 AS x\nRUN --network=none b \\\n  # why\n && c\nFROM x\nENTRYPOINT ["d", "e f"]\n')
    assert (first.name, first.base, second.name, second.base) == ("x", "a:1", "", "x")
    assert first.only("RUN").flags == ("--network=none",)
    assert first.only("RUN").rest.split() == ["b", "&&", "c"]
    assert second.only("ENTRYPOINT").words() == ["d", "e f"]
