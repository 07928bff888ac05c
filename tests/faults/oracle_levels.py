"""The levels as other teams read them: rising, and each what the outcomes say (pure)."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.faults.history import Finding, Output
from tests.faults.model import Shelf

TEXT_MAX = 2_000


def levels(records: Sequence[Output], shelves: Mapping[str, Shelf]) -> Iterator[Finding]:
    """Yield what is wrong with one partition's `stock.level`, given what its outcomes have led to."""
    newest: dict[str, dict[str, Any]] = {}
    for record in records:
        level = json.loads(record.value)
        sku = level["sku"]
        if record.key.decode() != sku:
            yield Finding("wrong_levels", "key", f"{sku} stands under {record.key!r}")
        if sku in newest:
            yield from _after(level, newest[sku])
        yield from _said(level, shelves.get(sku) or Shelf())
        newest[sku] = level
    for sku, shelf in shelves.items():
        yield from _final(sku, newest.get(sku), shelf)


def _after(level: dict[str, Any], before: dict[str, Any]) -> Iterator[Finding]:
    sku, version, last = level["sku"], level["version"], before["version"]
    if version < last:
        yield Finding("regressions", "level went back", f"{sku}: {version} after {last}")
    if version == last and level["source"] == before["source"]:
        yield Finding("doubled", "level again", f"{sku}: {version} twice")
    for topic_id, offset in before["source"].items():
        if level["source"].get(topic_id, -1) < offset:
            yield Finding("regressions", "source went back", f"{sku}: {topic_id} before {offset}")


def _said(level: dict[str, Any], shelf: Shelf) -> Iterator[Finding]:
    version, quantity = level["version"], level["quantity"]
    if version not in shelf.at:
        yield Finding("wrong_levels", "level without outcome", f"{level['sku']}: version {version}")
    elif shelf.at[version] != quantity:
        text = f"{level['sku']} {version}: {quantity}, the outcomes say {shelf.at[version]}"
        yield Finding("wrong_levels", "level differs", text)


def _final(sku: str, level: dict[str, Any] | None, shelf: Shelf) -> Iterator[Finding]:
    if level is None:
        if shelf.version or shelf.waiting:
            yield Finding("lost", "no level", sku)
        return
    facts = {
        "quantity": (level["quantity"], shelf.quantity),
        "units held": (-(level["quantity"] or 0), shelf.held),
        "version": (level["version"], shelf.version),
        "waiting": ([(one["orderId"], one["shortfall"]) for one in level["waiting"]], list(shelf.waiting.items())),
        "waiting beyond the list": (level["waitingMore"], shelf.more),
        "paused by an operator": (level["paused"] == "operator", shelf.operator),
        "paused while nothing waits": (level["paused"] == "oversell" and not shelf.waiting, False),
    }
    for name, (found, expected) in facts.items():
        if found != expected:
            yield Finding(
                "wrong_levels", "last level", f"{sku}: {name} is {found}, the outcomes say {expected}"[:TEXT_MAX]
            )
