"""Signed webhooks on their way: who subscribed, how often each vendor tries, and what became of every delivery."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import aiohttp

from compose.fakes.faults import Faults

Clock = Callable[[], int]
Render = Callable[[int], tuple[dict[str, str], bytes]]
"""Gives headers and body of one attempt, made at the given time in ms."""

CONCURRENT = 16
"""Deliveries of one account that are open at once."""
OUTAGE_POLL_S = 0.05
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a vendor delivers: timeouts (s), which statuses are success, gaps before each retry (s, unscaled).

    `coalesce`: an order already waiting for its delivery is not queued again. `disable_after`: a subscription ends when
    more failures in a row than this have been seen (None: never).
    """

    timeout_s: float
    connect_s: float
    success: range = SUCCESS
    retry_after_s: tuple[float, ...] = ()
    coalesce: bool = False
    disable_after: int | None = None


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One webhook: a topic and where it goes."""

    number: int
    topic: str
    url: str
    active: bool = True
    failures: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something to tell; `open` is called once per subscription when it fires and fixes what the vendor fixes then."""

    topic: str
    order_id: str
    open: Callable[[Subscription], Render]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of one delivery: when it began and how long it took (ms), and the status, or 0 with the error's name."""

    seq: int
    topic: str
    order_id: str
    attempt: int
    at: int
    took_ms: float
    status: int
    error: str
    duplicate: bool


@dataclass(slots=True, kw_only=True)
class Sender:
    """Delivers events to the subscriptions; every delivery is a task that ends with its retry ladder."""

    policy: Policy
    faults: Faults
    clock: Clock
    dice: random.Random
    time_scale: float = 1.0
    auto_disable: bool = True
    subscriptions: dict[int, Subscription] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _session: aiohttp.ClientSession | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _waiting: set[tuple[int, str]] = field(default_factory=set)
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT))

    async def start(self) -> None:
        """Open the connections' pool; call it inside the loop that delivers."""
        timeout = aiohttp.ClientTimeout(total=self.policy.timeout_s, sock_connect=self.policy.connect_s)
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)

    async def close(self) -> None:
        """Give up what is still on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def pending(self) -> int:
        """Deliveries that have neither succeeded nor been given up."""
        return len(self._tasks)

    def emit(self, events: Iterable[Event], *, duplicate: bool = False, delay_s: float = 0.0) -> None:
        """Send events to whoever subscribed to them, `delay_s` (unscaled) late; with `duplicate` each one twice."""
        for event in events:
            for subscription in [*self.subscriptions.values()]:
                if subscription.topic == event.topic and subscription.active:
                    self._queue(event, subscription, duplicate=duplicate or self._falls("duplicate"), delay_s=delay_s)

    def _falls(self, word: str) -> bool:
        """Throw the dice for a fault of this word; good weather throws none."""
        share: float = getattr(self.faults, f"{word}_webhooks")
        return bool(share) and self.dice.random() < share

    def _queue(self, event: Event, subscription: Subscription, *, duplicate: bool, delay_s: float) -> None:
        """Start the delivery of one event to one subscription, unless the dice or the vendor's queue drop it."""
        key = (subscription.number, event.order_id)
        if self._falls("drop"):
            self.counts["dropped"] += 1
            return
        if self.policy.coalesce and key in self._waiting:
            self.counts["coalesced"] += 1
            return
        self._waiting.add(key)
        render = event.open(subscription)
        for again in (False, True) if duplicate else (False,):
            late_s = delay_s + (self.dice.random() * self.faults.delay_up_to_s if self._falls("delay") else 0.0)
            task = asyncio.create_task(self._deliver(event, subscription, render, again=again, late_s=late_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _deliver(
        self, event: Event, subscription: Subscription, render: Render, *, again: bool, late_s: float
    ) -> None:
        """Walk the vendor's ladder until the receiver accepts, beginning `late_s` (unscaled) after the event."""
        self.counts["deliveries"] += 1
        self.counts["duplicates"] += again
        self.counts["delayed"] += late_s > 0
        for attempt, gap_s in enumerate((late_s, *self.policy.retry_after_s), start=1):
            if gap_s:
                await asyncio.sleep(gap_s * self.time_scale)
            if not subscription.active:
                break
            if await self._attempt(event, subscription, render, attempt=attempt, again=again):
                return
        self.counts["given_up"] += 1

    async def _attempt(
        self, event: Event, subscription: Subscription, render: Render, *, attempt: int, again: bool
    ) -> bool:
        """Try once and note the result; the body is rendered when the attempt begins, not before."""
        while self.faults.out(self.clock(), "webhooks"):  # noqa: ASYNC110 - an outage ends by the clock, not by an event
            await asyncio.sleep(OUTAGE_POLL_S)
        async with self._slots:
            at = self.clock()
            self._waiting.discard((subscription.number, event.order_id))
            headers, body = render(at)
            began = asyncio.get_running_loop().time()
            status, error = await self.post(subscription.url, headers, body)
        took_ms = round((asyncio.get_running_loop().time() - began) * 1000, 3)
        self.attempts.append(
            Attempt(
                seq=len(self.attempts) + 1,
                topic=event.topic,
                order_id=event.order_id,
                attempt=attempt,
                at=at,
                took_ms=took_ms,
                status=status,
                error=error,
                duplicate=again,
            )
        )
        return self._judge(subscription, delivered=status in self.policy.success)

    def _judge(self, subscription: Subscription, *, delivered: bool) -> bool:
        """Count a result, and disable a subscription that failed too often in a row, as the vendor does."""
        self.counts["delivered" if delivered else "failed"] += 1
        limit = self.policy.disable_after
        if delivered:
            subscription.failures = 0
        elif self.auto_disable and limit is not None and subscription.failures > limit:
            subscription.active = False
            self.counts["disabled"] += 1
        else:
            subscription.failures += 1
        return delivered

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Post once, following no redirect; a connection that fails is status 0 and the error's name."""
        if self._session is None:
            message = "the sender has not been started"
            raise RuntimeError(message)
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                return answer.status, ""
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, type(error).__name__
