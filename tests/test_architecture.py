"""Lists that must agree, and names that must be ours."""

import ast
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


def test_every_client_of_kafka_writes_its_logs_where_ours_are() -> None:
    """By itself librdkafka writes plain lines on standard error, between the JSON."""
    clients = re.compile(r"(?<![\w.])(?:Consumer|Producer|AdminClient|Client)\(")
    silent = []
    for name in OURS:
        for path in (ROOT / name).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            library = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("confluent_kafka")
                for alias in node.names
            }
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
            silent += [
                f"{path.relative_to(ROOT)}:{call.lineno}"
                for call in calls
                if isinstance(call.func, ast.Name)
                and call.func.id in library
                and clients.match(f"{call.func.id}(")
                and "logger" not in {keyword.arg for keyword in call.keywords}
            ]

    assert silent == []


def test_no_module_has_grown_over_its_bound() -> None:
    """A module with one responsibility needs no more than 250 lines."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for name in (*OURS, "compose")
        for path in (ROOT / name).rglob("*.py")
    }

    assert {path: size for path, size in sizes.items() if size > 250} == {}
