"""
What `Retry-After` asks for: so many seconds, or until a date.  Pure.

Facts: RFC 9110, 10.2.3 and 5.6.7.  The hosts and firewalls before a shop send either.  A date is compared with the
answer's own `Date`, so that a clock which goes wrong on either side makes no wait longer.
"""

from email.utils import parsedate_to_datetime

SECOND_MS = 1_000
DIGITS = 9
"""More of them are no time that anybody waits."""


def asked_ms(value: str, date: str) -> int | None:
    """Return the wait in ms that a `Retry-After` names in an answer of this `Date`; None where it names none."""
    value = value.strip()
    if value.isdecimal():
        return int(value[:DIGITS]) * SECOND_MS
    try:
        seconds = (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None
    return int(seconds) * SECOND_MS if seconds > 0 else None
