"""The way between a publisher and a channel, and what the weather does on it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from publishers.push import Request, Response
from tests.scale.clock import Clock
from tests.weather.shop import Shop, told

WAY_MS = (20, 150)
FAULTS = (
    "unsent",
    "lost before",
    "lost after",
    "503",
    "500 after",
    "429",
    "429 bare",
    "garbage",
    "garbage after",
    "slow",
)
"""What may happen to a request; "after" means that the channel has carried it out."""
GARBAGE = Response(status=200, body=b"<html>a proxy's page</html>")
Reply = Callable[[Response], None]


@dataclass
class Sky:
    """`share` is the chance that a request meets a fault; `down` and `expired` say until when everything fails so."""

    clock: Clock
    dice: Random
    shop: Shop
    faults: tuple[str, ...] = FAULTS
    share: float = 0.0
    down_until: int = 0
    down: str = "503"
    expired: bool = False

    def send(self, request: Request, timeout_ms: int, reply: Reply) -> None:
        """Let a request go out; its answer comes as a response with no `at`."""
        fault = self._fault()
        now = self.clock.now
        if fault == "unsent":
            self.clock.at(now + 50, lambda: reply(Response(status=0, err="no connection", unsent=True)))
            return
        lost = Response(status=0, err="no answer")
        if fault == "lost before":
            self.clock.at(now + timeout_ms, lambda: reply(lost))
            return
        slow = max(0, timeout_ms - 1_000) if fault == "slow" else 0
        there = now + min(timeout_ms, self.dice.randint(*WAY_MS) + self.dice.randint(0, slow))
        self.clock.at(there, lambda: self._arrives(request, fault, now + timeout_ms, reply))

    def _fault(self) -> str:
        if self.expired:
            return "401"
        if self.clock.now < self.down_until:
            return self.down
        return self.dice.choice(self.faults) if self.faults and self.dice.random() < self.share else ""

    def _arrives(self, request: Request, fault: str, ends_at: int, reply: Reply) -> None:
        now = self.clock.now
        at = now + self.dice.randint(*WAY_MS)
        answer = self._answer(request, fault, now)
        if fault == "lost after" or at > ends_at:
            answer, at = Response(status=0, err="no answer"), max(ends_at, now)
        self.clock.at(at, lambda: reply(answer))

    def _answer(self, request: Request, fault: str, now: int) -> Response:
        if fault == "401":
            return told({"errors": [{"code": "Unauthorized", "message": "expired", "errorId": 1001}]}, 401)
        if fault == "503" or (fault.startswith("429") and request.url):
            return Response(status=503, body=b"down")
        if fault.startswith("429"):
            return self._throttled(request, bare=fault == "429 bare")
        done = GARBAGE if fault == "garbage" else self.shop.answer(request, now)
        return {"500 after": Response(status=500, body=b"oops"), "garbage after": GARBAGE}.get(fault, done)

    def _throttled(self, request: Request, *, bare: bool) -> Response:
        answer = self.shop.too_fast(request, None if bare else 2)
        after = {} if bare or answer.status != 429 else {"retry-after": str(self.dice.randint(1, 30))}
        return replace(answer, headers={**answer.headers, **after})
