"""The wheel as a user installs it: an editable installation hides what it lacks."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"ingest", "processor", "publishers", "schemas"}
COMMANDS = ("schemas", "ingest", "processor", "publishers", "publishers.ledger")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what git tracks, as a release would."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tree = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S607 - git is found by its name everywhere
    for name in filter(None, tree.decode().split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-m", "build", "-q", "--wheel", "-o", out, source], check=True)
    (built,) = out.glob("lastunit-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder of its own, without its dependencies, which the environment has."""
    target = tmp_path_factory.mktemp("installed")
    argv = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--target"]
    subprocess.run([*argv, target, wheel], check=True)
    return target


def run(installed: Path, cwd: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_holds_our_four_packages_and_nothing_else(wheel: Path) -> None:
    """No tests, no stand-ins, no stray top-level package."""
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in names if not name.endswith(".dist-info")} == OURS


def test_the_installed_names_are_ours(installed: Path, tmp_path: Path) -> None:
    """Imports come from the wheel, and the distribution says so."""
    code = (
        "import schemas; from importlib.metadata import packages_distributions as d; "
        f"print(schemas.__file__.startswith({str(installed)!r}), sorted(set(d()['schemas'])))"
    )

    assert run(installed, tmp_path, "-c", code).stdout.strip() == "True ['lastunit']"


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_starts_from_the_wheel(installed: Path, tmp_path: Path, module: str) -> None:
    """`--help` imports what the command needs, out of the wheel alone."""
    done = run(installed, tmp_path, "-m", module, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert "usage" in done.stdout


def test_the_documents_travel_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    """A platform team finds the contract in the package."""
    done = run(installed, tmp_path, "-m", "schemas", "docs", "--check")

    assert (done.returncode, done.stderr) == (0, "")
