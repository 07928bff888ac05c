"""The oracle itself: a whole and right history has no finding, and each thing that is broken in one is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.history import Finding, History, Input, Output, Place, Skip, Witness
from tests.faults.oracle import judge

ORDERS, ADJUSTMENTS = "id-orders", "id-adjustments"
NAMES = {ORDERS: "order.confirmed", ADJUSTMENTS: "stock.adjusted"}
NOW = 1_000
Rows = list[dict[str, Any]]


def order(number: int, qty: int, revision: int = 1) -> Input:
    fields = {"sku": "A", "orderId": f"o{number}", "qty": qty, "revision": revision}
    times = {"seenAt": NOW + revision, "orderedAt": NOW, "receivedAt": NOW}
    return Input(b"A", json.dumps(fields | times).encode())


def adjust(number: int, kind: str, qty: int) -> Input:
    fields = {"sku": "A", "adjustmentId": f"a{number}", "kind": kind, "qty": qty, "ifVersion": None}
    return Input(b"A", json.dumps(fields | {"receivedAt": NOW}).encode())


def outcome(
    source: tuple[str, int], own: str, result: str, numbers: tuple[int, ...], version: int | None
) -> dict[str, Any]:
    qty, held, shortfall, delta, new = numbers
    adjusted = own.startswith("adj_")
    return {
        "sku": "A",
        "orderId": own,
        "revision": 0 if adjusted else 1,
        "seenAt": NOW if adjusted else NOW + 1,
        "qty": qty,
        "held": held,
        "shortfall": shortfall,
        "delta": delta,
        "result": result,
        "newQty": new,
        "version": version,
        "source": dict([source]),
    }


def level(version: int, quantity: int, orders: int, waiting: tuple[tuple[str, int], ...] = ()) -> dict[str, Any]:
    lines = [{"orderId": own, "shortfall": units} for own, units in waiting]
    source = {ORDERS: orders, ADJUSTMENTS: 0}
    paused = "oversell" if waiting else None
    facts = {"sku": "A", "version": version, "quantity": quantity, "paused": paused}
    return facts | {"waiting": lines, "waitingMore": 0, "source": source}


def stored(rows: Rows, key: Callable[[dict[str, Any]], str]) -> list[Output]:
    return [Output(2 * n, key(row).encode(), json.dumps(row).encode(), 2 * n) for n, row in enumerate(rows)]


def outcomes(rows: Rows) -> dict[int, list[Output]]:
    return {0: stored(rows, lambda row: f"{row['orderId']}|{row['sku']}")}


def levels(rows: Rows) -> dict[int, list[Output]]:
    return {0: stored(rows, lambda row: str(row["sku"]))}


OUTCOMES = [
    outcome((ADJUSTMENTS, 0), "adj_a0", "applied", (5, -5, 0, -5, 5), 1),
    outcome((ORDERS, 0), "o0", "accepted", (4, 4, 0, 4, 1), 2),
    outcome((ORDERS, 1), "o1", "insufficient", (3, 0, 3, 0, 1), 3),
    # order 2 is order 0 again, order 3 is poison
    outcome((ADJUSTMENTS, 1), "adj_a1", "applied", (4, -4, 0, -4, 5), 4),
    outcome((ADJUSTMENTS, 1), "o1", "settled", (3, 3, 0, 3, 2), 5),
    outcome((ORDERS, 4), "o4", "accepted", (1, 1, 0, 1, 1), 6),
]
LEVELS = [level(2, 1, 0), level(3, 1, 1, (("o1", 3),)), level(5, 2, 1) | {"source": {ORDERS: 1, ADJUSTMENTS: 1}}]
LEVELS += [level(6, 1, 4) | {"source": {ORDERS: 4, ADJUSTMENTS: 1}}]
LETTER: dict[str, Any] = {"reason": "undecodable", "resolves": None, "original": "bm8=", "err": ""}
LETTER |= {"origin": {"topicId": ORDERS, "partition": 0, "offset": 3}}


@pytest.fixture
def history() -> History:
    inputs = [order(0, 4), order(1, 3), order(0, 4), Input(b"A", b"no", "bytes"), order(4, 1)]
    return History(
        names=NAMES,
        inputs={
            Place(ORDERS, 0): dict(enumerate(inputs)),
            Place(ADJUSTMENTS, 0): {0: adjust(0, "set", 5), 1: adjust(1, "add", 4)},
        },
        outcomes=outcomes(OUTCOMES),
        levels=levels(LEVELS),
        dead=[json.dumps(LETTER).encode()],
        committed={Place(ORDERS, 0): 5, Place(ADJUSTMENTS, 0): 2},
        witnesses=[Witness(0, {ORDERS: 1, ADJUSTMENTS: 1}, 3), Witness(0, {ORDERS: 5, ADJUSTMENTS: 2}, 11)],
    )


def found(history: History) -> set[tuple[str, str]]:
    return {(finding.counted, finding.kind) for finding in judge(history)}


def without(rows: Rows, *places: int) -> Rows:
    return [row for place, row in enumerate(rows) if place not in places]


def changed(rows: Rows, place: int, **fields: Any) -> Rows:
    return [row | fields if at == place else row for at, row in enumerate(rows)]


def test_a_right_history_has_no_finding(history: History) -> None:
    """Orders, a duplicate, an oversell that is settled later, poison: all explained."""
    assert judge(history) == []


WRONG_OUTCOMES: dict[str, tuple[Rows, tuple[str, str]]] = {
    "an order without an outcome": (without(OUTCOMES, 5), ("lost", "skipped")),
    "an adjustment without one": (without(OUTCOMES, 3, 4), ("lost", "skipped")),
    "a line that is settled before it was decided": (without(OUTCOMES, 2), ("wrong_levels", "not its turn")),
    "an order decided twice": ([*OUTCOMES, OUTCOMES[5]], ("doubled", "decided twice")),
    "a version that stands twice": (changed(OUTCOMES, 5, version=5), ("doubled", "version again")),
    "a version that is missing": (changed(OUTCOMES, 5, version=7), ("lost", "version missing")),
    "a change that has no version": (changed(OUTCOMES, 5, version=None), ("wrong_levels", "change without a version")),
    "a wrong quantity": (changed(OUTCOMES, 5, newQty=0), ("wrong_levels", "wrong outcome")),
    "units sold that were not there": (
        changed(OUTCOMES, 2, result="accepted", held=3, shortfall=0, delta=3, newQty=-2),
        ("wrong_levels", "wrong outcome"),
    ),
    "a line that waits although it fits": (without(OUTCOMES, 4), ("wrong_levels", "left waiting")),
    "an outcome of poison": (
        [*OUTCOMES[:5], OUTCOMES[5] | {"source": {ORDERS: 3}}],
        ("wrong_levels", "groundless"),
    ),
    "an outcome of nothing": ([*OUTCOMES[:5], OUTCOMES[5] | {"source": {ORDERS: 9}}], ("wrong_levels", "groundless")),
    "a settled line far from its cause": (
        [*OUTCOMES[:4], OUTCOMES[5], OUTCOMES[4] | {"source": {ADJUSTMENTS: 0}}],
        ("regressions", "strayed"),
    ),
}


@pytest.mark.parametrize(("rows", "finding"), WRONG_OUTCOMES.values(), ids=WRONG_OUTCOMES.keys())
def test_a_wrong_outcome_is_found(history: History, rows: Rows, finding: tuple[str, str]) -> None:
    """Each by its name, whatever else follows from it."""
    assert finding in found(replace(history, outcomes=outcomes(rows), witnesses=()))


WRONG_LEVELS: dict[str, tuple[Rows, tuple[str, str]]] = {
    "a level that goes back": ([*LEVELS, LEVELS[1]], ("regressions", "level went back")),
    "a level written twice": ([*LEVELS, LEVELS[3]], ("doubled", "level again")),
    "a level whose source goes back": (
        [*LEVELS[:3], LEVELS[3] | {"source": {ORDERS: 0, ADJUSTMENTS: 1}}],
        ("regressions", "source went back"),
    ),
    "a quantity that no outcome has": (changed(LEVELS, 3, quantity=2), ("wrong_levels", "level differs")),
    "a version that no outcome has": (changed(LEVELS, 3, version=9), ("wrong_levels", "level without outcome")),
    "a last level that was not written": (LEVELS[:3], ("wrong_levels", "last level")),
    "no level at all": ([], ("lost", "no level")),
    "a line that waits on paper only": (
        changed(LEVELS, 3, waiting=[{"orderId": "o1", "shortfall": 3}]),
        ("wrong_levels", "last level"),
    ),
    "a pause that nobody ordered": (changed(LEVELS, 3, paused="operator"), ("wrong_levels", "last level")),
}


@pytest.mark.parametrize(("rows", "finding"), WRONG_LEVELS.values(), ids=WRONG_LEVELS.keys())
def test_a_wrong_level_is_found(history: History, rows: Rows, finding: tuple[str, str]) -> None:
    """Each by its name."""
    assert finding in found(replace(history, levels=levels(rows)))


def test_poison_is_buried_once_with_its_bytes(history: History) -> None:
    """No dead letter, two of them, other bytes, and a good record among the dead are each found."""
    one = history.dead[0]
    other = json.dumps(LETTER | {"original": "eWVz"}).encode()
    good = json.dumps(LETTER | {"origin": LETTER["origin"] | {"offset": 1}}).encode()
    assert found(replace(history, dead=[])) == {("lost", "poison vanished")}
    assert found(replace(history, dead=[one, one])) == {("doubled", "buried twice")}
    assert found(replace(history, dead=[other])) == {("lost", "original differs")}
    assert found(replace(history, dead=[one, good])) == {("lost", "good record buried")}


def test_positions_neither_lead_nor_lag(history: History) -> None:
    """Behind the log they are unread records, beyond it they are none; ahead of the outcomes they would lose some."""
    behind = {**history.committed, Place(ORDERS, 0): 4}
    beyond = {**history.committed, Place(ORDERS, 0): 6}
    assert found(replace(history, committed=behind)) == {("stalls", "unread")}
    assert found(replace(history, committed=beyond)) == {("regressions", "position beyond the log")}
    early = replace(history, witnesses=[Witness(0, {ORDERS: 2, ADJUSTMENTS: 1}, 3)])
    assert ("lost", "position ahead of the state") in found(early)


def test_what_an_operator_gave_up_is_accounted_for_exactly(history: History) -> None:
    """A hole in the log is a loss, unless it was skipped; what was skipped must not have been decided."""
    place = Place(ORDERS, 0)
    holed = replace(
        history,
        inputs={**history.inputs, place: {n: r for n, r in history.inputs[place].items() if n != 2}},
    )
    assert found(holed) == {("lost", "hole")}
    assert judge(replace(holed, skips=[Skip(place, 2, 3)])) == []
    assert ("wrong_levels", "groundless") in found(replace(history, skips=[Skip(place, 4, 5)]))


def test_a_fault_is_told_once(history: History) -> None:
    """After a wrong outcome the oracle goes on from what was written: what follows from it is no finding of its own."""
    rows = changed(OUTCOMES, 1, held=4, qty=4, delta=4, newQty=0)
    rows = changed(rows, 2, newQty=0)
    rows = changed(rows, 3, newQty=4)
    rows = changed(rows, 4, newQty=1)
    rows = changed(rows, 5, newQty=0)
    wrong: list[Finding] = [
        one for one in judge(replace(history, outcomes=outcomes(rows))) if one.kind == "wrong outcome"
    ]
    assert len(wrong) == 1
