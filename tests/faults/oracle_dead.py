"""Poison: once in `stock.deadletter`, with its bytes, and nothing else there (pure)."""

import base64
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.faults.history import Finding, History, Input, Place

LARGE = 600_000
"""Above this many bytes an original need not fit into its dead letter; then the letter must say where it stands."""


def buried(history: History) -> Iterator[Finding]:
    """Yield what is wrong with the dead letters."""
    letters: dict[tuple[Place, int], list[dict[str, Any]]] = defaultdict(list)
    for raw in history.dead:
        letter = json.loads(raw)
        if letter["reason"] != "skipped" and letter["origin"] is not None and letter["resolves"] is None:
            origin = letter["origin"]
            letters[Place(origin["topicId"], origin["partition"]), origin["offset"]].append(letter)
    skipped = {(skip.place, offset) for skip in history.skips for offset in range(skip.start, skip.end)}
    for place, log in history.inputs.items():
        for offset, record in log.items():
            found = letters.pop((place, offset), [])
            if (place, offset) not in skipped:
                yield from _one(f"{place.topic_id} {place.partition} {offset}", record, found)
    for place, offset in letters:
        yield Finding("doubled", "dead letter of nothing", f"{place.topic_id} {place.partition} {offset}")


def _one(where: str, record: Input, found: list[dict[str, Any]]) -> Iterator[Finding]:
    if not record.poison:
        if found:
            yield Finding("lost", "good record buried", f"{where}: {found[0]['reason']}, {found[0]['err']}")
        return
    if len(found) != 1:
        count, kind = ("lost", "poison vanished") if not found else ("doubled", "buried twice")
        yield Finding(count, kind, f"{where}: {record.poison}, {len(found)} dead letters")
        return
    kept, value = found[0]["original"], record.value or b""
    if kept is None and len(value) > LARGE:
        return
    if base64.b64decode(kept or "") != value:
        yield Finding("lost", "original differs", f"{where}: {record.poison}")
