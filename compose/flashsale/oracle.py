"""
The judge of a run.  It shares no code with the product: it knows what the shops sold and reads the public topics.

Pure.  Each check adds its findings in words; the counts in the result are the lengths of those lists, so a number that
is not zero always has sentences beside it.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compose.flashsale.evidence import Evidence, Seen, Sold

Value = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found wrong, in words, and how many lines ended how."""

    lost: list[str]
    doubled: list[str]
    level_mismatches: list[str]
    channel_mismatches: list[str]
    orders: int
    accepted: int
    insufficient: int
    duplicates: int
    wrong_sku: str | None
    """A SKU that a shop shows wrongly, for a closer look."""

    @property
    def clean(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.lost or self.doubled or self.level_mismatches or self.channel_mismatches)


def judge(evidence: Evidence) -> Judgement:
    """Judge a run that has come to rest."""
    sold = [line for shop in evidence.shops for line in shop.sold]
    outcomes = [_value(seen) for seen in _ordered(evidence.topics["order.outcome"])]
    levels = {value["sku"]: value for value in map(_value, _ordered(evidence.topics["stock.level"]))}
    ends = {(value["orderId"], value["sku"]): value for value in outcomes}
    wrong = [*_channels(evidence, levels)]
    return Judgement(
        lost=[*_lost(sold, ends)],
        doubled=[*_doubled(outcomes), *_unsold(sold, ends)],
        level_mismatches=[
            *_chain(outcomes),
            *_totals(evidence.stock, levels, ends),
            *_pauses(evidence.stock, levels, ends),
        ],
        channel_mismatches=[sentence for _, sentence in wrong],
        wrong_sku=next((sku for sku, _ in wrong), None),
        orders=len(sold),
        accepted=sum(1 for line in sold if _end(line, ends).get("held") == line.qty),
        insufficient=len({v["orderId"] for v in outcomes if v["result"] in ("insufficient", "unstocked")}),
        duplicates=_duplicates([_value(seen) for seen in evidence.topics["order.confirmed"]]),
    )


def _ordered(records: Sequence[Seen]) -> list[Seen]:
    return sorted((seen for seen in records if seen.value is not None), key=lambda s: (s.partition, s.offset))


def _value(seen: Seen) -> Value:
    if seen.value is None:
        raise ValueError(f"a record without a value at {seen.partition}:{seen.offset}")
    return seen.value


def order_id(line: Sold) -> str:
    """Return the id under which the contract says this line must stand: `channel_order_line`, parts escaped."""
    order, part = (
        re.sub(r"[%_|\x00-\x20\x7f]", lambda found: f"%{ord(found.group()):02X}", text)
        for text in (line.order, line.line)
    )
    return f"{line.channel}_{order}_{part}"


def _end(line: Sold, ends: Mapping[tuple[str, str], Value]) -> Value:
    return ends.get((order_id(line), line.sku), {})


def _lost(sold: Sequence[Sold], ends: Mapping[tuple[str, str], Value]) -> Iterator[str]:
    """Every line that a shop sold is decided as the shop says: each of its units is taken, or it waits as oversold."""
    for line in sold:
        end = _end(line, ends)
        if not end:
            yield f"{order_id(line)} {line.sku}: sold {line.qty}, never decided"
        elif end["qty"] != line.qty:
            yield f"{order_id(line)} {line.sku}: sold {line.qty}, decided as {end['qty']}"
        elif end["held"] + end["shortfall"] != line.qty:
            took = f"took {end['held']}, waits for {end['shortfall']}"
            yield f"{order_id(line)} {line.sku}: sold {line.qty}, {took} ({end['result']})"


def _doubled(outcomes: Sequence[Value]) -> Iterator[str]:
    """No state of a line is decided twice, and no line takes more than it asked for or than was taken for it."""
    decided: set[tuple[str, str, int, int]] = set()
    taken: dict[tuple[str, str], int] = defaultdict(int)
    for value in outcomes:
        line = (value["orderId"], value["sku"])
        taken[line] += value["delta"]
        if taken[line] != value["held"]:
            yield f"{line}: holds {value['held']}, but its decisions took {taken[line]}"
        if value["orderId"].startswith("adj_") or value["result"] in ("settled", "closed_by_set"):
            continue
        if value["held"] > value["qty"]:
            yield f"{line}: holds {value['held']} of {value['qty']}"
        state = (*line, value["revision"], value["seenAt"])
        if state in decided:
            yield f"{line}: revision {value['revision']} decided twice"
        decided.add(state)


