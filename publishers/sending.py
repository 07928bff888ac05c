"""The requests that are on their way, each in a task of its own; their outcomes wait until the loop takes them up."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from publishers.credentials import Access, WithheldError
from publishers.push import Response
from publishers.work import Call
from schemas.cluster import now_ms


def monotonic_ms() -> int:
    """Return a time in ms that nobody sets back."""
    return time.monotonic_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How a request has ended, and when it began, in ms."""

    call: Call
    outcome: Response | WithheldError
    began: int


class Sending:
    """Sends requests and keeps their outcomes."""

    def __init__(self, access: Access, wake: asyncio.Event) -> None:
        """Start with none; `wake` is set when there is an outcome."""
        self.answered: deque[Answered] = deque()
        self._access = access
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None

    def start(self, call: Call, timeout_ms: int) -> None:
        """Send a call's request; `timeout_ms` counts from now, whenever the task has its first turn."""
        task = asyncio.create_task(self._send(call, monotonic_ms() + timeout_ms))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _send(self, call: Call, ends_at: int) -> None:
        began, left = now_ms(), ends_at - monotonic_ms()
        try:
            outcome: Response | WithheldError = (
                await self._access.send(call.request, left)
                if left > 0
                else Response(status=0, err="this process was held up", unsent=True)
            )
        except WithheldError as error:
            outcome = error
        self.answered.append(Answered(call=call, outcome=outcome, began=began))
        self._wake.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._wake.set()

    def drain(self) -> Iterator[Answered]:
        """Yield the outcomes; raises what a request has died of, because its call would be under way for ever."""
        while self.answered:
            yield self.answered.popleft()
        if self._broken is not None:
            raise self._broken

    async def end(self) -> None:
        """Give up what is on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
