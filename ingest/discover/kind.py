"""
How one kind of channel is asked for its listings: the interface that each `ingest.channels.<kind>_listings` satisfies.

A kind is a module of pure functions over a state of its own, as for orders (`ingest.poll.kind`): `start` a reading,
`request` its next page, `read` the answer.  Pages go by key, so that a listing that is added or removed meanwhile makes
no other one be skipped; one that is met twice counts once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ingest.poll.kind import Answer, Denied, Expired, Instead, Later, Request
from schemas.settings import Channel, Window

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    One listing of a channel.

    `listing_id` and `ids` are what an import takes (`ingest.imports.rules`), and what the channel's order lines name.
    `sku` is as the channel has it, never changed, "" where it has none.  `tracked` says whether the channel counts the
    listing's stock.  `number` is what the channel calls it today where that changes ("" elsewhere): what was mapped by
    such a number is known by it (`ingest.discover.adopted`).
    """

    listing_id: str
    sku: str
    ids: Mapping[str, str] = field(default_factory=dict)
    tracked: bool = True
    number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[S]):
    """
    Listings that were read.

    `unread` says in a sentence each what could not be read, with its place and never its content.  `next` reads on;
    None is the end.  `pause_ms` is what the channel asks for before the next call.
    """

    found: tuple[Found, ...]
    next: S | None
    unread: tuple[str, ...] = ()
    pause_ms: int = 0


class Discovery(Protocol[S]):
    """How one kind's listings are read."""

    @property
    def LIMIT(self) -> Sequence[Window]:  # noqa: N802 - a module's constant
        """The windows that stand where the configuration has none (`orders_limit`)."""

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """What `request` needs, as `channel_secret` names it."""

    @property
    def WHOLE(self) -> bool:  # noqa: N802 - a module's constant
        """Say whether the channel shows all its listings so: where it does not, none is ever taken for gone."""

    def start(self) -> S:
        """Return the state that reads every listing."""

    def request(self, channel: Channel, secrets: Sequence[str], state: S) -> Request:
        """Return the next call; where the kind has a `Grant`, the last of the secrets is the access token."""

    def read(self, state: S, answer: Answer) -> Listed[S] | Later | Instead[S] | Denied | Expired:
        """Return what an answer means; never raises, whatever the body holds."""
