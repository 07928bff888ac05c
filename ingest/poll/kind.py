"""
How one kind of channel is asked for its orders: the interface that each `ingest.channels.<kind>_poll` satisfies.

A kind is a module of pure functions over a state of its own: `start` a reading, `request` its next page, `read` the
answer.  The shell around it calls, waits, writes and remembers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from ingest.fields import Object, parse_object
from ingest.webhook import BadPayload, Reading, Refused
from schemas.settings import Channel, Window

S = TypeVar("S")
NO_ANSWER = 0
"""The status of a call to which no answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call; `headers` and `body` may hold secrets, so they have no readable form."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; header names in lower case, `status` is `NO_ANSWER` where nothing came."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order as its channel shows it, all its lines named; `modified` in milliseconds of the channel's clock."""

    number: str
    modified: int
    body: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[S]):
    """
    Orders that were read.

    `through` is up to where every order has been read once these are in Kafka (milliseconds of the channel's clock,
    inclusive but for what stands in that very second), None where this page alone proves nothing yet.  `refused` are
    orders that cannot be placed.  `next` reads on; None is the end.  `pause_ms` is what the channel asks for before
    the next call.  `part` says that the page is a piece of one order, which comes whole with a later one.
    """

    orders: tuple[Order, ...]
    through: int | None
    next: S | None
    refused: tuple[Refused, ...] = ()
    pause_ms: int = 0
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Ask the same again: after `after_ms`, or by our own back-off where the channel names no time."""

    why: str
    after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Instead(Generic[S]):
    """Ask differently, at once: the channel finds the page too costly."""

    next: S


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The credentials are refused: ask no more until they change."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """
    The access token has ended before its time: fetch another one and ask the same again, once.

    A 401 means it by itself, so a kind says it only where its channel has another way to (Amazon answers 403).
    """

    why: str


class Poll(Protocol[S]):
    """How one kind's orders are read."""

    @property
    def LIMIT(self) -> Sequence[Window]:  # noqa: N802 - a module's constant
        """The windows that stand where the configuration has none."""

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """What `request` needs, as `channel_secret` names it."""

    @property
    def AT_ONCE(self) -> int:  # noqa: N802 - a module's constant
        """How many orders one call reads by their numbers (`some`)."""

    def start(self, since: int) -> S:
        """Return the state that reads every order changed at `since` (milliseconds) or later, oldest change first."""

    def some(self, numbers: Sequence[str]) -> S:
        """Return the state that reads these orders, whenever they changed."""

    def request(self, channel: Channel, secrets: Sequence[str], state: S) -> Request:
        """Return the next call; where the kind has a `Grant`, the last of the secrets is the access token."""

    def read(self, state: S, answer: Answer) -> Page[S] | Later | Instead[S] | Denied | Expired:
        """Return what an answer means; never raises, whatever the body holds."""

    def read_order(self, order: Object, seen_at_ms: int) -> Reading:
        """Return what an order holds; raises `NotUnderstood`."""

    def lines(self, order: Object) -> Sequence[str]:
        """Return the ids of all lines an order names, counted or not; raises `NotUnderstood` or `TooLarge`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """
    An access token that was granted, and for how long.

    `successor` is the refresh token to use next, "" where the old one stays in force.
    """

    value: str = field(repr=False)
    lasts_ms: int
    successor: str = field(default="", repr=False)


class Grant(Protocol):
    """
    How one kind's access tokens are fetched; kinds without one are called with their secrets alone.

    Where a refresh token buys them it is the last of `SECRETS`: a `Token.successor` takes its place.
    """

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """What `request` needs, as `channel_secret` names it."""

    def request(self, channel: Channel, secrets: Sequence[str]) -> Request:
        """Return the call that fetches a token."""

    def read(self, answer: Answer) -> Token | Later | Denied:
        """Return what the answer means; never raises, whatever the body holds."""


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return `Retry-After` in milliseconds where it is a number of seconds, else None."""
    text = headers.get("retry-after", "").strip()
    whole = text.partition(".")[0]
    return int(whole) * 1000 if whole.isdigit() and whole.isascii() and len(whole) < 7 else None


def refusal(answer: Answer) -> Later | Denied | None:
    """Return what a status says by itself, the same for every kind; None for 200."""
    if answer.status == 200:
        return None
    if answer.status in (401, 403):
        return Denied(why=f"the channel answers {answer.status}: its credentials are refused")
    if answer.status == NO_ANSWER:
        return Later(why="no answer")
    return Later(why=f"the channel answers {answer.status}", after_ms=retry_after(answer.headers))


def object_in(answer: Answer, lacking: str = "the answer cannot be read") -> Object | Later | Denied:
    """Return the JSON object of a 200, or what the status says; `lacking` is what to say where there is no object."""
    refused = refusal(answer)
    if refused is not None:
        return refused
    try:
        return parse_object(answer.body)
    except BadPayload as error:
        return Later(why=f"{lacking}: {error}")


def zulu(ms: int) -> str:
    """Return a time to the second, UTC, as ISO 8601 has it: `2026-11-21T09:00:00Z`."""
    return f"{iso(ms)}Z"


def iso(ms: int) -> str:
    """Return a time to the second, UTC without a zone: `2026-11-21T09:00:00`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
