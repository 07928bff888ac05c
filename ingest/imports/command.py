"""What the commands that write a diff share: the writing, the output and the last words."""

import json
from collections.abc import Iterable, Mapping

from ingest.imports.diff import Diff
from ingest.imports.progress import bar
from ingest.imports.write import write_all
from schemas.cluster import now_ms
from schemas.config import Config


def write(config: Config, diff: Diff) -> None:
    """Write what a diff says; raises `NotWritten`."""
    writes = diff.writes()
    with bar("writing", len(writes)) as advance:
        write_all(config, writes, now_ms(), advance)


def show(lines: Iterable[str], told: Mapping[str, object] | None) -> None:
    """Print one JSON object, or (None) the lines for people."""
    if told is not None:
        print(json.dumps(told, ensure_ascii=False))  # noqa: T201 - the command's output
        return
    for line in lines:
        print(line)  # noqa: T201 - likewise


def last_words(diff: Diff, *, asked: bool, applied: bool) -> str:
    """Return what came of a diff, in a sentence."""
    if applied:
        return f"{len(diff.writes())} records written and acknowledged"
    return "nothing written: rows were refused" if asked else "nothing written; --apply to write"
