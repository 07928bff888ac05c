"""The web service against a real Kafka: what is answered 2xx is in the log, whatever happens to the broker."""

import base64
import hashlib
import hmac
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.config import load
from schemas.partition import partition_of

SECRET, TOKEN = "hush", "let-me-in"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHANNELS = (
    {"name": "uk", "kind": "shopify", "since": 1, "alias": "uk.myshopify.com"},
    {"name": "woo", "kind": "woocommerce", "since": 1},
    {"name": "till", "kind": "generic", "since": 1},
)
ENV = {
    "LASTUNIT_UK_WEBHOOK_SECRETS": f"old-secret {SECRET}",
    "LASTUNIT_WOO_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_TILL_WEBHOOK_SECRETS": STANDARD,
    "LASTUNIT_STOCK_TOKENS": TOKEN,
}
TOPICS = ("order.confirmed", "stock.adjusted", "stock.deadletter")
READY = r"^READY (\S+)$"
Answer = tuple[int, dict[str, Any], dict[str, str]]


def signed(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def shopify_order(number: int, *skus: str, quantity: int = 1) -> dict[str, Any]:
    at = "2026-11-21T10:00:00-05:00"
    lines = [{"id": n, "variant_id": 100 + n, "sku": sku, "quantity": quantity} for n, sku in enumerate(skus, 1)]
    return {"id": number, "test": False, "created_at": at, "updated_at": at, "line_items": lines, "refunds": []}


class Bench:
    """A running ingest with topics of its own, and a reader of everything that it wrote."""

    def __init__(self, path: Path, serve: Any) -> None:
        self.config, self.child = load(path), serve
        self.reader = Consumer(self.config.kafka.consumer("bench"))
        self.begin: dict[str, list[int]] = {}

    @property
    def url(self) -> str:
        """Return where it listens."""
        return f"http://{self.child.address}"

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None, timeout_s: float = 10) -> Answer:
        """Send a request, and return status, JSON and headers of the answer, whatever it is."""
        request = Request(self.url + path, data=body, headers=headers or {}, method="POST")  # noqa: S310 - http only
        try:
            with urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - http only
                return answer.status, json.loads(answer.read()), dict(answer.headers)
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}"), dict(error.headers)

    def get(self, path: str) -> tuple[int, str]:
        """Ask, and return status and text of the answer."""
        try:
            with urlopen(self.url + path, timeout=5) as answer:  # noqa: S310 - http only
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def shopify(self, order: dict[str, Any], path: str = "/webhooks/uk/order", **more: str) -> Answer:
        """Send a signed order as Shopify would."""
        body = json.dumps(order).encode()
        headers = {"X-Shopify-Topic": "orders/create", "X-Shopify-Shop-Domain": "uk.myshopify.com"}
        return self.post(path, body, {**headers, "X-Shopify-Hmac-Sha256": signed(body), **more})

    def adjust(self, *rows: dict[str, Any], query: str = "", token: str = TOKEN) -> Answer:
        """Ask for adjustments."""
        body = json.dumps({"adjustments": rows}).encode()
        return self.post(f"/stock/adjustments{query}", body, {"Authorization": f"Bearer {token}"})

    def mark(self) -> None:
        """Remember where the topics end, so that each test reads its own records only."""
        self.begin = {topic: self._ends(topic) for topic in TOPICS}

    def read(self, topic: str) -> list[Any]:
        """Return the records of a topic since the mark."""
        begin, ends = self.begin[topic], self._ends(topic)
        name, wanted = self.config.kafka.topic(topic), sum(ends) - sum(begin)
        self.reader.assign([TopicPartition(name, number, offset) for number, offset in enumerate(begin)])
        found: list[Any] = []
        deadline = time.monotonic() + 20
        while len(found) < wanted and time.monotonic() < deadline:
            found += [message for message in self.reader.consume(min(1_000, wanted), 0.05) if message.error() is None]
        assert len(found) == wanted
        return found

    def _ends(self, topic: str) -> list[int]:
        name = self.config.kafka.topic(topic)
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the library does not say
        asked = {TopicPartition(name, number): latest for number in range(self.config.kafka.partitions)}
        admin = AdminClient(self.config.kafka.client())  # a new one: an old one asks with the epoch before a restart
        ends = {part.partition: future.result(10) for part, future in admin.list_offsets(asked).items()}
        return [ends[number].offset for number in sorted(ends)]


def value(message: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.value())
    return decoded


@pytest.fixture(scope="module")
def running(config_file: Any, supervisor: Any) -> Iterator[Bench]:
    """Yield one service for all tests of this file."""
    path = config_file(CHANNELS)
    argv = (sys.executable, "-m", "ingest", "serve", "--config", str(path))
    bench = Bench(path, supervisor.start("ingest-web", argv, env=ENV, ready=READY))
    yield bench
    bench.reader.close()
    bench.child.stop()


