"""What the parts of one stand-in account share, and what each kind of channel has to bring."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from compose.fakes.books import Change, Listing
from compose.fakes.faults import Faults
from compose.fakes.shop import Shop
from compose.fakes.webhooks import Clock, Event, Policy, Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The account's secrets: `webhook` signs, `token` (or `key:secret` for WooCommerce) opens the API."""

    webhook: str
    token: str


@dataclass(slots=True, kw_only=True)
class Account:
    """One stand-in account: its shop, its weather, its sender, what it counted, and what its kind alone remembers."""

    name: str
    shop: Shop
    faults: Faults
    sender: Sender
    secrets: Secrets
    clock: Clock
    counts: Counter[str] = field(default_factory=Counter)
    more: dict[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    """A kind of channel: vendor-true ids, events, webhooks' policy and API."""

    POLICY: Policy
    TOPICS: Sequence[str]
    ID_BASE: int
    PINGS: bool

    def listing(self, shop: Shop, wish: Mapping[str, Any]) -> Listing:
        """Make the listing of a product {sku, quantity, ...} with ids as the vendor would."""
        ...

    def events(self, account: Account, change: Change) -> list[Event]:
        """Tell which webhooks a change of an order causes."""
        ...

    def routes(self, account: Account) -> list[web.RouteDef]:
        """Serve the vendor's API."""
        ...

    def throttled(self, account: Account) -> web.Response | None:
        """Answer a call during a throttling storm; None lets the API itself answer."""
        ...

    async def subscribed(self, account: Account) -> bool:
        """Do what the vendor does when webhooks are created; False when they do not become active."""
        ...
