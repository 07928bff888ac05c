"""The names of Faust and aiokafka that the shell relies on: each is checked at start-up, and none is forgotten."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from processor import private

FOLDER = Path(inspect.getfile(private)).parent
LIBRARIES = ("faust", "aiokafka", "mode")
NAMED = [*private.OVERRIDDEN, *private.CALLED]


def called(case: tuple[Any, str]) -> str:
    """Return a name as a person would write it."""
    owner, name = case
    return f"{getattr(owner, '__qualname__', owner.__name__)}.{name}"


@pytest.mark.parametrize("case", NAMED, ids=called)
def test_a_name_that_is_gone_fails_the_start(monkeypatch: pytest.MonkeyPatch, case: tuple[Any, str]) -> None:
    """An upgrade that renames it is noticed before a record is read."""
    owner, name = case
    homes = [home for home in (owner.__mro__ if isinstance(owner, type) else [owner]) if name in vars(home)]
    try:
        for home in homes:
            monkeypatch.delattr(home, name)
    except TypeError:  # a type of an extension keeps its names: another type without it stands in
        stand_in = type(owner.__name__, (), {})
        tables = [tuple((stand_in, n) if (o, n) == case else (o, n) for o, n in t) for t in (private.CALLED,)]
        monkeypatch.setattr(private, "CALLED", tables[0])
    assert any(name in fault for fault in private.missing())


@pytest.mark.parametrize("case", private.ASSIGNED, ids=called)
def test_an_attribute_that_is_set_no_more_fails_the_start(
    monkeypatch: pytest.MonkeyPatch, case: tuple[Any, str]
) -> None:
    """It is looked for in the source of its class, since there is no object yet."""
    owner, name = case
    source = private._source
    monkeypatch.setattr(private, "_source", lambda one: source(one).replace(f"self.{name}", "self.renamed"))
    for home in owner.__mro__:
        if name in vars(home):
            monkeypatch.delattr(home, name)
    assert any(name in fault for fault in private.missing())


def test_no_name_is_told_twice() -> None:
    """One line each, or an upgrade mends one of two."""
    told = [*NAMED, *private.ASSIGNED]
    assert len(told) == len(set(told))


def shell() -> list[ast.Module]:
    """Return the modules that import one of the libraries."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.py")]
    return [
        tree
        for tree in trees
        if any(
            isinstance(node, ast.ImportFrom | ast.Import)
            and (getattr(node, "module", None) or node.names[0].name).split(".")[0] in LIBRARIES
            for node in ast.walk(tree)
        )
    ]


def test_every_private_name_that_the_shell_uses_is_checked() -> None:
    """What begins with an underscore and is not our own stands in one of the tables."""
    used: set[str] = set()
    ours: set[str] = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "__init__":
                targets = [one for one in ast.walk(node) if isinstance(one, ast.Attribute)]
                ours |= {one.attr for one in targets if isinstance(one.ctx, ast.Store)}
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                ours.add(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                ours.add(node.target.id)
    for tree in shell():
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    private_names = {name for name in used if name.startswith("_") and not name.startswith("__")}
    assert private_names - ours - private.KNOWN - {"_exit"} == set()
