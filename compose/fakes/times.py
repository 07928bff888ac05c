"""Times as the vendors write them; all of them have a resolution of one second. Pure."""

from datetime import UTC, datetime, timedelta, timezone

SHOP_ZONE = timezone(timedelta(hours=-5))
"""The stand-in shops are in New York in winter: a reader that drops the offset is five hours wrong, and notices."""


def seconds(ms: int) -> datetime:
    """Cut a time in ms to the second."""
    return datetime.fromtimestamp(ms // 1000, UTC)


def with_offset(ms: int) -> str:
    """Write a time with the shop's offset, as Shopify's webhooks do: `2026-11-21T10:00:00-05:00`."""
    return seconds(ms).astimezone(SHOP_ZONE).isoformat()


def zulu(ms: int) -> str:
    """Write a time in UTC as Shopify's GraphQL does: `2026-11-21T15:00:00Z`."""
    return seconds(ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def gmt(ms: int) -> str:
    """Write a time in UTC without a zone, as WooCommerce's `_gmt` fields do: `2026-11-21T15:00:00`."""
    return seconds(ms).strftime("%Y-%m-%dT%H:%M:%S")


def local(ms: int) -> str:
    """Write a time in the shop's zone without an offset, as WooCommerce's other fields do."""
    return seconds(ms).astimezone(SHOP_ZONE).strftime("%Y-%m-%dT%H:%M:%S")


def nanoseconds(ms: int) -> str:
    """Write a time as `X-Shopify-Triggered-At` does, with nine digits: `2026-11-21T15:00:00.123000000Z`."""
    return f"{seconds(ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}000000Z"


def parse(text: str, *, utc: bool = True) -> int:
    """Read a vendor's time into ms; without an offset it is UTC, or the shop's zone when `utc` is false. ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if utc else SHOP_ZONE)
    return int(moment.timestamp() * 1000)
