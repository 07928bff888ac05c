"""What one Amazon stand-in remembers beside its shop: statuses, tokens, usage plans, a rehearsal's settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compose.fakes.account import Account
from compose.fakes.bucket import Bucket

MARKETPLACE = "ATVPDKIKX0DER"
PENDING, UNSHIPPED = "Pending", "Unshipped"
TOKEN_LIFE_MS = 3_600_000
"""An access token lasts an hour."""
SEARCH_DELAY_MS = 120_000
"""`lastUpdatedBefore` is at least two minutes in the past."""
PLANS: Mapping[str, tuple[float, int]] = {
    "searchOrders": (0.0056, 20),
    "getOrder": (0.5, 30),
    "searchListings": (5, 5),
    "getListingsItem": (5, 10),
    "patchListingsItem": (5, 5),
    "createFeedDocument": (0.5, 15),
    "createFeed": (0.0083, 15),
    "getFeed": (2, 15),
    "cancelFeed": (2, 15),
    "getFeedDocument": (0.0222, 10),
}
"""Rate a second and burst, as in the models' usage plans."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """
    The account's own state.

    `statuses` are those that somebody set (`Unshipped` otherwise); `afn` are orders out of Amazon's own stock, which
    the shop does not know.  `search_delay_ms` and `rate_scale` shorten the two minutes and the usage plans.
    """

    seller_id: str
    initial: str = UNSHIPPED
    search_delay_ms: int = SEARCH_DELAY_MS
    token_life_ms: int = TOKEN_LIFE_MS
    rate_scale: float = 1.0
    statuses: dict[str, str] = field(default_factory=dict)
    afn: dict[str, dict[str, Any]] = field(default_factory=dict)
    access: dict[str, int] = field(default_factory=dict)
    pages: dict[str, tuple[dict[str, str], list[str]]] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def take(self, operation: str, now: int) -> bool:
        """Take a call out of an operation's bucket."""
        rate, burst = PLANS[operation]
        bucket = self.buckets.setdefault(operation, Bucket(capacity=burst, left=burst, at=now))
        bucket.restore_per_s = rate * self.rate_scale
        return bucket.take(now, 1)

    def expire(self, what: str) -> None:
        """End every access token, or every page's token."""
        if what == "access":
            self.access.clear()
        else:
            self.pages.clear()

    def set(self, wish: Mapping[str, Any]) -> None:
        """Take settings. Raises ValueError for one it does not know."""
        for name, value in wish.items():
            if name == "expire":
                self.expire(str(value))
            elif name in ("seller_id", "initial", "search_delay_ms", "token_life_ms", "rate_scale"):
                setattr(self, name, value)
            else:
                message = f"unknown setting {name!r}"
                raise ValueError(message)


def seller_id(name: str) -> str:
    """Make up a seller id out of an account's name."""
    return "A" + hashlib.sha256(name.encode()).hexdigest()[:13].upper()


def desk(account: Account) -> Desk:
    """Find the account's desk; the first question sets it up."""
    if "amazon" not in account.more:
        account.more["amazon"] = Desk(seller_id=seller_id(account.name))
    found: Desk = account.more["amazon"]
    return found