@pytest.fixture
def bench(running: Bench) -> Bench:
    """Return the service, its topics marked."""
    running.mark()
    return running


def test_a_signed_shopify_order_is_in_kafka_when_it_is_answered(bench: Bench) -> None:
    """Each line is a record under its SKU, in the SKU's partition, with CloudEvents headers and the caller's trace."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    status, answer, _ = bench.shopify(shopify_order(7, "TEE-M", "größe 44", quantity=2), traceparent=trace)

    assert (status, answer["records"]) == (200, 2)
    messages = {value(message)["sku"]: message for message in bench.read("order.confirmed")}
    assert set(messages) == {"TEE-M", "größe 44"}
    record = value(messages["TEE-M"])
    assert (record["orderId"], record["qty"], record["channel"]) == ("uk_7_1", 2, "uk")
    assert record["revision"] == record["orderedAt"] == 1795273200000
    for sku, message in messages.items():
        assert message.key() == sku.encode()
        assert message.partition() == partition_of(sku.encode(), bench.config.kafka.partitions)
        headers = dict(message.headers())
        assert headers["ce_type"] == b"lastunit.order.confirmed.v1"
        assert headers["traceparent"] == trace.encode()


def test_the_shared_address_finds_the_channel_by_the_shops_domain(bench: Bench) -> None:
    """`/webhooks/orders/create` is resolved by the domain header; a stranger's domain is 404, another's secret 401."""
    assert bench.shopify(shopify_order(1, "A"), "/webhooks/orders/create")[0] == 200
    other = {"X-Shopify-Shop-Domain": "us.myshopify.com"}
    assert bench.shopify(shopify_order(2, "A"), "/webhooks/orders/create", **other)[0] == 404
    assert bench.shopify(shopify_order(2, "A"), **other)[0] == 401
    assert [value(message)["orderId"] for message in bench.read("order.confirmed")] == ["uk_1_1"]


def test_woocommerce_and_generic_orders_reach_the_same_topic(bench: Bench) -> None:
    """A WooCommerce snapshot and a Standard Webhooks event become records of the same shape."""
    order = {
        "id": 727,
        "status": "processing",
        "date_created_gmt": "2026-11-21T10:00:00",
        "date_modified_gmt": "2026-11-21T10:00:05",
        "line_items": [{"id": 315, "product_id": 93, "sku": "TEE-M", "quantity": 2}],
    }
    body = json.dumps(order).encode()
    headers = {"X-WC-Webhook-Signature": signed(body), "X-WC-Webhook-Topic": "order.created"}
    assert bench.post("/webhooks/woo/order", body, headers)[0] == 200
    assert bench.post("/webhooks/woo/order", b"webhook_id=12")[0] == 200
    data = {"orderId": "A-1", "revision": 3, "orderedAt": 5, "lines": [{"lineId": "1", "sku": "TEE-M", "qty": 4}]}
    body, now = json.dumps({"type": "order.line", "data": data}).encode(), str(int(time.time()))
    key = base64.b64decode(STANDARD.removeprefix("whsec_"))
    digest = base64.b64encode(hmac.new(key, f"msg_1.{now}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": f"v1a,x v1,{digest}"}
    assert bench.post("/webhooks/till/order", body, headers)[0] == 200

    found = {value(message)["orderId"]: value(message) for message in bench.read("order.confirmed")}

    assert {key: record["qty"] for key, record in found.items()} == {"woo_727_315": 2, "till_A-1_1": 4}
    assert found["woo_727_315"]["revision"] == 1795255205000


def test_what_cannot_be_trusted_or_read_is_refused_and_leaves_no_trace(bench: Bench) -> None:
    """Bad signature 401, not JSON 400, too large 413, compressed 415, unknown channel 404; nothing in Kafka."""
    good = json.dumps(shopify_order(1, "A")).encode()
    topic = {"X-Shopify-Topic": "orders/create"}

    def post(body: bytes, path: str = "/webhooks/uk/order", **headers: str) -> int:
        return bench.post(path, body, {**topic, "X-Shopify-Hmac-Sha256": signed(body), **headers})[0]

    assert post(good, **{"X-Shopify-Hmac-Sha256": signed(good, "guess")}) == 401
    assert post(good, **{"X-Shopify-Hmac-Sha256": ""}) == 401
    assert post(b"{not json") == 400
    assert post(b"[" * 5_000) == 400
    assert post(b"x" * 1_048_577) == 413
    assert post(json.dumps(shopify_order(1, *["A"] * 10_001)).encode()) == 413
    assert post(good, **{"Content-Encoding": "gzip"}) == 415
    assert post(good, "/webhooks/nobody/order") == 404
    assert bench.read("order.confirmed") == []
    assert bench.read("stock.deadletter") == []


def test_what_is_signed_and_not_understood_is_a_dead_letter_with_ids_only(bench: Bench) -> None:
    """The answer is 200, and the dead letter holds the body's hash and nothing that the customer said."""
    body = json.dumps({"id": 9, "email": "jane@example.com", "line_items": "?"}).encode()
    headers = {"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": signed(body)}

    status, answer, _ = bench.post("/webhooks/uk/order", body, headers)

    assert (status, answer["answer"]) == (200, "dead_lettered")
    (message,) = bench.read("stock.deadletter")
    letter = value(message)
    assert (letter["reason"], letter["channel"]) == ("unknown_shape", "uk")
    assert letter["bodySha256"] == hashlib.sha256(body).hexdigest()
    assert b"jane" not in message.value()


