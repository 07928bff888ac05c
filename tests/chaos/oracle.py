"""
The judge: from the shops' own books to what every level and every line must be.

Pure; shares no code with the product.  A level is the stock less what the shops' lines hold, of orders placed since the
channel was connected.  A line has taken what its shop says that it holds; what no shop holds any more (cancelled, moved
to another SKU, gone from its order, not ours) has taken nothing.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.chaos.evidence import Evidence, Finding, Seen, Sold

Value = Mapping[str, Any]
Key = tuple[str, str]


def judge(evidence: Evidence) -> list[Finding]:
    """Return everything that is wrong with a run that has come to rest."""
    outcomes = values(evidence.topics["order.outcome"])
    levels = {value["sku"]: value for value in values(evidence.topics["stock.level"])}
    ends = {(value["orderId"], value["sku"]): value for value in outcomes}
    due = wanted(evidence)
    return [
        *_lines(due, ends, {_name(sold) for sold in evidence.sold if _old(sold, evidence)}),
        *_decisions(outcomes),
        *_levels(evidence.stock, due, levels),
        *_letters(evidence),
    ]


def wanted(evidence: Evidence) -> Counter[Key]:
    """Return what each (line, SKU) must have taken."""
    due: Counter[Key] = Counter()
    for sold in evidence.sold:
        if not _old(sold, evidence):
            for sku, units in evidence.meaning[sold.channel, sold.listing].items():
                due[_name(sold), sku] += units * sold.units
    return due


def values(records: Sequence[Seen]) -> list[Value]:
    """Return the records' values in the log's order, tombstones left out."""
    return [seen.value for seen in sorted(records, key=lambda seen: seen[:2]) if seen.value is not None]


def _old(sold: Sold, evidence: Evidence) -> bool:
    return sold.at < evidence.since[sold.channel]


def _name(sold: Sold) -> str:
    """Return the line's id as the contract spells it: channel, order and line, parted by `_`, which is escaped."""
    parts = (
        re.sub(r"[%_|\x00-\x20\x7f]", lambda found: f"%{ord(found.group()):02X}", part)
        for part in (sold.order, sold.line)
    )
    return "_".join((sold.channel, *parts))


def _lines(due: Counter[Key], ends: Mapping[Key, Value], old: set[str]) -> Iterator[Finding]:
    """Every line has taken what its shop says, no more and no less, and waits for nothing: stock is ample."""
    for key in sorted({*due, *ends}):
        if key[0].startswith("adj_"):
            continue
        end = ends.get(key, {})
        took, what = end.get("held", 0), " ".join(key)
        if took < due[key]:
            yield Finding(
                "lost", f"{what}: the shop holds {due[key]}, taken {took} ({end.get('result', 'not decided')})"
            )
        elif took > due[key]:
            why = "placed before the channel was connected" if key[0] in old else f"the shop holds {due[key]}"
            yield Finding("doubled", f"{what}: {why}, taken {took} ({end['result']})")
        if end.get("shortfall"):
            yield Finding("wrong", f"{what}: waits for {end['shortfall']} though stock is ample")


def _decisions(outcomes: Sequence[Value]) -> Iterator[Finding]:
    """No state of a line is decided twice, what a line holds is the sum of its decisions, and no version is missing."""
    taken: Counter[Key] = Counter()
    decided: set[tuple[Any, ...]] = set()
    version: dict[str, int] = defaultdict(int)
    for value in outcomes:
        key = (value["orderId"], value["sku"])
        taken[key] += value["delta"]
        state = (*key, value["revision"], value["seenAt"])
        if state in decided:
            yield Finding("doubled", f"{' '.join(key)}: revision {value['revision']} decided twice")
        decided.add(state)
        if taken[key] != value["held"]:
            yield Finding("wrong", f"{' '.join(key)}: holds {value['held']}, its decisions took {taken[key]}")
        if value["version"] is not None:
            if value["version"] != version[value["sku"]] + 1:
                yield Finding("wrong", f"{value['sku']}: version {value['version']} after {version[value['sku']]}")
            version[value["sku"]] = value["version"]


def _levels(stock: Mapping[str, int], due: Counter[Key], levels: Mapping[str, Value]) -> Iterator[Finding]:
    """Every level is the stock less what the shops hold; nothing is paused; no other SKU has a level."""
    held: Counter[str] = Counter()
    for (_, sku), units in due.items():
        held[sku] += units
    for sku in sorted({*stock, *levels}):
        have, want = levels.get(sku, {}).get("quantity"), stock.get(sku, 0) - held[sku]
        if have != want:
            yield Finding("wrong", f"{sku}: level {have}, but {stock.get(sku, 0)} less {held[sku]} is {want}")
        if levels.get(sku, {}).get("paused"):
            yield Finding("wrong", f"{sku}: paused though stock is ample")


def _letters(evidence: Evidence) -> Iterator[Finding]:
    """Lines wait for their listing in a dead letter, and leave it when the listing comes; nothing else is dead."""
    for letter in unresolved(evidence):
        where = f"{letter.get('channel')} {letter.get('orderId')}"
        yield Finding("wrong", f"dead letter left: {letter['reason']} {where}: {letter['err']}")


def unresolved(evidence: Evidence) -> list[Value]:
    """Return the dead letters that no later record resolves, each once."""
    letters = values(evidence.topics["stock.deadletter"])
    resolved = {letter["resolves"] for letter in letters if letter.get("resolves")}
    return [
        *{
            letter["deadLetterId"]: letter
            for letter in letters
            if not letter.get("resolves") and letter["deadLetterId"] not in resolved
        }.values()
    ]
