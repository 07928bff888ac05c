"""What every stand-in of this run has: listings with numbers, buyers, hands, a log of writes, and a bucket."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from publishers.push import Request, Response
from schemas.channel_records import Listing


@dataclass
class Shop:
    """
    One channel's own truth: `numbers` by listing id.

    `sells_on` are the listings that the merchant lets sell below 0, `policy` what is in force now.  `hiccup` is the
    chance that a row is refused though nothing is wrong with it.  `refused` counts what the shop's own bucket refused.
    """

    dice: Random
    numbers: dict[str, int] = field(default_factory=dict)
    listings: dict[str, Listing] = field(default_factory=dict)
    sells_on: set[str] = field(default_factory=set)
    policy: set[str] = field(default_factory=set)
    writes: list[tuple[int, str, int]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    requests: int = 0
    hiccup: float = 0.0
    bad: bool = False

    def answer(self, request: Request, now: int) -> Response:
        """Answer a request that arrives at `now`, in ms."""
        self.requests += 1
        self.due(now)
        if not self.pays(request, now):
            self.refused.append(now)
            return self.too_fast(request)
        return self.done(request, now)

    def pays(self, request: Request, now: int) -> bool:
        """Return whether the shop's own bucket lets a request in."""
        raise NotImplementedError

    def too_fast(self, request: Request, after: int | None = 2) -> Response:
        """Return the shop's throttling answer."""
        del request
        return told({"error": "slow down"}, 429, {} if after is None else {"retry-after": str(after)})

    def done(self, request: Request, now: int) -> Response:
        """Carry a request out."""
        raise NotImplementedError

    def due(self, now: int) -> None:
        """Do what is due by `now`."""

    def add(self, listing: Listing, number: int) -> None:
        """Put a new listing on sale."""
        self.listings[listing.listing_id] = listing
        self.numbers[listing.listing_id] = number

    def delete(self, name: str) -> None:
        """Delete a listing."""
        self.numbers.pop(name, None)

    def shows(self, name: str) -> int:
        """Return what a buyer may buy by the number."""
        return self.numbers[name]

    def sell(self, name: str, units: int) -> bool:
        """Sell; returns whether the shop did."""
        if name not in self.numbers or (self.shows(name) < units and name not in self.policy):
            return False
        self.numbers[name] -= units
        return True

    def restock(self, name: str, units: int) -> None:
        """Take units of a cancelled order back."""
        if name in self.numbers:
            self.numbers[name] += units

    def edit(self, name: str, number: int) -> None:
        """Change a number by hand."""
        if name in self.numbers:
            self.numbers[name] = number

    def switches(self, name: str) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return how a person takes a listing off sale and puts it back; most kinds have no such switch."""
        del name
        return _nothing, _nothing

    def write(self, name: str, number: int, now: int) -> None:
        """Write down that we set a number."""
        self.numbers[name] = number
        self.writes.append((now, name, number))

    def stumbles(self) -> bool:
        """Return whether a row is refused for nothing."""
        return self.dice.random() < self.hiccup


def _nothing() -> None:
    return None


def told(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a JSON body."""
    return Response(status=status, body=orjson.dumps(document), headers=headers or {})
