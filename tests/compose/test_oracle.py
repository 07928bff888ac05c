"""The judge sees each kind of fault, and only faults."""

from collections.abc import Mapping
from typing import Any

import pytest

from compose.flashsale.delays import percentiles, to_channel, to_outcome
from compose.flashsale.evidence import Evidence, Seen, Shop, Sold, Write
from compose.flashsale.oracle import judge

T = 1_000_000


def outcome(order: str, qty: int, **more: object) -> dict[str, Any]:
    return {
        "sku": "A",
        "orderId": order,
        "channel": "woo",
        "revision": 1,
        "seenAt": 1,
        "qty": qty,
        "held": qty,
        "shortfall": 0,
        "delta": qty,
        "result": "accepted",
        **more,
    }


def seen(values: list[dict[str, Any]], at: int = T + 40) -> list[Seen]:
    return [Seen(partition=0, offset=n, key=None, value=value, at=at) for n, value in enumerate(values)]


STOCKED = outcome("adj_f", 10, held=-10, delta=-10, result="applied", newQty=10, version=1, channel=None)
FIRST = outcome("woo_1_1", 8, newQty=2, version=2)
REFUSED = outcome("shop_2_1", 5, held=0, delta=0, shortfall=5, result="insufficient", newQty=2, version=3)
TOO_OLD = outcome("woo_1_1", 8, held=0, delta=0, result="too_old", newQty=10, version=None)
AGAIN = outcome("woo_gid1_1", 2, newQty=0, version=4)
SETTLED = outcome("shop_2_1", 5, delta=5, result="settled", newQty=-3, version=4)
LEVEL = {"sku": "A", "quantity": 2, "version": 3, "paused": "oversell"}


def evidence(
    outcomes: list[dict[str, Any]], *, level: Mapping[str, Any] = LEVEL, shown: int | None = 0, sold: int = 8
) -> Evidence:
    confirmed = [{"orderId": o["orderId"], "sku": "A", "revision": 1} for o in (FIRST, FIRST, REFUSED)]
    pushed = {"sku": "A", "channel": "shop", "verdict": "delivered", "quantity": 2, "version": 2, "startedAt": T + 60}
    return Evidence(
        stock={"A": 10},
        shops=[
            Shop(
                channel="woo",
                shown={} if shown is None else {"A": shown},
                sold=[Sold(channel="woo", order="1", line="1", sku="A", qty=sold, at=T)],
                writes=[],
                sold_out=0,
                webhook_ms=[3],
            ),
            Shop(
                channel="shop",
                shown={} if shown is None else {"A": shown},
                sold=[Sold(channel="shop", order="2", line="1", sku="A", qty=5, at=T + 10)],
                writes=[Write(sku="A", qty=2, at=T + 70)],
                sold_out=0,
                webhook_ms=[],
            ),
        ],
        topics={
            "order.outcome": seen(outcomes),
            "stock.level": seen([dict(level)]),
            "order.confirmed": seen(confirmed),
            "sync.log": seen([{**pushed, "durationMs": 20}]),
            "stock.deadletter": [],
        },
    )


