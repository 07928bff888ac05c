"""A channel for tests of read-backs: it shows what it is told, at once or when the test lets it; and its kind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from publishers.kind import Bulk, Conversation, Seen, Sweep, Swept, one_call
from publishers.limiter import Window
from publishers.push import (
    READ,
    TELL,
    Accepted,
    Account,
    Answer,
    ChannelDown,
    Delivered,
    Rejected,
    Request,
    Response,
    Row,
    Shows,
    Verdict,
)
from publishers.work import Call
from schemas.channel_records import Listing

FAST = (Window(amount=1_000, per_ms=1_000, burst=1_000),)


@dataclass(frozen=True)
class Toy:
    """A kind whose requests are plain JSON; with `APPLIES_MS` its answers are promises."""

    APPLIES_MS: int = 0
    SERIAL: bool = False
    READ_BATCH: int = 10
    PAUSES: bool = False
    LIMITS: Mapping[str, tuple[Window, ...]] = field(default_factory=lambda: {TELL: FAST, READ: FAST})
    LADDER: tuple[int, ...] = (1_000,)
    LANES: int = 2
    BATCH: int = 10
    HOT_BATCH: int = 10
    COST: int = 1
    COMPARES: bool = False
    MOST: int | None = None
    BELOW_ZERO: bool = True
    BULK: Bulk | None = None
    SECRETS: tuple[str, ...] = ()

    def headers(self, _secrets: Mapping[str, str]) -> Mapping[str, str]:
        """Prove nothing."""
        return {}

    def group(self, listing: Listing) -> str:
        """Put listings into groups by the first letter of their id where it is a capital one."""
        return listing.listing_id[:1] if listing.listing_id[:1].isupper() else ""

    def key(self, listing: Listing) -> str:
        """Name a listing as a sweep does."""
        return f"key-{listing.listing_id}"

    def tell(self, rows: Sequence[Row], _account: Account, _request_id: str) -> Conversation:
        """Tell numbers."""
        told = {row.listing.listing_id: row.quantity for row in rows}
        return one_call(_request("tell", told), rows, self._told)

    def _told(self, rows: Sequence[Row], response: Response) -> Answer:
        taken: Verdict = Accepted() if self.APPLIES_MS else Delivered()
        return Answer(verdicts=tuple(taken if response.status == 200 else ChannelDown("503") for _ in rows))

    def read(self, rows: Sequence[Row], _account: Account) -> Conversation:
        """Ask for numbers."""
        return one_call(_request("read", [row.listing.listing_id for row in rows], READ), rows, _shows)

    def sweep(self, _account: Account, listings: Sequence[Listing]) -> Sweep:
        """Ask for all; a shop without listings is not asked."""
        if not listings:
            return Swept(seen=())
        response = yield _request("sweep", None, READ)
        if response.status != 200:
            return Swept(seen=(), err=f"HTTP {response.status}", credentials=response.status == 401)
        rows = json.loads(response.body)
        return Swept(seen=tuple(Seen(key=f"key-{name}", at=response.at, **row) for name, row in rows.items()))


def _request(word: str, what: object, bucket: str = TELL) -> Request:
    return Request(path=word, body=json.dumps(what).encode(), bucket=bucket)


def _shows(rows: Sequence[Row], response: Response) -> Answer:
    if response.status != 200:
        return Answer(verdicts=(ChannelDown("503"),) * len(rows))
    shown = json.loads(response.body)
    return Answer(verdicts=tuple(_verdict(shown[row.listing.listing_id], response.at) for row in rows))


def _verdict(number: int | None, at: int) -> Verdict:
    return Rejected("there is no such listing") if number is None else Shows(number, at)


@dataclass
class Toyshop:
    """What the channel shows by listing, and the SKU it writes beside it; `late` ones are taken and not shown."""

    kind: str = "toy"
    numbers: dict[str, Any] = field(default_factory=dict)
    skus: dict[str, str] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)
    oversells: set[str] = field(default_factory=set)
    taken: dict[str, int] = field(default_factory=dict)
    late: bool = False
    dead: bool = False
    status: int = 200
    calls: list[tuple[str, Any]] = field(default_factory=list)
    now: int = 0

    def serve(self, call: Call) -> Response:
        """Answer a request, begun now."""
        what = json.loads(call.request.body)
        self.calls.append((call.request.path, what))
        if self.status != 200:
            return Response(status=self.status, at=self.now)
        answer = getattr(self, f"_{call.request.path}")(what)
        return Response(status=200, body=json.dumps(answer).encode(), at=self.now)

    def _tell(self, told: dict[str, int]) -> None:
        self.taken.update(told)
        if not self.late:
            self.apply()

    def apply(self) -> None:
        """Show what was taken, or (`dead`) forget it."""
        if not self.dead:
            self.numbers.update(self.taken)
        self.taken.clear()

    def _read(self, names: list[str]) -> dict[str, int | None]:
        return {name: self.numbers.get(name) for name in names}

    def _sweep(self, _: None) -> dict[str, Any]:
        return {
            name: {
                "quantity": number,
                "sku": self.skus.get(name, ""),
                "off": name in self.off,
                "oversells": name in self.oversells,
            }
            for name, number in self.numbers.items()
        }

    def told(self) -> list[dict[str, int]]:
        """Return what was told, call by call."""
        return [what for word, what in self.calls if word == "tell"]
