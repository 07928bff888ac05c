"""The records of a stand-in shop: listings, orders, refunds and the journal. Pure data; times are integer ms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RestockType(StrEnum):
    """What happens to refunded units (Shopify's `restock_type`; only return and cancel put them back)."""

    RETURN = "return"
    CANCEL = "cancel"
    NO_RESTOCK = "no_restock"


class Reason(StrEnum):
    """Why a level moved."""

    SALE = "sale"
    EDIT = "edit"
    RESTOCK = "restock"
    WRITE = "write"


class ChangeKind(StrEnum):
    """What happened to an order; each kind of channel turns it into its own webhooks."""

    CREATED = "created"
    UPDATED = "updated"
    EDITED = "edited"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Unknown(LookupError):  # noqa: N818 - named for the reaction: the caller answers "not found"
    """The shop has no such listing, order or line."""

    def __init__(self, *, kind: str, name: str) -> None:
        """Say what kind of thing is missing, and its name."""
        super().__init__(f"no {kind} {name!r}")


@dataclass(slots=True, kw_only=True)
class Listing:
    """
    A product as shoppers see it: `level` is the number on sale, `committed` the units in open orders.

    `oversells` is the vendor's own word for selling on at 0 (empty: it does not).
    """

    key: str
    sku: str
    ids: Mapping[str, int]
    level: int
    managed: bool = True
    committed: int = 0
    moved_at: int = 0
    oversells: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One line that a shopper asks for; `occurred_at` is the original time of a replayed sale."""

    listing: str
    quantity: int
    line_id: str
    occurred_at: int | None = None


@dataclass(slots=True, kw_only=True)
class Line:
    """A sold line: `ordered` units, of which `removed` left the order and `restocked` returned to stock.

    `edited_off` are those of `removed` that an edit took out: a refund without money at Shopify, none at WooCommerce.
    """

    line_id: str
    number: int
    listing: Listing
    ordered: int
    removed: int = 0
    restocked: int = 0
    edited_off: int = 0
    occurred_at: int | None = None

    @property
    def current(self) -> int:
        """Units that are still part of the order."""
        return self.ordered - self.removed

    @property
    def held(self) -> int:
        """Units that the order took from stock and has not put back."""
        return self.ordered - self.restocked


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """Units of one line that a refund took out of an order."""

    number: int
    line: Line
    quantity: int
    restock_type: RestockType


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Units that left an order; without `money` an edit or a cancellation took them out."""

    number: int
    at: int
    lines: tuple[RefundLine, ...]
    money: bool = False


@dataclass(slots=True, kw_only=True)
class Order:
    """An order as the channel keeps it; `revision` counts its changes.

    `left` are (line id, SKU) that the order held once and names no more.
    """

    order_id: str
    number: int
    created_at: int
    updated_at: int
    lines: dict[str, Line] = field(default_factory=dict)
    refunds: list[Refund] = field(default_factory=list)
    cancelled_at: int | None = None
    cancel_reason: str | None = None
    revision: int = 0
    left: dict[tuple[str, str], None] = field(default_factory=dict)

    def touch(self, at: int) -> None:
        """Note that the order changed now."""
        self.updated_at = at
        self.revision += 1

    def line(self, line_id: str) -> Line:
        """Find a line by its id. Raises Unknown."""
        found = self.lines.get(line_id)
        if found is None:
            raise Unknown(kind=f"line of order {self.order_id}:", name=line_id)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What just happened to an order, for the webhooks."""

    kind: ChangeKind
    order: Order
    at: int
    refund: Refund | None = None
    line: Line | None = None
    delta: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One change of a level: `level` is what shoppers see after it."""

    seq: int
    at: int
    reason: Reason
    sku: str
    listing: str
    delta: int
    level: int
    order_id: str
    line_id: str
    call: str
