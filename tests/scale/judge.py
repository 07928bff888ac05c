"""What a run is judged by: how long channels were behind, how full their budgets were used, what was refused."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

LAST_MS = 60_000
"""The budget's use is looked at over the last minute of a backlog."""
PATIENCE_MS = 10_000


@dataclass
class Watch:
    """
    One channel as seen from outside the publisher: when which level was heard of, sent, and taken by the channel.

    Times are in ms.  `behind` has the versions that a hot SKU's channel has not been brought to, and `hot_lags` how
    long each took, of those on sale; `unsent` has those of any SKU that no call has told yet, and `waits` how long that
    took.  `held` has those of a SKU that is in an open call.
    """

    on_sale: Collection[str]
    behind: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    unsent: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    held: dict[str, deque[tuple[int, int]]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    hot_lags: list[int] = field(default_factory=list)
    waits: list[int] = field(default_factory=list)
    hot_behind: set[str] = field(default_factory=set)
    most_hot_behind: int = 0
    longest_queue: int = 0
    backlogs: list[list[int]] = field(default_factory=list)

    def changed(self, sku: str, version: int, now: int, *, hot: bool, waits: bool, open_: bool) -> None:
        """
        Note that a level was heard of, of a SKU that is `hot`: sold a moment ago.

        One that differs in nothing (neither waits nor is in an open call) ends all.  A SKU that is in an open call (a
        feed takes minutes) waits its turn from the end of that call on (`ended`).
        """
        self.newest[sku] = version
        (self.held if open_ else self.unsent).setdefault(sku, deque()).append((version, now))
        if hot:
            self.behind.setdefault(sku, deque()).append((version, now))
            self.hot_behind.add(sku)
        if not waits and not open_:
            self.equal(sku, now)
        self.most_hot_behind = max(self.most_hot_behind, len(self.hot_behind))

    def ended(self, sku: str, now: int) -> None:
        """Note that a SKU's call has ended."""
        self.unsent.setdefault(sku, deque()).extend((version, now) for version, _ in self.held.pop(sku, ()))

    def equal(self, sku: str, now: int) -> None:
        """Note that nothing differs any more: the channel's own sale has brought it to the number, or back to it."""
        if self.unsent.get(sku) or self.behind.get(sku):
            self.told(sku, self.newest[sku], now)
            self.in_step(sku, self.newest[sku], now)

    def told(self, sku: str, version: int, now: int) -> None:
        """Note that a call with this version (and so with all before it) goes out."""
        self.waits.extend(now - at for at in _passed(self.unsent.get(sku), version))

    def in_step(self, sku: str, version: int, now: int) -> None:
        """Note that the channel has taken it."""
        lags = [now - at for at in _passed(self.behind.get(sku), version)]
        self.hot_lags.extend(lags if sku in self.on_sale else ())
        if not self.behind.get(sku):
            self.hot_behind.discard(sku)

    def rests(self, waiting: int, due: int, now: int) -> None:
        """Note what waits when no call can be made."""
        self.longest_queue = max(self.longest_queue, waiting)
        if due and (not self.backlogs or len(self.backlogs[-1]) == 2):
            self.backlogs.append([now])
        elif not due and self.backlogs and len(self.backlogs[-1]) == 1:
            self.backlogs[-1].append(now)

    def backlog(self, now: int) -> tuple[int, int]:
        """Return the longest time in which work waited without a pause: from, to."""
        spans = [(one[0], one[1] if len(one) == 2 else now) for one in self.backlogs]
        return max(spans, key=lambda span: span[1] - span[0], default=(now, now))

    def hot_p99(self) -> int:
        """Return within which time 99 of 100 changes of hot SKUs were taken by the channel."""
        lags = sorted(self.hot_lags)
        return lags[min(len(lags) - 1, len(lags) * 99 // 100)] if lags else 0


def _passed(open_: deque[tuple[int, int]] | None, version: int) -> list[int]:
    """Take out what a call with this version settles; returns when each was heard of."""
    times = []
    while open_ and open_[0][0] <= version:
        times.append(open_.popleft()[1])
    return times


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    What a channel's limits allow when it is told: `rate` of `purse` a second.

    `hot` are the hot SKUs a second that this is, and `calls` how many SKUs a second of a backlog.
    """

    purse: str
    rate: float
    hot: float
    backlog: float


def utilisation(spent: list[tuple[int, str, float]], pace: Pace, span: tuple[int, int]) -> float | None:
    """Return how much of the budget was used over the last minute of a backlog; None where it was shorter."""
    if span[1] - span[0] < LAST_MS:
        return None
    used = sum(amount for at, purse, amount in spent if purse == pace.purse and span[1] - LAST_MS < at <= span[1])
    return used / (pace.rate * LAST_MS / 1_000)


def hot_bound_ms(watch: Watch, pace: Pace) -> float:
    """Return within which time 99 of 100 changes of hot SKUs must be taken."""
    return max(5_000.0, 1.2 * watch.most_hot_behind / pace.hot * 1_000)


def wait_bound_ms(watch: Watch, pace: Pace) -> float:
    """Return how long a SKU may wait: 10 s, or twice the time in which the budget could serve the whole backlog."""
    return max(float(PATIENCE_MS), 2 * watch.longest_queue / pace.backlog * 1_000)
