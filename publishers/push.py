"""
How a kind of channel is told levels, and what its answers mean.  Pure.

A kind is a module of `publishers.channels`: it makes requests and judges answers; the loop, the limits and the waiting
are the publisher's.  A verdict is a value and names the reaction, row by row: a 200 may hold rows that failed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from publishers.limiter import Window
from schemas.channel_records import Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One listing that is told one number.

    `expected` is what we believe it shows (None: not known); a channel that compares refuses the row otherwise.
    """

    sku: str
    listing: Listing
    quantity: int
    version: int
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a request needs to know of the account: the API's version and the location whose stock is set."""

    api_version: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call to make; `path` is relative to the channel's base URL."""

    path: str
    body: bytes
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A call's answer: header names in lower case; `status` 0 means that none came, and `err` says why."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    err: str = ""
    unsent: bool = False
    """No connection was made, so the channel cannot have acted on the call."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel shows the number."""


@dataclass(frozen=True, slots=True)
class Shows:
    """A read-back: the channel shows this number."""

    quantity: int


@dataclass(frozen=True, slots=True)
class Stale:
    """The channel shows another number than we believed: read it before telling it again."""


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was done because of another row of the call: tell it again at once."""


@dataclass(frozen=True, slots=True)
class Split:
    """Nothing was done and the answer does not say which row is at fault: tell them again in smaller calls."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too fast: nothing was done, wait this long.  Costs no attempt."""

    after_ms: int


@dataclass(frozen=True, slots=True)
class Retry:
    """The row failed for a passing reason; `unsure` when the channel may have acted on it."""

    reason: str
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The channel will never take this row as it is: dead-letter it."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChannelDown:
    """The channel does not work; `unsure` when it may have acted on the call all the same."""

    reason: str
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account or its configuration is refused: nothing will pass until a human changes something."""

    reason: str


Verdict = Delivered | Shows | Stale | Again | Split | Throttled | Retry | Rejected | ChannelDown | Credentials

NAMES: Mapping[type, str] = {
    Delivered: "delivered",
    Shows: "read_back",
    Stale: "stale",
    Again: "again",
    Split: "split",
    Throttled: "throttled",
    Retry: "retry",
    Rejected: "rejected",
    ChannelDown: "channel_down",
    Credentials: "credentials",
}
"""The verdicts' names in `sync.log` and in metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A verdict for each row, in the rows' order, and what the channel said of our budget in points."""

    verdicts: tuple[Verdict, ...]
    available: int | None = None
    cost: int | None = None


Classify = Callable[[Sequence[Row], Response], Answer]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How a kind is asked what its listings show."""

    request: Callable[[Sequence[Row], Account], Request]
    classify: Classify


class Kind(Protocol):
    """One kind of channel; a module of `publishers.channels` is one."""

    @property
    def LIMITS(self) -> tuple[Window, ...]:  # noqa: N802 - a constant of the module
        """The documented limits, used where the configuration names none."""

    @property
    def LADDER(self) -> tuple[int, ...]:  # noqa: N802 - a constant of the module
        """After each failure the ms until the next attempt."""

    @property
    def BATCH(self) -> int:  # noqa: N802 - a constant of the module
        """Most rows in a call."""

    @property
    def HOT_BATCH(self) -> int:  # noqa: N802 - a constant of the module
        """Most recently sold rows in a call."""

    @property
    def COST(self) -> int:  # noqa: N802 - a constant of the module
        """A call's cost in points before the channel has said what it is."""

    @property
    def SECRETS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """The names of the secrets that `headers` needs."""

    @property
    def READ_BACK(self) -> ReadBack | None:  # noqa: N802 - a constant of the module
        """How its numbers are read; None where a tell overwrites without comparing."""

    def headers(self, secrets: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers that prove who we are."""

    def group(self, listing: Listing) -> str:
        """Return which listings may share a call: those with an equal group."""

    def request(self, rows: Sequence[Row], account: Account, request_id: str) -> Request:
        """Return the call that tells these rows; equal arguments give an equal call."""

    def classify(self, rows: Sequence[Row], response: Response) -> Answer:
        """Judge the answer to `request`."""


def all_rows(verdict: Verdict, rows: Sequence[Row]) -> Answer:
    """Return an answer that says the same of every row."""
    return Answer(verdicts=(verdict,) * len(rows))


def split(reason: str, rows: Sequence[Row]) -> Answer:
    """Return the answer to a fault that one unknown row caused: smaller calls, and a single row is rejected."""
    return all_rows(Split(reason) if len(rows) > 1 else Rejected(reason), rows)


def retry_after_ms(response: Response, default: int) -> int:
    """Return the wait that `Retry-After` asks for in ms; `default` where it is missing or not a number of seconds."""
    value = response.headers.get("retry-after", "").strip()
    return int(value) * 1_000 if value.isdecimal() else default
