"""The W3C trace context of a request: passed on where valid, begun where not."""

from secrets import token_hex

from schemas.events import is_traceparent


def traceparent(given: str | None) -> str:
    """Return the caller's `traceparent`, or a new one (sampled) where it sent none or one that cannot be read."""
    if is_traceparent(given):
        return str(given)
    made = token_hex(24)
    return f"00-{made[:32]}-{made[32:]}-01"
