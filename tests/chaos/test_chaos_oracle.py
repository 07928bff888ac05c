"""The oracle on canned logs: a whole one is clean, and one with a record dropped, doubled or wrong is not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.chaos.evidence import Evidence, Seen, Sold
from tests.chaos.oracle import judge, unresolved

SINCE = 1_000
Change = Mapping[str, Any]


def outcome(line: str, sku: str, delta: int, version: int | None, **more: Any) -> dict[str, Any]:
    """A decision; `held` is `delta` unless said otherwise."""
    known = {"result": "accepted", "revision": 5, "seenAt": 7, "held": delta, "shortfall": 0}
    return {"orderId": line, "sku": sku, "delta": delta, "version": version, **known, **more}


def level(sku: str, quantity: int, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "paused": None, **more}


OUTCOMES = (
    outcome("adj_1", "TEE", -10, 1, result="applied", revision=0, seenAt=0),
    outcome("adj_2", "MUG", -10, 1, result="applied", revision=0, seenAt=0),
    outcome("shop_A%5F1_1", "TEE", 3, 2),
    outcome("shop_A%5F1_2", "TEE", 2, 3),
    outcome("shop_A%5F1_2", "MUG", 4, 2),
    outcome("shop_B_1", "TEE", 1, 4),
    outcome("shop_B_1", "TEE", -1, 5, held=0, revision=6),
    outcome("shop_OLD_1", "TEE", 0, None, result="too_old"),
)
LEVELS = (level("TEE", 10), level("TEE", 5), level("MUG", 6))
SOLD = (
    Sold(channel="shop", order="A_1", line="1", listing="900", units=3, at=SINCE),
    Sold(channel="shop", order="A_1", line="2", listing="SET", units=2, at=SINCE),
    Sold(channel="shop", order="B", line="1", listing="900", units=0, at=SINCE + 1),
    Sold(channel="shop", order="OLD", line="1", listing="900", units=7, at=SINCE - 1),
)


def log(values: Sequence[Change]) -> list[Seen]:
    """Return the values as they stand in one partition; read backwards, since readers may."""
    return [Seen(0, offset, value) for offset, value in enumerate(values)][::-1]


def evidence(
    outcomes: Sequence[Change] = OUTCOMES, levels: Sequence[Change] = LEVELS, letters: Sequence[Change] = ()
) -> Evidence:
    """A run of one shop: a line, a bundle's, one that was cancelled and one of last year."""
    return Evidence(
        stock={"TEE": 10, "MUG": 10},
        since={"shop": SINCE},
        meaning={("shop", "900"): {"TEE": 1}, ("shop", "SET"): {"TEE": 1, "MUG": 2}},
        sold=SOLD,
        topics={"order.outcome": log(outcomes), "stock.level": log(levels), "stock.deadletter": log(letters)},
    )


def kinds(found: Evidence) -> set[str]:
    return {finding.kind for finding in judge(found)}


def test_a_run_in_which_everything_was_counted_once_is_clean() -> None:
    """Bundles take their components, cancelled and old orders nothing."""
    assert judge(evidence()) == []


@pytest.mark.parametrize("dropped", range(2, 6))
def test_a_sale_that_was_never_decided_is_lost(dropped: int) -> None:
    """Each decision about a sale in turn is taken out of the log."""
    kept = [one for place, one in enumerate(OUTCOMES) if place != dropped]
    assert kinds(evidence(kept)) & {"lost", "wrong"}


def test_a_lost_line_is_named() -> None:
    """What the shop holds, and that nothing was taken for it."""
    kept = [one for one in OUTCOMES if one["orderId"] != "shop_A%5F1_1"]
    sentences = [finding.text for finding in judge(evidence(kept)) if finding.kind == "lost"]
    assert sentences == ["shop_A%5F1_1 TEE: the shop holds 3, taken 0 (not decided)"]


@pytest.mark.parametrize("doubled", range(2, 6))
def test_a_decision_that_stands_twice_is_doubled(doubled: int) -> None:
    """The same state of a line, decided again; the level went down with it."""
    again = OUTCOMES[doubled]
    both = [*OUTCOMES, {**again, "held": again["held"] + again["delta"], "version": 6}]
    assert "doubled" in kinds(evidence(both))


def test_a_sale_under_a_second_name_is_doubled() -> None:
    """Units that no shop holds were taken, though every decision is consistent by itself."""
    strange = outcome("shop_C_1", "TEE", 1, 6)
    found = judge(evidence((*OUTCOMES, strange), (level("TEE", 4), level("MUG", 6))))
    assert [finding.kind for finding in found] == ["doubled", "wrong"]


@pytest.mark.parametrize(
    ("line", "sku"),
    [("shop_B_1", "TEE"), ("shop_OLD_1", "TEE"), ("shop_A%5F1_1", "MUG")],
    ids=["cancelled", "of last year", "moved to another SKU"],
)
def test_units_that_no_shop_holds_any_more_are_doubled(line: str, sku: str) -> None:
    """A cancelled order, one from before the channel was connected, a line's old SKU."""
    taken = outcome(line, sku, 1, None, held=1, revision=9)
    assert "doubled" in kinds(evidence((*OUTCOMES, taken)))


@pytest.mark.parametrize(
    "levels",
    [
        (level("TEE", 6), level("MUG", 6)),
        (level("TEE", 5),),
        (level("TEE", 5), level("MUG", 6), level("CUP", 0), level("CUP", 1)),
        (level("TEE", 5, paused="oversell"), level("MUG", 6)),
    ],
    ids=["too high", "missing", "of a SKU that nobody has", "paused"],
)
def test_a_level_that_is_not_the_stock_less_what_is_held_is_wrong(levels: Sequence[Change]) -> None:
    """Too high, missing, somebody else's, or paused with ample stock."""
    assert kinds(evidence(levels=levels)) == {"wrong"}


def test_a_version_that_is_missing_is_wrong() -> None:
    """Versions count every change of a level."""
    gap = [{**one, "version": 7} if one["version"] == 5 else one for one in OUTCOMES]
    assert kinds(evidence(gap)) == {"wrong"}


def test_a_line_that_waits_is_wrong_where_stock_is_ample() -> None:
    """Nothing can be short."""
    short = outcome("shop_B_1", "TEE", 0, None, held=0, shortfall=2, revision=9)
    assert kinds(evidence((*OUTCOMES, short))) == {"wrong"}


def letter(name: str, **more: Any) -> dict[str, Any]:
    return {"deadLetterId": name, "reason": "unmapped", "err": "no SKU", **more}


def test_a_dead_letter_that_nothing_resolves_is_wrong() -> None:
    """Resolved ones count no more, whatever the order."""
    resolved = evidence(letters=(letter("r", resolves="a"), letter("a"), letter("a")))
    assert judge(resolved) == []
    left = evidence(letters=(letter("a"), letter("b"), letter("r", resolves="a")))
    assert [one["deadLetterId"] for one in unresolved(left)] == ["b"]
    assert kinds(left) == {"wrong"}
