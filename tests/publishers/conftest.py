"""A publisher without a shell: the controller, one channel's shop, and a clock that the test moves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import pytest

from publishers.book import Book
from publishers.channels import KINDS
from publishers.controller import Controller
from publishers.push import TELL, Account, Answer, Response
from publishers.work import Call, Gate, Setup
from schemas import channel_records, records, words
from schemas.settings import Rules

LOCATION = "gid://shopify/Location/1"


@dataclass
class Shop:
    """What the channel shows by SKU, and what it says when asked; written from the vendors' documents."""

    kind: str
    numbers: dict[str, int] = field(default_factory=dict)
    answers: list[Response] = field(default_factory=list)
    calls: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    lost: int = 0

    def serve(self, call: Call) -> Response:
        """Answer a call; responses put into `answers` come first, `lost` ones are acted on and not heard."""
        if self.answers:
            return self.answers.pop(0)
        answer = self._shopify(call) if self.kind == "shopify" else self._woocommerce(call)
        if self.lost:
            self.lost -= 1
            return Response(status=0, err="no answer within 10000 ms")
        return answer

    def _shopify(self, call: Call) -> Response:
        variables = orjson.loads(call.request.body)["variables"]
        if "ids" in variables:
            self.calls.append(("read", {}))
            nodes = [self._node(name.rpartition("/")[2]) for name in variables["ids"]]
            return Response(status=200, body=orjson.dumps({"data": {"nodes": nodes}}))
        quantities = variables["input"]["quantities"]
        items = [row["inventoryItemId"].rpartition("/")[2] for row in quantities]
        self.calls.append(("tell", {item: row["quantity"] for item, row in zip(items, quantities, strict=True)}))
        errors = [
            {"field": ["input", "quantities", str(n), "changeFromQuantity"], "code": "CHANGE_FROM_QUANTITY_STALE"}
            for n, (item, row) in enumerate(zip(items, quantities, strict=True))
            if row["changeFromQuantity"] not in (None, self.numbers[item])
        ]
        if not errors:
            self.numbers.update(self.calls[-1][1])
        return Response(status=200, body=orjson.dumps({"data": {"inventorySetQuantities": {"userErrors": errors}}}))

    def _node(self, item: str) -> dict[str, Any]:
        return {"inventoryLevel": {"quantities": [{"name": "available", "quantity": self.numbers[item]}]}}

    def _woocommerce(self, call: Call) -> Response:
        told = {row.listing.listing_id: row.quantity for row in call.rows}
        self.calls.append(("tell", told))
        self.numbers.update(told)
        asked = orjson.loads(call.request.body)["update"] if call.request.body else [{"id": 1}] * len(told)
        return Response(status=200, body=orjson.dumps({"update": [{"id": one["id"]} for one in asked]}))


@dataclass
class Bench:
    """A controller with its shop; `now` moves only when the test or a wait moves it."""

    controller: Controller
    shop: Shop
    now: int = 1_000_000
    versions: dict[str, int] = field(default_factory=dict)
    said: list[records.OrderOutcome] = field(default_factory=list)
    out: list[Any] = field(default_factory=list)

    def listing(self, sku: str, listing_id: str | None = None, *, retired: bool = False, **ids: str) -> None:
        """Put a listing on the channel, or the same one again with another flag."""
        name = listing_id or sku
        own = {"variant": name, "inventory_item": name} if self.shop.kind == "shopify" else {"product": "1"}
        listing = channel_records.Listing(channel="shop", listing_id=name, sku=sku, ids={**own, **ids}, retired=retired)
        self.shop.numbers.setdefault(name, 0)
        self.controller.listing(name, listing, 0, self.now)

    def level(self, sku: str, quantity: int | None, **cause: Any) -> records.StockLevel:
        """Give a SKU its next level."""
        self.versions[sku] = self.versions.get(sku, 0) + 1
        given = {"kind": words.CauseKind.ADJUSTMENT, "delta": 0, "received_at": self.now, **cause}
        level = records.StockLevel(
            sku=sku,
            quantity=quantity,
            version=self.versions[sku],
            paused=None,
            policy=words.Policy.REJECT,
            cause=records.Cause(**given),
            source={},
            updated_at=self.now,
        )
        self.controller.level(level, self.now)
        return level

    def ordered(self, sku: str, quantity: int, units: int, *, ordered_at: int, **more: Any) -> records.StockLevel:
        """Give a SKU the level that an order of this channel leaves."""
        cause = {"channel": "shop", "listing_sku": sku, "order_id": f"shop_{self.now}_1", **more}
        return self.level(sku, quantity, kind=words.CauseKind.ORDER, delta=units, ordered_at=ordered_at, **cause)

    def outcome(self, sku: str, units: int, *, ordered_at: int, **more: Any) -> None:
        """Give the outcome of an order of this channel, by default for the newest version."""
        given = {
            "order_id": f"shop_{self.now}_1",
            "channel": "shop",
            "result": words.Result.ACCEPTED,
            "version": self.versions.get(sku, 0),
            "shortfall": 0,
            **more,
        }
        outcome = records.OrderOutcome(
            sku=sku,
            revision=1,
            seen_at=ordered_at,
            qty=units,
            held=units,
            delta=units,
            new_qty=0,
            ordered_at=ordered_at,
            timestamp=self.now,
            source={},
            **given,
        )
        self.said.append(outcome)
        self.controller.outcome(outcome, len(self.said) - 1, self.now)

    def watermark(self, through: int, channel: str = "shop") -> None:
        """Say how far the order poll has come."""
        self.controller.watermark(channel_records.Watermark(channel=channel, through=through, at=self.now), self.now)

    def command(self, command: words.Command, sku: str | None = None) -> None:
        """Give an operator's command."""
        self.controller.command(channel_records.PublisherCommand(command=command, sku=sku, at=self.now), self.now)

    def plan(self) -> Call | int:
        """Ask for the next step, and keep what would be written."""
        step = self.controller.plan(self.now, f"r{len(self.shop.calls)}-{self.now}")
        self.collect()
        return step

    def collect(self) -> None:
        """Take the records as the shell would."""
        self.out += self.controller.tasks.out
        self.controller.tasks.out = []

    def answer(self, call: Call, response: Response | None = None, took: int = 10) -> Answer:
        """Let the shop (or the given response) answer."""
        answered = response or self.shop.serve(call)
        self.now += took
        answer = self.controller.answer(call, answered, self.now)
        self.collect()
        assert isinstance(answer, Answer), "the call goes on"
        return answer

    def work(self, until: int = 0) -> int:
        """Run until nothing is to do now (or until a time); returns the number of calls."""
        calls = 0
        for _ in range(10_000):
            step = self.plan()
            if isinstance(step, Call):
                calls += 1
                self.answer(step)
            elif (self.now >= until) if until else (step > 0 and not self.budget_waits()):
                return calls
            else:
                self.now += max(step, 1)
        pytest.fail("the controller never comes to rest")

    def budget_waits(self) -> bool:
        """Return whether something is due and only the limit keeps it back."""
        due = self.controller.tasks.queue.due_at(self.now)
        calling = self.controller.calling
        closed = self.controller.gate is not Gate.PUSH or calling.refused or calling.circuit.is_open
        return due == self.now and not closed and calling.limiter.silent_until(TELL) <= self.now

    def record(self, sku: str) -> channel_records.ChannelLevel:
        """Return what is known of a SKU."""
        return self.controller.book.observed[sku]

    def letters(self) -> list[records.DeadLetter]:
        """Return the dead letters written so far."""
        return [one for one in self.out if isinstance(one, records.DeadLetter)]

    def log(self) -> list[channel_records.SyncLog]:
        """Return the rows of calls written so far."""
        return [one for one in self.out if isinstance(one, channel_records.SyncLog)]


