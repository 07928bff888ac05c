"""The hub in virtual time: the true level of each SKU decides; an order for which nothing is left is an oversell."""

from dataclasses import dataclass, field, replace

from processor.velocity import raised
from schemas.records import Cause, OrderOutcome, StockLevel
from schemas.words import CauseKind, Policy, Result
from tests.scale.scenario import START_MS, Item, Shopper

HOT_MS = 60_000


@dataclass
class Hub:
    """
    The levels.  `oversold` counts units by SKU.

    A SKU that is oversold is not paused as it would be: it stands at 0 anyway, and nothing is restocked in a run.
    """

    levels: dict[str, StockLevel] = field(default_factory=dict)
    oversold: dict[str, int] = field(default_factory=dict)
    sold_at: dict[str, int] = field(default_factory=dict)
    orders: int = 0

    def stock(self, item: Item) -> StockLevel:
        """Return an item's first level: as of its last sale, whose units stand for the week's."""
        cause = Cause(kind=CauseKind.ORDER, delta=item.weekly, received_at=START_MS - 3_600_000, channel="elsewhere")
        level = StockLevel(
            sku=item.sku,
            quantity=item.before,
            version=1,
            paused=None,
            policy=Policy.REJECT,
            velocity=item.velocity,
            cause=cause,
            source={},
            updated_at=START_MS - 1_000,
        )
        self.levels[item.sku] = level
        return level

    def hot(self, sku: str, now: int) -> bool:
        """Return whether the SKU was sold within the last minute."""
        return self.sold_at.get(sku, 0) > now - HOT_MS

    def count(self, item: Item, now: int) -> StockLevel:
        """Take up a count (on sale: a few more units); returns the new level."""
        old = self.levels[item.sku]
        quantity = (old.quantity or 0) + item.after - item.before if item.hot else item.after
        delta = (old.quantity or 0) - quantity
        cause = Cause(kind=CauseKind.ADJUSTMENT, delta=delta, received_at=now, adjustment_id="import")
        level = replace(old, quantity=quantity, version=old.version + 1, cause=cause, updated_at=now)
        self.levels[item.sku] = level
        return level

    def order(self, shopper: Shopper, now: int) -> tuple[StockLevel | None, OrderOutcome]:
        """Take up an order of one unit; returns the new level (None: it stays) and the decision."""
        self.orders += 1
        self.sold_at[shopper.sku] = now
        old = self.levels[shopper.sku]
        order_id = f"{shopper.channel}_{self.orders}_1"
        left = old.quantity or 0
        velocity = raised(old.velocity, now - old.updated_at, 1)
        level = None
        if left > 0:
            cause = Cause(
                kind=CauseKind.ORDER,
                delta=1,
                received_at=now,
                channel=shopper.channel,
                order_id=order_id,
                listing_sku=shopper.sku,
                ordered_at=shopper.at,
            )
            level = replace(
                old, quantity=left - 1, version=old.version + 1, velocity=velocity, cause=cause, updated_at=now
            )
            self.levels[shopper.sku] = level
        else:
            self.oversold[shopper.sku] = self.oversold.get(shopper.sku, 0) + 1
        return level, _outcome(shopper, order_id, level, now)


def _outcome(shopper: Shopper, order_id: str, level: StockLevel | None, now: int) -> OrderOutcome:
    held = 0 if level is None else 1
    return OrderOutcome(
        sku=shopper.sku,
        order_id=order_id,
        channel=shopper.channel,
        revision=shopper.at,
        seen_at=shopper.at,
        qty=1,
        held=held,
        shortfall=1 - held,
        delta=held,
        result=Result.ACCEPTED if held else Result.INSUFFICIENT,
        new_qty=None if level is None else level.quantity,
        version=None if level is None else level.version,
        ordered_at=shopper.at,
        timestamp=now,
        source={},
    )
