"""Seeded records: a day's orders as a shop sees them, and one golden record of each hot topic."""

from bisect import bisect
from itertools import accumulate
from random import Random

from schemas.ids import order_id
from schemas.records import Cause, OrderConfirmed, OrderOutcome, StockAdjusted, StockLevel
from schemas.words import AdjustmentKind, CauseKind, Policy, Result

NOW = 1_790_000_000_000
CHANNEL = "shopify-uk"
ZIPF = 1.1
DUPLICATES = 0.03
STOCK = 1_000_000


def sku(number: int) -> str:
    """Return the name of a SKU."""
    return f"TEE-{number:06d}-M"


def order(number: int, name: str, qty: int = 1, now: int = NOW) -> OrderConfirmed:
    """Return the line that order `number` holds of SKU `name`."""
    return OrderConfirmed(
        sku=name,
        listing_sku=name,
        qty=qty,
        channel=CHANNEL,
        order_id=order_id(CHANNEL, f"{5_000_000_000_000 + number}", f"{13_000_000_000_000 + number}"),
        revision=now,
        seen_at=now,
        ordered_at=now,
        received_at=now,
    )


def orders(count: int, skus: int, seed: int = 1, now: int = NOW) -> list[OrderConfirmed]:
    """Return `count` lines over `skus` SKUs, popular as Zipf has it, some of them delivered twice."""
    random = Random(seed)
    weights = list(accumulate(1 / rank**ZIPF for rank in range(1, skus + 1)))
    found: list[OrderConfirmed] = []
    while len(found) < count:
        if found and random.random() < DUPLICATES:
            found.append(random.choice(found[-100:]))
        else:
            name = sku(bisect(weights, random.random() * weights[-1]))
            found.append(order(len(found), name, random.randint(1, 3), now))
    return found


def stocking(skus: int, qty: int = STOCK, now: int = NOW) -> list[StockAdjusted]:
    """Return the count that fills each SKU's shelf."""
    return [
        StockAdjusted(sku=sku(n), kind=AdjustmentKind.SET, qty=qty, adjustment_id=f"count-{n}", received_at=now)
        for n in range(skus)
    ]


SOURCE = {"AbCdEfGhIjKlMnOpQrStUv": 123_456}
LEVEL = StockLevel(
    sku=sku(1),
    quantity=41,
    version=17,
    paused=None,
    policy=Policy.REJECT,
    velocity=2_079,
    cause=Cause(
        kind=CauseKind.ORDER,
        delta=1,
        received_at=NOW,
        channel=CHANNEL,
        order_id=order(1, sku(1)).order_id,
        listing_sku=sku(1),
        ordered_at=NOW,
    ),
    source=SOURCE,
    updated_at=NOW,
)
OUTCOME = OrderOutcome(
    sku=sku(1),
    order_id=order(1, sku(1)).order_id,
    channel=CHANNEL,
    revision=NOW,
    seen_at=NOW,
    qty=1,
    held=1,
    shortfall=0,
    delta=1,
    result=Result.ACCEPTED,
    new_qty=41,
    version=17,
    ordered_at=NOW,
    timestamp=NOW,
    source=SOURCE,
)