@dataclass
class Trade:
    """What happens to SKU "A" while a publisher works: late orders, changes elsewhere, steps, lost answers."""

    bench: Bench
    hub: int = 40
    pending: list[tuple[int, int]] = field(default_factory=list)

    def happens(self, move: str, units: int) -> None:
        """Let one thing happen, 50 ms after the last."""
        self.bench.now += 50
        getattr(self, f"_{move}")(units)

    def _sale(self, units: int) -> None:
        self.bench.shop.numbers["A"] -= units
        self.pending.append((units, self.bench.now))

    def _arrive(self, _: int) -> None:
        if self.pending:
            sold, at = self.pending.pop(0)
            self.hub -= sold
            self.bench.ordered("A", self.hub, sold, ordered_at=at)
            self.bench.outcome("A", sold, ordered_at=at)

    def _other(self, units: int) -> None:
        self.hub += units if units % 2 else -units
        self.bench.level("A", self.hub)

    def _lose(self, _: int) -> None:
        self.bench.shop.lost = 1

    def _later(self, _: int) -> None:
        self.bench.now += 7_000

    def _step(self, _: int) -> None:
        if isinstance(call := self.bench.plan(), Call):
            self.bench.answer(call)

    def all_arrive(self) -> None:
        """Let the orders of every sale arrive."""
        while self.pending:
            self.happens("arrive", 0)


class BenchOf(Protocol):
    """Make a bench."""

    def __call__(
        self,
        kind: str = ...,
        levels: Mapping[str, int] | None = ...,
        *,
        rules: Rules | None = ...,
        gate: Gate = ...,
        ladder: tuple[int, ...] | None = ...,
        active: bool = ...,
    ) -> Bench:
        """Make it; with `levels` these SKUs are listed and in step already."""


@pytest.fixture(scope="session")
def bench_of() -> BenchOf:
    """Return a maker of benches."""

    def make(
        kind: str = "shopify",
        levels: Mapping[str, int] | None = None,
        *,
        rules: Rules | None = None,
        gate: Gate = Gate.PUSH,
        ladder: tuple[int, ...] | None = None,
        active: bool = True,
    ) -> Bench:
        module, settings = KINDS[kind], rules or Rules()
        setup = Setup(
            channel="shop",
            kind=module,
            account=Account(api_version="2026-10", location=LOCATION),
            limits=module.LIMITS,
            ladder=module.LADDER if ladder is None else ladder,
            call_timeout_ms=10_000,
            gate=gate,
            partitions=1,
            draw=lambda: 500,
        )
        book = Book("shop", lambda _: settings, module)
        bench = Bench(controller=Controller(setup, book, 0), shop=Shop(kind))
        if active:
            bench.controller.activate(bench.now)
        for sku, quantity in (levels or {}).items():
            bench.listing(sku)
            bench.level(sku, quantity)
        bench.work()
        bench.now += 10_000  # the limits have room again for what the test does in an instant
        bench.shop.calls.clear()
        bench.out.clear()
        return bench

    return make


@pytest.fixture(scope="session")
def trade_of() -> Callable[[Bench], Trade]:
    """Return a maker of trades."""
    return Trade


Maker = Callable[..., Bench]
