"""
What an Etsy receipt holds.

Facts: Open API v3 `ShopReceipt` and `ShopReceiptTransaction`; one transaction is one line.  A receipt is the record of
a checkout: its transactions never change, and of what happens later a cancellation alone gives units back.  Refunds are
money without line detail (open-api #513: they do not even move `updated_timestamp`).
"""

from ingest import fields
from ingest.fields import Object
from ingest.webhook import Ignored, Line, NotUnderstood, Reading, Refused, unreadable

CANCELED = frozenset({"canceled", "cancelled"})
"""The status, in lower case: Etsy's reference writes `canceled`, its answers `Canceled`."""
SECOND = 1_000
TIME_MAX = 9_999_999_999
"""Seconds; what is later is no time."""


def read_order(order: Object, seen_at_ms: int) -> Reading:
    """
    Return what a receipt holds.

    Args:
        order: `receipt_id, status, is_paid, created_timestamp, updated_timestamp, transactions[]`.
        seen_at_ms: as of when.

    Raises `NotUnderstood` when the receipt has no id, status or times; a faulty line is refused by itself.

    """
    number = fields.ident(order, "receipt_id")
    status = fields.text(order, "status").strip().lower()
    if not status:
        raise NotUnderstood("status: missing")
    times = (modified(order), seen_at_ms, _instant(order, "created_timestamp"))
    lines, ignored, refused = list[Line](), list[Ignored](), list[Refused]()
    for at, item in enumerate(fields.objects(order, "transactions")):
        try:
            line = _line(order, number, item, times)
        except NotUnderstood as error:
            refused.append(
                unreadable(f"transactions[{at}].{error}", number, fields.ident_if_any(item, "transaction_id"))
            )
            continue
        if isinstance(line, Line):
            lines.append(line)
        else:
            ignored.append(line)
    return Reading(order=number, lines=tuple(lines), ignored=tuple(ignored), refused=tuple(refused))


def modified(order: Object) -> int:
    """Return when the receipt last changed, milliseconds; raises `NotUnderstood`."""
    return _instant(order, "updated_timestamp")


def _instant(order: Object, name: str) -> int:
    seconds = fields.integer(order, name)
    if seconds > TIME_MAX:
        raise NotUnderstood(f"{name}: want seconds since 1970")
    return seconds * SECOND


def _line(order: Object, number: str, item: Object, times: tuple[int, int, int]) -> Line | Ignored:
    """Return a transaction as a line, or why it is not ours to count."""
    revision, seen_at_ms, ordered_at = times
    if item.get("is_digital") is True:
        return Ignored.UNTRACKED
    line = Line(
        order=number,
        line=fields.ident(item, "transaction_id"),
        sku=fields.text(item, "sku"),
        listing_id=fields.optional_ident(item, "product_id") or fields.optional_ident(item, "listing_id"),
        qty=0 if fields.text(order, "status").strip().lower() in CANCELED else fields.integer(item, "quantity"),
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
        # Etsy takes a unit off the listing at the checkout, paid or not, and so do we unless the channel says else.
        pending=order.get("is_paid") is False,
    )
    return line if line.sku or line.listing_id else Ignored.NO_PRODUCT


def lines(order: Object) -> list[str]:
    """Return the ids of all the receipt's lines."""
    return fields.idents(order, "transactions", "transaction_id")
