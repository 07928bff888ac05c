"""What every stand-in in virtual time has: numbers that shoppers see, a count of what was asked of it, refusals."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from publishers.push import Request, Response


@dataclass
class Vendor:
    """
    One channel: `numbers` is what it shows by listing; `others` says which purse the order poll of ours draws from.

    Stand-ins never look at what made a request: they read its method, path and body, as a server would.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    spent: list[tuple[int, str, float]] = field(default_factory=list)

    def answer(self, request: Request, now: int) -> Response:
        """Answer a request that arrives at `now`, in ms."""
        raise NotImplementedError

    def poll_orders(self, now: int) -> None:
        """Be asked for orders, out of the same budget; by default that is another budget."""

    def due(self, now: int) -> None:
        """Do what is due by `now`: some channels apply later."""

    def shows(self, listing: str, now: int) -> int:
        """Return the number that a shopper sees."""
        self.due(now)
        return self.numbers[listing]

    def sell(self, listing: str, now: int) -> bool:
        """Sell a unit; returns whether the channel offered one."""
        if self.shows(listing, now) <= 0:
            return False
        self.numbers[listing] -= 1
        return True

    def charged(self, purse: str, amount: float, now: int) -> None:
        """Write down what a call took of which budget."""
        self.made[purse] += 1
        self.spent.append((now, purse, amount))


def told(document: Any, now: int, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a JSON body."""
    return Response(status=status, body=orjson.dumps(document), headers=headers or {}, at=now)