def _unsold(sold: Sequence[Sold], ends: Mapping[tuple[str, str], Value]) -> Iterator[str]:
    """No line takes units or waits for some that no shop has sold: the same sale under a second name, for instance."""
    known = {(order_id(line), line.sku) for line in sold}
    for (name, sku), end in ends.items():
        if (name, sku) not in known and not name.startswith("adj_") and (end["held"] or end["shortfall"]):
            yield f"{name} {sku}: takes {end['held'] + end['shortfall']}, no shop has sold it"


def _chain(outcomes: Sequence[Value]) -> Iterator[str]:
    """Per SKU the decisions form one chain: each starts where the last ended, and each refusal was forced."""
    level: dict[str, int] = defaultdict(int)
    version: dict[str, int] = defaultdict(int)
    held: dict[tuple[str, str], int] = defaultdict(int)
    for value in outcomes:
        sku, line = value["sku"], (value["orderId"], value["sku"])
        before = level[sku]
        if value["newQty"] is not None and value["newQty"] != before - value["delta"]:
            yield f"{sku} v{value['version']}: {before} - {value['delta']} is not {value['newQty']}"
        if value["version"] is not None:
            if value["version"] != version[sku] + 1:
                yield f"{sku}: version {value['version']} follows {version[sku]}"
            version[sku] = value["version"]
        if value["result"] in ("insufficient", "unstocked") and value["qty"] - held[line] <= before:
            yield f"{line}: refused {value['qty'] - held[line]} of {before}: not forced"
        if value["result"] == "accepted" and value["delta"] > max(before, 0):
            yield f"{line}: accepted {value['delta']} of {before}"
        if value["result"] == "settled" and value["delta"] > before:
            yield f"{line}: settled {value['delta']} of {before}"
        level[sku], held[line] = before - value["delta"], value["held"]


def _totals(
    stock: Mapping[str, int], levels: Mapping[str, Value], ends: Mapping[tuple[str, str], Value]
) -> Iterator[str]:
    """Every level is the initial stock less what the lines hold."""
    held: dict[str, int] = defaultdict(int)
    for (name, sku), value in ends.items():
        held[sku] += 0 if name.startswith("adj_") else value["held"]
    for sku, initial in stock.items():
        have = levels.get(sku, {}).get("quantity")
        if have != initial - held[sku]:
            yield f"{sku}: level {have}, but {initial} - {held[sku]} sold is {initial - held[sku]}"


def _pauses(
    stock: Mapping[str, int], levels: Mapping[str, Value], ends: Mapping[tuple[str, str], Value]
) -> Iterator[str]:
    """A SKU is paused where a sale waits for units, and only there: a needless pause sells nothing anywhere."""
    short = {sku for (_, sku), value in ends.items() if value["shortfall"]}
    for sku in stock:
        paused = bool(levels.get(sku, {}).get("paused"))
        if paused is not (sku in short):
            yield f"{sku}: {'paused, but no sale waits' if paused else 'not paused, but a sale waits'}"


def _channels(evidence: Evidence, levels: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    """Every shop shows the true level of every SKU, 0 where it is paused; yields a SKU and a sentence where not."""
    for shop in evidence.shops:
        for sku in evidence.stock:
            level, shown = levels.get(sku, {}), shop.shown.get(sku)
            want = 0 if level.get("paused") else max(0, level.get("quantity") or 0)
            if shown != want:
                yield sku, f"{shop.channel} shows {shown} of {sku}, the level is {want}"


def _duplicates(confirmed: Sequence[Value]) -> int:
    """Count the deliveries beyond the first of a state of a line."""
    states = [(value["orderId"], value["sku"], value["revision"]) for value in confirmed]
    return len(states) - len(set(states))