def test_a_true_run_is_clean() -> None:
    """Nothing is found where nothing is wrong; orders, refusals and repeats are counted."""
    verdict = judge(evidence([STOCKED, FIRST, REFUSED]))

    assert verdict.clean, verdict
    assert (verdict.orders, verdict.accepted, verdict.insufficient, verdict.duplicates) == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("outcomes", "more", "where", "finding"),
    [
        ([STOCKED, REFUSED | {"newQty": 10, "version": 2}], {}, "lost", "woo_1_1 A: sold 8, never decided"),
        ([STOCKED, FIRST, REFUSED], {"sold": 7}, "lost", "sold 7, decided as 8"),
        ([STOCKED, FIRST, FIRST | {"newQty": -6, "version": 3}], {}, "doubled", "decisions took 16"),
        ([STOCKED, FIRST, FIRST | {"delta": 0, "version": None}], {}, "doubled", "revision 1 decided twice"),
        ([STOCKED, FIRST | {"qty": 7}, REFUSED], {}, "doubled", "holds 8 of 7"),
        ([STOCKED, FIRST, REFUSED | {"version": 4}], {}, "level_mismatches", "version 4 follows 2"),
        ([STOCKED, FIRST, REFUSED | {"version": 2}], {}, "level_mismatches", "version 2 follows 2"),
        ([STOCKED, FIRST | {"newQty": 3}, REFUSED], {}, "level_mismatches", "10 - 8 is not 3"),
        (
            [STOCKED, REFUSED | {"newQty": 10, "version": 2}, FIRST | {"version": 3}],
            {},
            "level_mismatches",
            "not forced",
        ),
        ([FIRST | {"newQty": -8, "version": 1}], {}, "level_mismatches", "accepted 8 of 0"),
        ([STOCKED, FIRST, REFUSED], {"level": LEVEL | {"quantity": 3}}, "level_mismatches", "level 3, but 10 - 8"),
        ([STOCKED, FIRST, REFUSED], {"level": {"sku": "B"}}, "level_mismatches", "A: level None"),
        ([STOCKED, FIRST, REFUSED], {"shown": 2}, "channel_mismatches", "woo shows 2 of A, the level is 0"),
        (
            [STOCKED, FIRST, REFUSED],
            {"level": LEVEL | {"paused": None}},
            "channel_mismatches",
            "shop shows 0 of A, the level is 2",
        ),
        ([STOCKED, TOO_OLD, REFUSED | {"newQty": 10, "version": 2}], {}, "lost", "took 0, waits for 0 (too_old)"),
        ([STOCKED, FIRST, REFUSED, AGAIN], {}, "doubled", "woo_gid1_1 A: takes 2, no shop has sold it"),
        ([STOCKED, FIRST, REFUSED, SETTLED], {}, "level_mismatches", "settled 5 of 2"),
        (
            [STOCKED, FIRST | {"result": "unstocked", "held": 0, "delta": 0, "shortfall": 8, "newQty": None}],
            {},
            "level_mismatches",
            "refused 8 of 10: not forced",
        ),
        ([STOCKED, FIRST], {}, "level_mismatches", "A: paused, but no sale waits"),
        ([STOCKED, FIRST, REFUSED], {"level": LEVEL | {"paused": None}}, "level_mismatches", "but a sale waits"),
        ([STOCKED, FIRST, REFUSED], {"shown": None}, "channel_mismatches", "woo shows None of A, the level is 0"),
    ],
)
def test_each_fault_is_found(outcomes: list[dict[str, Any]], more: dict[str, Any], where: str, finding: str) -> None:
    """A judge that could not see it would be no judge."""
    verdict = judge(evidence(outcomes, **more))

    assert any(finding in sentence for sentence in getattr(verdict, where)), verdict
    assert not verdict.clean


def test_delays_run_from_the_sale_to_the_decision_and_to_the_other_shop() -> None:
    """The push that counts is the first one accepted by the other shop with that version or a newer one."""
    found = evidence([STOCKED, FIRST, REFUSED])

    assert to_outcome(found) == {"woo_1_1": 40, "shop_2_1": 30}
    assert to_channel(found) == {"woo_1_1": [70]}


def test_a_push_that_the_shop_did_not_take_does_not_count() -> None:
    """The publisher's word alone is no evidence."""
    found = evidence([STOCKED, FIRST | {"version": 9}, REFUSED])

    assert to_channel(found) == {"woo_1_1": []}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], {"p50": None, "p99": None, "max": None}),
        ([5], {"p50": 5, "p99": 5, "max": 5}),
        (list(range(200)), {"p50": 100, "p99": 198, "max": 199}),
    ],
)
def test_percentiles(values: list[int], expected: dict[str, int | None]) -> None:
    """Nothing measured is null, not zero."""
    assert percentiles(values) == expected
