"""The W3C trace context of a request: passed on where valid, begun where not."""

from secrets import token_hex

from schemas.events import is_traceparent


def traceparent(given: str | None) -> str:
    """Return the caller's `traceparent`, or a new one (sampled) where it sent none or one that cannot be read."""
    return str(given) if is_traceparent(given) else f"00-{token_hex(16)}-{token_hex(8)}-01"
