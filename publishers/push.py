"""
What a channel is told and what its answers mean: rows, requests, responses, verdicts.  Pure.

A verdict is a value and names the reaction, row by row: a 200 may hold rows that failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from publishers.waits import asked_ms
from schemas.channel_records import Listing

TELL, READ = "tell", "read"
"""The buckets that every kind has: for telling numbers, and for reading them back."""
TOKEN = "ACCESS_TOKEN"  # noqa: S105 - a name
"""What an access token is called among the secrets, fetched or configured."""
SILENCE_MAX_MS = 3_600_000
"""The longest wait that a channel may ask for: a broken `Retry-After` must not silence it for days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One listing that is told one number.

    `expected` is what we believe it shows (None: not known); a channel that compares refuses the row otherwise.
    With `paused` the SKU is to be sold by nobody: where the channel would sell on at 0, its own way of pausing is used
    too; the way back of `Delivered.undo` comes as `undo` with the row that ends it.  `unanswered` was told and never
    answered.  `shared`: retired, with its number where another one's is; `guessed`: a sibling's sale is in `expected`.
    """

    sku: str
    listing: Listing
    quantity: int
    version: int
    expected: int | None = None
    paused: bool = False
    undo: str | None = None
    unanswered: int | None = None
    shared: bool = False
    guessed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """
    What a request needs to know of the account.

    The API's version, the location whose stock is set, the account's own name at the channel (Amazon's seller id,
    Etsy's shop id) and its marketplaces.  With `renew_sold_out` a listing that has sold out may be put on sale again
    where the channel takes a fee for it.
    """

    api_version: str = ""
    location: str = ""
    alias: str = ""
    marketplaces: tuple[str, ...] = ()
    renew_sold_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One request to make; `path` is relative to the channel's base URL.

    `bucket` names which of the kind's `LIMITS` it is charged to, `cost` how much where the limit counts points, and
    `listings` whose own limits it uses up (one call each).  It is made no sooner than `after_ms` from now; `throttled`
    says that this wait is the channel's own wish, so that nothing else uses the bucket before.  `url` replaces base URL
    and path with an address that the channel has named for one file: no secret is sent there.
    With `within_ms` it is made so soon after the answer before it, or not at all: it writes back what that one showed.
    Bodies and headers may hold secrets and have no readable form.
    """

    path: str
    body: bytes = field(repr=False)
    method: str = "POST"
    bucket: str = TELL
    cost: int = 1
    listings: tuple[str, ...] = ()
    after_ms: int = 0
    within_ms: int = 0
    throttled: bool = False
    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """
    A request's answer: header names in lower case; `status` 0 means that none came, and `err` says why.

    `at` is when the request was begun, in ms: what a read-back shows is at least that young.  `epoch` counts which of
    the secrets that were configured one after another have proved the call.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    err: str = ""
    unsent: bool = False
    """No connection was made, so the channel cannot have acted on the call."""
    at: int = 0
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Delivered:
    """
    The channel shows the number; `undo` says how to take back what is done for a pause (None: nothing is).

    A kind hands `Row.undo` on as long as the pause stands.  With `partly` the number is shown and nothing is done for
    the pause yet: the way back must be on record first, or nobody would know it after a crash.  The row is told again.
    """

    undo: str | None = None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The channel will show the number later, or never: it is open until it is read back."""


@dataclass(frozen=True, slots=True)
class Shows:
    """A read-back: the channel showed this number at `at` or later."""

    quantity: int
    at: int = 0


@dataclass(frozen=True, slots=True)
class Stale:
    """The channel shows another number than we believed: read it before telling it again."""


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was done for this row (but with `unsure` perhaps something was): tell it again at once."""

    unsure: bool = False


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


Verdict = (
    Delivered | Accepted | Shows | Stale | Again | Split | Throttled | Retry | Rejected | ChannelDown | Credentials
)

NAMES: Mapping[type, str] = {
    Delivered: "delivered",
    Accepted: "accepted",
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
class Hint:
    """
    What a channel says of its own limit: of `bucket`, and there of the window of `per_ms` (0: of every window).

    `left` is how many calls or points are left, `limit` how many there are in a window's time, `cost` what a call
    costs; None where it does not say.
    """

    bucket: str
    per_ms: int = 0
    left: int | None = None
    limit: int | None = None
    cost: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A verdict for each row, in the rows' order, and what the channel said of our budget."""

    verdicts: tuple[Verdict, ...]
    hints: tuple[Hint, ...] = ()


def only_pauses(row: Row) -> bool:
    """Return whether a paused row surely shows its number already: what is to be told is the pause."""
    return row.paused and row.expected == row.quantity and row.unanswered is None and not row.guessed


def all_rows(verdict: Verdict, rows: Sequence[Row]) -> Answer:
    """Return an answer that says the same of every row."""
    return Answer(verdicts=(verdict,) * len(rows))


def split(reason: str, rows: Sequence[Row]) -> Answer:
    """Return the answer to a fault that one unknown row caused: smaller calls, and a single row is rejected."""
    return all_rows(Split(reason) if len(rows) > 1 else Rejected(reason), rows)


def retry_after_ms(response: Response, default: int) -> int:
    """Return the wait that `Retry-After` asks for in ms; `default` where it is missing or cannot be read."""
    asked = asked_ms(response.headers.get("retry-after", ""), response.headers.get("date", ""))
    return default if asked is None else min(asked, SILENCE_MAX_MS)
