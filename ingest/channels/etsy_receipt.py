"""
What an Etsy receipt holds.

Facts: Open API v3 `ShopReceipt` and `ShopReceiptTransaction`; one transaction is one line.  A receipt is the record of
a checkout: its transactions never change, and of what happens later a cancellation alone gives units back.  Refunds are
money without line detail (open-api #513: they do not even move `updated_timestamp`).  `product_data` are the values of
the product as it was bought (#254, #476; once null in lists).
"""

from ingest import fields
from ingest.fields import Object
from ingest.webhook import Ignored, Line, NotUnderstood, Reading, Refused, unreadable
from schemas.variations import ONLY, variation

CANCELED = frozenset({"canceled", "cancelled"})
"""The status, in lower case: Etsy's reference writes `canceled`, its answers `Canceled`."""
SECOND = 1_000
PERSONALIZATION = 54
"""The property under which a line shows what the buyer asked for in words: no variation (open-api #253, #260)."""
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
    names = _names(item)
    line = Line(
        order=number,
        line=fields.ident(item, "transaction_id"),
        sku=fields.text(item, "sku"),
        listing_id=names[0],
        others=names[1:],
        qty=0 if fields.text(order, "status").strip().lower() in CANCELED else fields.integer(item, "quantity"),
        revision=revision,
        seen_at=seen_at_ms,
        ordered_at=ordered_at,
        # Etsy takes a unit off the listing at the checkout, paid or not, and so do we unless the channel says else.
        pending=order.get("is_paid") is False,
    )
    return line if line.sku or line.listing_id else Ignored.NO_PRODUCT


def _names(item: Object) -> tuple[str, ...]:
    """Return by what a line's product may be mapped: its variation, its number at that time (else the listing's)."""
    listing = fields.optional_ident(item, "listing_id")
    number = fields.optional_ident(item, "product_id") or listing
    own = variation(item.get("product_data"))
    if own == ONLY and _chosen(item):
        own = None
    return (f"{listing}/{own}", number) if own and listing else (number,)


def _chosen(item: Object) -> bool:
    """Return whether the buyer chose a variation, and not only words of his own."""
    values = item.get("variations")
    return any(
        isinstance(one, dict) and one.get("property_id") != PERSONALIZATION and one.get("question_id") is None
        for one in (values if isinstance(values, list) else ())
    )


def lines(order: Object) -> list[str]:
    """Return the ids of all the receipt's lines."""
    return fields.idents(order, "transactions", "transaction_id")