def test_a_line_without_a_sku_is_mapped_by_its_listing(bench: Bench, eventually: Any) -> None:
    """Unmapped, it is dead-lettered; once the listing stands in its topic, the same webhook becomes a record."""
    order = shopify_order(1, "")
    order["line_items"][0]["variant_id"] = 900  # no other test's: a listing outranks the SKU that a line shows
    assert bench.shopify(order)[1]["deadLetters"] == 1
    listing = {"v": 1, "channel": "uk", "listingId": "900", "sku": "MAPPED", "ids": {}, "components": []}
    producer = Producer(bench.config.kafka.producer())
    producer.produce(bench.config.kafka.topic("listing"), key=b"uk|900", value=json.dumps(listing).encode())
    assert producer.flush(10) == 0

    eventually(lambda: bench.shopify(order)[1]["records"] == 1)

    assert {value(message)["sku"] for message in bench.read("order.confirmed")} == {"MAPPED"}
    assert {value(message)["reason"] for message in bench.read("stock.deadletter")} == {"unmapped"}


def test_adjustments_need_a_token_and_are_booked_together_or_not_at_all(bench: Bench) -> None:
    """A wrong token is 401; one faulty row refuses all rows and names itself; good rows are 202 and in Kafka."""
    row = {"sku": "A", "kind": "set", "qty": 5, "adjustmentId": "a-1"}
    assert bench.adjust(row, token="guess")[0] == 401
    status, answer, _ = bench.adjust(row, {**row, "adjustmentId": "a-2", "qty": -1})
    assert status == 400
    assert answer["errors"] == ["adjustments[1]: qty: a count is not below zero"]
    assert bench.read("stock.adjusted") == []

    assert bench.adjust(row, {"sku": "B", "kind": "pause", "adjustmentId": "a-2"})[0] == 202

    found = {value(message)["adjustmentId"]: value(message) for message in bench.read("stock.adjusted")}
    assert found["a-1"] | {"receivedAt": 0} == {
        "v": 1, "sku": "A", "kind": "set", "qty": 5, "adjustmentId": "a-1", "ifVersion": None,
        "reason": "", "actor": "", "receivedAt": 0,
    }  # fmt: skip
    assert found["a-2"]["kind"] == "pause"


def test_whoever_waits_is_told_the_outcome_and_whoever_waits_in_vain_is_told_nothing_false(bench: Bench) -> None:
    """With `wait_ms` the answer carries the outcome that came in time; a row without one carries no result."""
    bench.adjust({"sku": "A", "kind": "set", "qty": 5, "adjustmentId": "w-0"}, query="?wait_ms=1")
    row = {"sku": "A", "kind": "set", "qty": 5, "adjustmentId": "w-1"}
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(bench.adjust(row, query="?wait_ms=15000")))
    caller.start()
    outcome = {
        "v": 1, "sku": "A", "orderId": "adj_w-1", "channel": None, "revision": 1, "seenAt": 1, "qty": 5, "held": 0,
        "shortfall": 0, "delta": -5, "result": "applied", "newQty": 5, "version": 1, "orderedAt": 1, "timestamp": 1,
        "source": {},
    }  # fmt: skip
    producer = Producer(bench.config.kafka.producer())
    deadline = time.monotonic() + 10
    while caller.is_alive() and time.monotonic() < deadline:
        # Said again until it is heard: the test cannot see when the caller has begun to wait.
        producer.produce(
            bench.config.kafka.topic("order.outcome"), key=b"adj_w-1|A", value=json.dumps(outcome).encode()
        )
        producer.flush(5)
        caller.join(0.1)
    status, answer, _ = answers[0]
    assert status == 202
    assert answer["adjustments"] == [
        {"adjustmentId": "w-1", "sku": "A", "result": "applied", "newQty": 5, "version": 1}
    ]

    status, answer, _ = bench.adjust({**row, "adjustmentId": "w-2"}, query="?wait_ms=50")

    assert (status, answer["adjustments"]) == (202, [{"adjustmentId": "w-2", "sku": "A"}])


