"""The order of work against a plain list that is sorted anew for every place."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from publishers.queue import WorkQueue

SKUS = [f"{group}{n}" for group in ("", "p", "q") for n in range(5)]


@dataclass
class Waiting:
    """One SKU of the list."""

    sku: str
    danger: int
    since: int
    due: int
    arrival: int

    @property
    def group(self) -> str:
        """Return the first letter; a number stands for no group."""
        return "" if self.sku[0].isdigit() else self.sku[0]

    def urgency(self, now: int) -> tuple[int, ...]:
        """
        Return the sort key: danger (a power of two) times squared wait (1 s more, calm: at most 11 s).

        Before all those that are hot and have waited for 8 s, by age.
        """
        power = len(f"{self.danger:b}") if self.danger else 0
        wait = max(0, now - self.since)
        late = wait if self.danger >= 2**16 and wait >= 8_000 else 0
        wait = (wait if self.danger >= 2**16 else min(10_000, wait)) + 1_000
        return (-late, -wait * wait * 2**power, -power, self.since, self.arrival)


@dataclass
class Model:
    """The list, and whose turn it is: the sentences of the module's docstring, word by word."""

    waiting: list[Waiting] = field(default_factory=list)
    arrivals: int = 0
    row: int = 0
    ahead: int = 0
    served: int = 0

    def find(self, sku: str) -> Waiting | None:
        """Return the SKU's place."""
        return next((one for one in self.waiting if one.sku == sku), None)

    def offer(self, sku: str, danger: int, since: int, due: int) -> None:
        """Put it in, or move it."""
        old = self.find(sku)
        self.arrivals += 1
        arrival = self.arrivals
        if old is not None:
            due = min(due, old.due)
            if (len(bin(old.danger)), bool(old.danger), old.since, old.due) == (
                len(bin(danger)),
                bool(danger),
                since,
                due,
            ):
                arrival = old.arrival
            self.waiting.remove(old)
        self.waiting.append(Waiting(sku, danger, since, due, arrival))

    def due(self, now: int) -> list[Waiting]:
        """Return who may be told, the most urgent first."""
        return sorted((one for one in self.waiting if one.due <= now), key=lambda one: one.urgency(now))

    def take(self, now: int, limit: int) -> list[tuple[str, int]]:
        """Take them one by one."""
        taken: list[tuple[str, int]] = []
        while len(taken) < limit and (due := self.due(now)):
            oldest = min(due, key=lambda one: (one.since, one.arrival))
            chosen = due[0]
            if now - oldest.since >= 10_000:
                calm = due[0].danger < 2**16
                by_age = self.ahead > 0 if calm else (self.ahead >= 100 or self.row == 7)
                chosen = oldest if by_age else chosen
                self.row = 0 if by_age else self.row + 1
                self.ahead = max(0, self.ahead - 1) if by_age else self.ahead + 1
            else:
                self.row = self.ahead = 0
            self.waiting.remove(chosen)
            self.served = chosen.urgency(now)[2]
            taken.append((chosen.sku, chosen.since))
        return taken

    def mates(self, now: int, group: str) -> list[Waiting]:
        """Return the mates: a group by danger and age; without one the line that was served last, then all."""
        if group:
            mates = [one for one in self.due(now) if one.group == group]
            return sorted(mates, key=lambda one: (one.urgency(now)[2], one.since, one.arrival))
        beside = [one for one in self.due(now) if one.urgency(now)[2] == self.served]
        return beside + [one for one in self.due(now) if one not in beside]

    def remove(self, found: Iterable[Waiting]) -> list[tuple[str, int]]:
        """Take these out."""
        chosen = list(found)
        self.waiting = [one for one in self.waiting if one not in chosen]
        return [(one.sku, one.since) for one in chosen]


DANGERS = st.integers(0, 300) | st.integers(2**15, 2**18)
MOVES = st.one_of(
    st.tuples(st.just("offer"), st.sampled_from(SKUS), DANGERS, st.integers(0, 40_000), st.integers(0, 60_000)),
    st.tuples(st.just("offer"), st.sampled_from(SKUS), DANGERS, st.integers(0, 40_000), st.just(0)),
    st.tuples(st.just("discard"), st.sampled_from(SKUS)),
    st.tuples(st.just("take"), st.integers(1, 4)),
    st.tuples(st.just("mates"), st.integers(1, 4), st.sampled_from(["", "p", "q"])),
    st.tuples(st.just("calm"), st.integers(1, 4)),
    st.tuples(st.just("wait"), st.integers(1, 8_000)),
)


@settings(max_examples=300)
@given(st.lists(MOVES, max_size=80))
def test_the_queue_gives_what_a_sorted_list_gives(moves: list[tuple[object, ...]]) -> None:
    """Whatever is offered, moved, discarded and taken in whatever way: the same SKUs in the same order."""
    queue, model, now = WorkQueue(), Model(), 20_000
    for move in moves:
        match move:
            case ("offer", str(sku), int(danger), int(since), int(due)):
                queue.offer(sku, danger, since, due, "" if sku[0].isdigit() else sku[0])
                model.offer(sku, danger, since, due)
            case ("discard", str(sku)):
                queue.discard(sku)
                model.waiting = [one for one in model.waiting if one.sku != sku]
            case ("take", int(limit)):
                assert queue.take(now, limit, lambda _: True) == model.take(now, limit)
            case ("mates", int(limit), str(group)):
                found = queue.mates(now, limit, lambda _: True, group)
                assert found == model.remove(model.mates(now, group)[:limit])
            case ("calm", int(limit)):
                calm = sorted(model.due(now), key=lambda one: (-one.urgency(now)[2], one.since, one.arrival))
                model.served = calm[:limit][-1].urgency(now)[2] if calm else model.served
                assert queue.take_calm(now, limit, lambda _: True) == model.remove(calm[:limit])
            case ("wait", int(wait)):
                now += wait
        assert len(queue) == len(model.waiting)
        assert sorted(queue) == sorted(one.sku for one in model.waiting)
        assert queue.count(now) == len(model.due(now))
        assert queue.oldest() == min((one.since for one in model.waiting), default=None)
        due_times = [max(now, one.due) for one in model.waiting]
        assert queue.due_at(now) == min(due_times, default=None)


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 6), st.randoms(use_true_random=False))
def test_nobody_starves_beside_skus_that_sell_without_end(calm: int, rate: int, dice: object) -> None:
    """However the dangers lie, a SKU that is overdue with `k` older ones is taken within `2 * (k + 1) + 100` places."""
    draw = dice.randrange  # type: ignore[attr-defined] # hypothesis does not export the class it draws
    queue, now = WorkQueue(), 0
    for n in range(calm):
        queue.offer(f"calm{n}", draw(4), since=n)
    left, overdue_at = {f"calm{n}" for n in range(calm)}, 10_000 + calm
    places = 0
    while left:
        for n in range(3):
            queue.offer(f"hot{n}", 2**20 + draw(2**20), since=queue.since(f"hot{n}") or now)
        now += 1_000 // rate
        for sku, _ in queue.take(now, 1, lambda _: True):
            left.discard(sku)
            places += now >= overdue_at
    assert places <= 2 * calm + 100
