"""Lists that must agree, and names that must be ours."""

import re
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from compose.fakes.server import KINDS as FAKES
from ingest.channels import WEBHOOKS
from publishers.channels import KINDS as PUSHES
from schemas.settings import Kind

ROOT = Path(__file__).parents[1]
OURS = ("ingest", "processor", "publishers", "schemas")
KINDS = {kind.value for kind in Kind}
NO_STOCK_TO_PUSH = {"generic"}
"""A generic sender tells us its orders and has no stock of its own to be told."""


@pytest.mark.parametrize("name", OURS)
def test_the_top_level_names_are_ours(name: str) -> None:
    """A foreign package of the same name would win or mix without a word."""
    assert set(packages_distributions()[name]) == {"lastunit"}


def test_every_kind_of_channel_is_complete() -> None:
    """A kind has a way in, a way out, a stand-in and a folder with its evidence."""
    assert {str(kind) for kind in WEBHOOKS} == KINDS, "ingest/channels"
    assert {str(kind) for kind in PUSHES} == KINDS - NO_STOCK_TO_PUSH, "publishers/channels"
    assert {str(kind) for kind in FAKES} == KINDS, "compose/fakes"
    folders = {path.name for path in (ROOT / "tests" / "channels").iterdir() if (path / "README.md").exists()}
    assert folders == KINDS, "tests/channels"


def test_only_the_configuration_reads_the_environment() -> None:
    """Commands hand the environment over; nothing deeper looks at it."""
    allowed = re.compile(r"(__main__|_cli|options|serve|app|command)\.py$")
    readers = [
        str(path.relative_to(ROOT))
        for name in OURS
        for path in (ROOT / name).rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text(encoding="utf-8"))
    ]

    assert [path for path in readers if not allowed.search(path)] == []


def test_no_module_has_grown_over_its_bound() -> None:
    """A module with one responsibility needs no more than 250 lines."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for name in (*OURS, "compose")
        for path in (ROOT / name).rglob("*.py")
    }

    assert {path: size for path, size in sizes.items() if size > 250} == {}