def test_the_service_tells_what_it_did_and_how_it_is(bench: Bench) -> None:
    """`/healthz`, `/readyz` and `/metrics` answer; a webhook is counted by channel, topic and answer."""
    webhooks = r'lastunit_ingest_webhooks_total\{answer="accepted",channel="uk",topic="orders/paid"\} (\S+)'
    ignored = r'lastunit_ingest_ignored_lines_total\{channel="uk",reason="test_order"\} (\S+)'
    assert bench.get("/healthz")[0] == bench.get("/readyz")[0] == 200

    bench.shopify({**shopify_order(1, "A", "B"), "test": True}, **{"X-Shopify-Topic": "orders/paid"})

    metrics = bench.get("/metrics")[1]
    assert re.findall(webhooks, metrics) == ["1.0"]
    assert re.findall(ignored, metrics) == ["2.0"]
    assert SECRET not in metrics


def test_it_refuses_to_start_on_a_cluster_without_its_topics(config_file: Any, service: Any) -> None:
    """A missing topic is a clear refusal, not a service that loses records later."""
    path = config_file(CHANNELS, topics=False)

    child = service(
        "ingest", sys.executable, "-m", "ingest", "serve", "--config", str(path), env={}, ready="cannot start"
    )

    assert child.wait(20) == 1
    output = child.output()
    assert "LASTUNIT_UK_WEBHOOK_SECRETS" in output
    assert "LASTUNIT_STOCK_TOKENS" in output
    assert "order.confirmed" in output


def test_a_stopped_broker_loses_nothing_that_was_answered_200(bench: Bench, kafka: Any, eventually: Any) -> None:
    """Under load the broker is killed and started again: meanwhile 503 within its time, and every 200 is in the log."""
    answered: list[int] = []
    refused: list[tuple[int, float, str | None]] = []
    stop = threading.Event()

    def sell(worker: int) -> None:
        number = worker
        while not stop.is_set():
            number += 4
            began = time.monotonic()
            try:
                status, _, headers = bench.shopify(shopify_order(number, "A", "B", "C", "D"))
            except URLError as error:  # the service itself must never go away
                pytest.fail(str(error))
            if status == 200:
                answered.append(number)
            else:
                refused.append((status, time.monotonic() - began, headers.get("Retry-After")))

    workers = [threading.Thread(target=sell, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    try:
        eventually(lambda: len(answered) > 50)
        kafka.kill()
        eventually(lambda: len(refused) >= 8)
        assert bench.get("/readyz")[0] == 200
        assert bench.get("/healthz")[0] == 200
    finally:
        kafka.start()
    before = len(answered)
    eventually(lambda: len(answered) > before + 50)
    stop.set()
    for worker in workers:
        worker.join()

    assert {status for status, _, _ in refused} == {503}
    assert max(took for _, took, _ in refused) < 2.5
    assert {retry for _, _, retry in refused} == {"5"}
    assert bench.child.running
    found = {(value(message)["orderId"], value(message)["sku"]) for message in bench.read("order.confirmed")}
    wanted = {(f"uk_{number}_{line}", sku) for number in answered for line, sku in enumerate("ABCD", 1)}
    assert wanted - found == set()


def test_it_drains_when_told_to_stop(config_file: Any, service: Any) -> None:
    """SIGTERM under load: what was answered 200 is in Kafka, and the exit code is 0."""
    path = config_file(CHANNELS)
    argv = (sys.executable, "-m", "ingest", "serve", "--config", str(path))
    bench = Bench(path, service("ingest", *argv, env=ENV))
    bench.mark()
    answered: list[int] = []

    def sell(number: int) -> None:
        while True:
            number += 4
            try:
                status = bench.shopify(shopify_order(number, "A"))[0]
            except OSError:  # no longer listening, or the idle connection closed: this is the end
                return
            answered.append(number if status == 200 else -1)

    workers = [threading.Thread(target=sell, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 20
    while len(answered) < 50 and time.monotonic() < deadline:
        workers[0].join(0.05)

    assert bench.child.stop(20) == 0

    for worker in workers:
        worker.join()
    found = {value(message)["orderId"] for message in bench.read("order.confirmed")}
    assert len(answered) >= 50
    assert {f"uk_{number}_1" for number in answered} <= found
    bench.reader.close()
