"""Two purposes at once, and a vendor that says with every answer what is left: shares of one bucket in virtual time."""

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publishers.channels import KINDS
from publishers.limiter import Limiter
from publishers.push import READ, TELL, Hint
from publishers.shares import limits_of
from schemas.settings import Channel, Config, Kafka, Kind
from tests.publishers.vendors import DAY, DELAYS, JITTER, MINUTE, Bucket, Rule, Sliding

COSTS = {TELL: (13, 23, 61), READ: (52, 7)}
"""Points at Shopify."""
LENGTH = 2 * MINUTE


@dataclass(slots=True)
class Shop:
    """A vendor that lets both purposes into one bucket, and says what is left of it and how large it is."""

    kind: str
    rules: list[Rule]
    hints: bool
    taken: dict[str, int] = field(default_factory=lambda: {TELL: 0, READ: 0})
    refused: list[tuple[int, int]] = field(default_factory=list)

    def serve(self, bucket: str, sent: int, at: int, cost: int, heard: int) -> tuple[Hint, ...] | None:
        """Let a request in or refuse it (None)."""
        if not all(rule.has(at, cost, "") for rule in self.rules):
            self.refused.append((sent, heard))
            return None
        for rule in self.rules:
            rule.take(at, cost, "")
        if at >= LENGTH // 2:
            self.taken[bucket] += cost if self.kind == "shopify" else 1
        return self._says(bucket, at) if self.hints else ()

    def _says(self, bucket: str, at: int) -> tuple[Hint, ...]:
        first = self.rules[0]
        if isinstance(first, Bucket):
            return (Hint(bucket=bucket, per_ms=1_000, left=int(first.left), limit=int(first.rate)),)
        return tuple(
            Hint(bucket=bucket, per_ms=rule.per, limit=rule.most, left=rule.most - len(rule.times))
            for rule in self.rules
            if isinstance(rule, Sliding) and (rule.has(at, 1, "") or True)
        )


def vendor(kind: str, part: Fraction, *, hints: bool) -> Shop:
    """Make a vendor whose bucket is so full at first."""
    if kind == "shopify":
        return Shop(kind, [Bucket(Fraction(100), 2_000, points=True, left=part * 2_000)], hints)
    if kind == "woocommerce":
        return Shop(kind, [Bucket(Fraction(5), 5, left=part * 5)], hints=False)
    return Shop(kind, [Sliding(10, per=1_000), Sliding(10_000)], hints)


def run(shop: Shop, limits: Limiter, delay: str, seed: int) -> None:
    """Tell and read back as fast as the limiter lets us, with work always waiting for both."""
    chance, now, number = Random(seed), 0, count()
    road: list[tuple[int, int, str, int, int]] = []
    back: list[tuple[int, int, str, tuple[Hint, ...] | None]] = []
    costs = {bucket: chance.choice(COSTS[bucket]) for bucket in COSTS}
    while now < LENGTH:
        waits = {bucket: limits.wait(bucket, costs[bucket], now) for bucket in COSTS}
        for bucket in (bucket for bucket, wait in waits.items() if wait == 0):
            limits.spend(bucket, costs[bucket], now)
            heapq.heappush(road, (now + DELAYS[delay](chance, now), next(number), bucket, now, costs[bucket]))
            costs[bucket] = chance.choice(COSTS[bucket])
        if 0 not in waits.values():
            events = [*(one[0] for one in road[:1]), *(one[0] for one in back[:1])]
            now = min(now + min(waits.values()), LENGTH, *events)
        while road and road[0][0] <= now:
            at, turn, bucket, sent, cost = heapq.heappop(road)
            heard = at + chance.randint(1, 3 * JITTER)
            heapq.heappush(back, (heard, turn, bucket, shop.serve(bucket, sent, at, cost, heard)))
        while back and back[0][0] <= now:
            _, _, bucket, said = heapq.heappop(back)
            if said is None:
                limits.throttled(bucket, 500, now)
            else:
                limits.learn(said, now)


@pytest.mark.parametrize("kind", ["shopify", "etsy", "woocommerce"])
@pytest.mark.parametrize("delay", DELAYS)
@settings(max_examples=4)
@given(seed=st.integers(0, 10_000), part=st.fractions(0, 1, max_denominator=4), hints=st.booleans())
def test_telling_and_reading_back_share_a_bucket_without_a_second_refusal(
    kind: str, delay: str, seed: int, part: Fraction, *, hints: bool
) -> None:
    """What the vendor says is left is old when it is heard, and must neither let too much through nor too little."""
    limits = limits_of(Channel(name="x", kind=Kind(kind), since=0), KINDS[kind], Config(kafka=Kafka(bootstrap="x")))
    shop = vendor(kind, part, hints=hints)
    run(shop, Limiter(limits, 0), delay, seed)
    first = min((heard for _, heard in shop.refused), default=0)
    assert [one for one in shop.refused if one[0] >= first] == []
    for bucket, used in shop.taken.items():
        pace = limits[bucket][0]
        safe = pace.per_ms + (JITTER if pace.rolling else 0)
        one_more = max(COSTS[bucket]) if pace.points else 1
        assert used + one_more >= Fraction(95 * pace.amount * (LENGTH // 2), 100 * safe)


def test_the_day_is_a_day() -> None:
    """The vendors' rules count in the same unit as the limiter."""
    assert any(one.per_ms == DAY for one in KINDS["etsy"].LIMITS[TELL])
