"""
How a kind of channel is told levels and asked for them: the interface that each module of `publishers.channels` is.

A kind makes requests and judges answers; the loop, the limits and the waiting are the publisher's.  What may take more
than one request is a conversation: a generator that yields requests, is sent their responses and returns the answer, so
that it reads from top to bottom and does no I/O.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from publishers.limiter import Window
from publishers.push import Account, Answer, Hint, Request, Response, Row
from schemas.channel_records import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """
    One listing as a bulk read-back shows it: `key` is what the kind's `key` makes of a listing.

    `quantity` None means that the channel keeps no number for it.  `at` is when the request was begun that showed it.
    `sku` is what the channel calls it, for people; `oversells` says that it would sell on at 0.  `off` says that it is
    switched off and sells nothing, whatever its number: that is no drift, and nothing to be put right.
    """

    key: str
    quantity: int | None
    at: int
    sku: str = ""
    oversells: bool = False
    off: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The end of a bulk read-back: all that the channel shows; or, with `err`, why it could not be read to its end."""

    seen: tuple[Seen, ...]
    err: str = ""
    hints: tuple[Hint, ...] = ()
    credentials: bool = False


Conversation = Generator[Request, Response, Answer]
"""Yields requests, is sent responses, returns the rows' verdicts; deterministic, and equal for equal arguments."""
Sweep = Generator[Request, Response, Swept]
"""The same, over all that the channel shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """
    How many rows are told at once where that is another way than the usual (Amazon's feeds).

    `least` rows make it worth while, `most` fit into one; `bucket` is where its first request is charged.  Rows that
    sell fast are never told so.
    """

    least: int
    most: int
    bucket: str
    tell: Callable[[Sequence[Row], Account, str], Conversation]


class Kind(Protocol):
    """One kind of channel; a module of `publishers.channels` is one."""

    @property
    def LIMITS(self) -> Mapping[str, tuple[Window, ...]]:  # noqa: N802 - a constant of the module
        """The documented limits by bucket (`TELL`, `READ`, others of its own), where the configuration names none."""

    @property
    def LADDER(self) -> tuple[int, ...]:  # noqa: N802 - a constant of the module
        """After each failure the ms until the next attempt."""

    @property
    def LANES(self) -> int:  # noqa: N802 - a constant of the module
        """How many calls may be under way at once."""

    @property
    def SERIAL(self) -> bool:  # noqa: N802 - a constant of the module
        """Whether of a group (`group`) only one call may be under way: where a call reads, changes and writes."""

    @property
    def BATCH(self) -> int:  # noqa: N802 - a constant of the module
        """Most rows in a call."""

    @property
    def HOT_BATCH(self) -> int:  # noqa: N802 - a constant of the module
        """Most recently sold rows in a call."""

    @property
    def READ_BATCH(self) -> int:  # noqa: N802 - a constant of the module
        """Most rows in a read-back (`read`)."""

    @property
    def COST(self) -> int:  # noqa: N802 - a constant of the module
        """What a call of `tell` costs before the channel has said it, in points or (1) calls."""

    @property
    def COMPARES(self) -> bool:  # noqa: N802 - a constant of the module
        """Whether a tell is refused when the channel shows another number than `Row.expected`."""

    @property
    def PAUSES(self) -> bool:  # noqa: N802 - a constant of the module
        """Whether it may sell on at 0, so that a paused SKU is told once more, as paused, even where it shows 0."""

    @property
    def MOST(self) -> int | None:  # noqa: N802 - a constant of the module
        """The highest number that it takes; None where there is no such bound."""

    @property
    def BELOW_ZERO(self) -> bool:  # noqa: N802 - a constant of the module
        """Whether it shows fewer than 0 where more was sold than there was, and takes such a number."""

    @property
    def APPLIES_MS(self) -> int:  # noqa: N802 - a constant of the module
        """After how many ms an accepted number is read back (`Accepted`); 0 where an answer is final."""

    @property
    def BULK(self) -> Bulk | None:  # noqa: N802 - a constant of the module
        """Another way for many rows, where there is one."""

    @property
    def SECRETS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The names of the secrets that `headers` needs; a kind with a `Grant` is given its token as `TOKEN` too."""

    def headers(self, secrets: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers that prove who we are."""

    def group(self, listing: Listing) -> str:
        """Return which listings may share a call: those with an equal group."""

    def key(self, listing: Listing) -> str:
        """Return what a bulk read-back calls this listing (`Seen.key`)."""

    def tell(self, rows: Sequence[Row], account: Account, request_id: str) -> Conversation:
        """Tell these rows of one group; equal arguments give equal requests."""

    def read(self, rows: Sequence[Row], account: Account) -> Conversation:
        """Ask what these rows show; the verdicts are `Shows`, or why there is no number."""

    def sweep(self, account: Account, listings: Sequence[Listing]) -> Sweep:
        """Ask for all that the channel shows, mapped or not; `listings` are those that we know."""


def limited(listing: Listing) -> str:
    """Return the name by which a channel counts what is done to a listing: of its variations, their common one."""
    return listing.ids.get("listing") or listing.listing_id


def shared(listing: Listing, listings: Iterable[Listing], kind: Kind) -> bool:
    """
    Return whether a retired listing has its number in one place with another of `listings` that is still sold.

    An inventory item at eBay stands behind a listing on each of its sites: what the item shows says nothing of the
    retired one, and the retired one's 0 must not become the item's.
    """
    own = kind.key(listing)
    return listing.retired and any(not one.retired and kind.key(one) == own for one in listings)


def one_call(
    request: Request, rows: Sequence[Row], classify: Callable[[Sequence[Row], Response], Answer]
) -> Conversation:
    """Return the conversation of one request."""
    return classify(rows, (yield request))
