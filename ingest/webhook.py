"""
How one kind of channel is trusted and read: the interface that each module in `ingest.channels` satisfies.

A kind is a module of pure functions.  What an order holds now comes out as a `Reading`; nothing here knows Kafka.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.words import Reason

Headers = Mapping[str, str]
"""A request's headers, names in lower case."""


class BadSignature(Exception):  # noqa: N818 - named for the reaction it demands
    """The sender did not prove who it is: answer 401 and read no further."""


class BadPayload(Exception):  # noqa: N818 - named for the reaction it demands
    """The body is not what a channel of this kind could have sent: answer 400."""


class TooLarge(Exception):  # noqa: N818 - named for the reaction it demands
    """More than we take in at once: answer 413."""


class NotUnderstood(Exception):  # noqa: N818 - named for the reaction it demands
    """Signed and readable, but not an order we can read: dead-letter it, answer 200, and let the poller look."""


class Ignored(StrEnum):
    """Why a line is not ours to count: a closed list, used as a metric label."""

    TEST_ORDER = "test_order"
    GIFT_CARD = "gift_card"
    THIRD_PARTY = "third_party"
    UNTRACKED = "untracked"
    NO_PRODUCT = "no_product"
    DRAFT = "draft"
    FULFILLED_BY_CHANNEL = "fulfilled_by_channel"
    ITEM_LEVEL = "item_level"
    OTHER_EVENT = "other_event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One line of an order as its channel tells it: it holds `qty` units now.

    `order` and `line` are the channel's own ids.  `sku` is "" where the channel has none; `listing_id` is the id by
    which `listing` maps it then ("" where the channel names no product), and `others` are ids by which it may have been
    mapped before, tried in their order.  Times are milliseconds since 1970.
    `pending` is a line that is not paid yet: whether it holds its units is the channel's setting `hold_pending`.
    """

    order: str
    line: str
    sku: str
    listing_id: str
    qty: int
    revision: int
    seen_at: int
    ordered_at: int
    pending: bool = False
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """
    A line of a readable order that cannot be counted: it becomes a dead letter.  `err` never quotes the body.

    `origin` is the line as it was read, where it was: what an unmapped one needs to be counted later.
    """

    reason: Reason
    err: str
    order: str
    line: str = ""
    sku: str = ""
    qty: int | None = None
    origin: Line | None = None


def unreadable(err: str, order: str, line: str = "") -> Refused:
    """Return the refusal of a line, or of a whole order, that has not the shape that its channel gives it."""
    return Refused(reason=Reason.UNKNOWN_SHAPE, err=err, order=order, line=line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What an order holds, as of one body.

    `poll` means that the body says that something changed but not what: the poller has to read `order`, or (where none
    is named) all that changed.
    """

    order: str = ""
    lines: tuple[Line, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    refused: tuple[Refused, ...] = ()
    poll: bool = False


class Webhook(Protocol):
    """How one kind's webhooks are trusted and read; every function is pure."""

    def account(self, headers: Headers, body: bytes) -> str:
        """
        Return what tells accounts behind one shared address apart (a channel's `alias`), "" where there is none.

        Nothing is verified yet: what comes out only chooses whose secrets must fit.
        """

    def ping(self, headers: Headers, body: bytes) -> bool:
        """Say whether this is the kind's unsigned test of the address: answered 200 and nothing else."""

    def verify(self, headers: Headers, body: bytes, secrets: Sequence[str], now_ms: int) -> None:
        """Raise `BadSignature` unless one of the secrets signed the raw body."""

    def topic(self, headers: Headers) -> str:
        """Return the event's name from a closed list, "other" for the rest: it is a metric label."""

    def parse(self, headers: Headers, body: bytes, now_ms: int) -> Reading:
        """Return what the body says; raises `BadPayload`, `TooLarge` or `NotUnderstood`."""


class Challenge(Protocol):
    """How a kind's test of the address by GET is answered.  Pure."""

    def challenge(self, query: Mapping[str, str], webhook_url: str, secrets: Sequence[str]) -> bytes:
        """Return the answer's JSON body; raises `BadPayload` where nothing is asked."""
