"""
Hard edges over HTTP, against the real application on a real socket: what a stranger, a broken proxy or a bad day sends.

Always: an answer out of the closed list or the end of the connection, in time; never a 5xx but 503, never a trace,
never a quote of what was sent, in the answer or in the log.
"""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import logging
import resource
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ingest import app, body, http
from schemas.config import parse
from schemas.logs import JsonFormatter
from tests.ingest.stage import Reply, Stage, raw, read_reply, staged

LIMIT = 1_048_576
CONFIG = parse(
    {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "channels": [
            {"name": "uk", "kind": "shopify", "since": 1, "alias": "uk.myshopify.com"},
            {"name": "woo", "kind": "woocommerce", "since": 1},
        ],
    }
)
SECRET, TOKEN, CANARY = "hush-4711", "let-me-in-0815", "jane.doe@example.com"
ENVIRON = {
    "LASTUNIT_UK_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_WOO_WEBHOOK_SECRETS": SECRET,
    "LASTUNIT_STOCK_TOKENS": TOKEN,
}
AT = "2026-11-21T10:00:00Z"
ADDRESS = "/webhooks/uk/order"


class Memory(logging.Handler):
    """Keeps every line as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter("ingest"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def log() -> Iterator[Memory]:
    """Yield everything that is logged, at the lowest level; no line of it may quote what was sent, or hold a trace."""
    memory, root = Memory(), logging.getLogger()
    level = root.level
    root.addHandler(memory)
    root.setLevel(logging.DEBUG)
    yield memory
    root.setLevel(level)
    root.removeHandler(memory)
    text = "\n".join(memory.lines)
    for part in (SECRET, TOKEN, CANARY, "Traceback"):
        assert part not in text


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Yield the application, served."""
    async with staged(CONFIG, ENVIRON) as running:
        yield running


def order(*lines: dict[str, Any], **more: Any) -> bytes:
    items = list(lines) or [{"id": 1, "sku": "A", "quantity": 1}]
    return json.dumps({"id": 1, "created_at": AT, "updated_at": AT, "line_items": items, **more}).encode()


def signature(sent: bytes) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), sent, hashlib.sha256).digest()).decode()


def head(sent: bytes, *more: str, path: str = ADDRESS, method: str = "POST", length: int | None = None) -> bytes:
    """Return a request's head; `length` -1 leaves `Content-Length` out."""
    lines = [f"{method} {path} HTTP/1.1", "Host: shop.example", "X-Shopify-Topic: orders/create"]
    lines += [f"X-Shopify-Hmac-Sha256: {signature(sent)}", *more]
    if length != -1:
        lines.append(f"Content-Length: {len(sent) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def chunked(sent: bytes, size: int = 1_000) -> bytes:
    parts = (sent[at : at + size] for at in range(0, len(sent), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


async def one(stage: Stage, request: bytes, timeout_s: float = 10) -> Reply:
    (reply,) = await raw(stage.port, request, 1, timeout_s)
    return reply


def told(reply: Reply) -> tuple[int, str]:
    """Return status and verdict; the answer is short JSON."""
    assert reply.headers["content-type"] == "application/json"
    assert len(reply.body) < 500
    return reply.status, json.loads(reply.body)["answer"]


async def test_a_body_over_the_limit_is_refused_however_it_comes(stage: Stage) -> None:
    """With its length told it is not read at all; in chunks it is read up to the limit; at the limit it is taken."""
    filled = order(note="x" * (LIMIT - len(order(note=""))))
    assert len(filled) == LIMIT
    assert told(await one(stage, head(filled) + filled)) == (200, "accepted")
    assert told(await one(stage, head(filled, "Transfer-Encoding: chunked", length=-1) + chunked(filled))) == (
        200, "accepted",
    )  # fmt: skip

    over = filled + b" "
    assert told(await one(stage, head(over))) == (413, "too_large")
    assert told(await one(stage, head(over, length=10**15))) == (413, "too_large")
    assert told(await one(stage, head(over, "Transfer-Encoding: chunked", length=-1) + chunked(over))) == (
        413, "too_large",
    )  # fmt: skip
    assert len(stage.broker.sent) == 2


@pytest.mark.parametrize("kind", ["amazon", "etsy"])
async def test_a_body_that_names_its_own_account_is_parsed_only_where_it_is_small(stage: Stage, kind: str) -> None:
    """Nobody has proved anything yet: a stranger's megabyte is refused unread, with a length and without."""
    over, small = b'{"x":[' + b"[]," * 30_000 + b"[]]}", b'{"x":[]}'
    address = f"/webhooks/{kind}/orders"
    chunks = head(over, "Transfer-Encoding: chunked", length=-1, path=address) + chunked(over)
    assert told(await one(stage, head(over, path=address))) == (413, "too_large")
    assert told(await one(stage, chunks)) == (413, "too_large")
    assert told(await one(stage, head(small, path=address) + small)) == (404, "unknown_channel")


async def test_a_body_that_never_ends_is_not_collected(stage: Stage) -> None:
    """Chunk after chunk: refused at the limit, while the sender is still sending."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(head(b"", "Transfer-Encoding: chunked", length=-1))
    sent = 0
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    while not reader._buffer and sent < 64 * LIMIT:  # type: ignore[attr-defined] # the answer has come
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)
        sent += len(chunk)

    assert (await read_reply(reader)).status == 413
    assert sent < 8 * LIMIT
    writer.close()


@pytest.mark.parametrize(
    ("framing", "verdict"),
    [
        ((b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abcd"), "bad_request"),
        ((b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), "bad_request"),
        ((b"Transfer-Encoding: gzip\r\n", b"abcd"), "bad_request"),
        ((b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), "bad_request"),
        ((b"Content-Length: -1\r\n", b""), "bad_request"),
        ((b"Content-Length: +4\r\n", b"abcd"), "bad_request"),
        ((b"Content-Length: 0x4\r\n", b"abcd"), "bad_request"),
        ((b"Content-Length: 99999999999999999999999\r\n", b""), "bad_request"),
        ((b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), "bad_request"),
        ((b"X-A: a\x00b\r\n", b""), "bad_request"),
        ((b"X-A: " + b"a" * 9_000 + b"\r\n", b""), "bad_request"),
        ((b"X-A: a\r\n" * 3_000, b""), "bad_request"),
        ((b"Authorization Bearer " + TOKEN.encode() + b"\r\n", b""), "bad_request"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, tuple) else value,
)
async def test_framing_that_could_be_read_in_two_ways_ends_the_connection(
    stage: Stage, framing: tuple[bytes, bytes], verdict: str
) -> None:
    """What a proxy and we might cut differently is no request, and what follows on the connection is not read."""
    headers, rest = framing
    second = head(order()) + order()
    request = b"POST " + ADDRESS.encode() + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + rest + second

    replies = await raw(stage.port, request, 2)

    assert told(replies[0]) == (400, verdict)
    assert replies[1].status == 0
    assert stage.broker.sent == []


async def test_chunks_that_are_none_are_a_bad_request(stage: Stage) -> None:
    """Sizes that are no numbers, chunks longer or shorter than they say, an end that does not come."""
    for chunks in (
        b"zz\r\nabcd\r\n0\r\n\r\n",
        b"-4\r\nabcd\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"f" * 40 + b"\r\n",
    ):
        reply = await one(stage, head(b"abcd", "Transfer-Encoding: chunked", length=-1) + chunks)
        assert reply.status == 400
        assert json.loads(reply.body)["answer"] in ("bad_request", "bad_payload")
    assert stage.broker.sent == []


async def test_what_follows_a_body_whose_length_was_told_too_short_is_not_quoted(stage: Stage) -> None:
    """The rest of the body looks like garbage on the connection: a customer's mail is in no answer and in no log."""
    rest = json.dumps({"email": CANARY}).encode()
    for count in (1, 3):
        replies = await raw(stage.port, (head(order()) + order()) * count + rest + b"\r\n\r\n", count + 1)
        assert all(CANARY.encode() not in reply.body for reply in replies)
        assert 400 in {reply.status for reply in replies}


async def test_pipelined_requests_are_answered_in_turn_and_garbage_behind_them_ends_it(stage: Stage) -> None:
    """A connection may hold many requests; each has its own answer, and the end is clean."""
    replies = await raw(stage.port, (head(order()) + order()) * 50, 50)
    assert {told(reply) for reply in replies} == {(200, "accepted")}

    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(head(order()) + order())
    assert (await read_reply(reader)).status == 200
    writer.write(b"\x16\x03\x01\x02\x00garbage\r\n\r\n")
    assert told(await read_reply(reader)) == (400, "bad_request")
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    ("path", "method", "answer"),
    [
        ("/webhooks/%00/order", "POST", (404, "unknown_channel")),
        ("/webhooks/%ff%fe/order", "POST", (404, "unknown_channel")),
        ("/webhooks/%zz/order", "POST", (404, "unknown_channel")),
        ("/webhooks/%0d%0aX-Evil:%201/order", "POST", (404, "unknown_channel")),
        ("/webhooks/UK/order", "POST", (404, "unknown_channel")),
        ("/webhooks/uk%20/order", "POST", (404, "unknown_channel")),
        ("/webhooks/" + "x" * 7_000 + "/order", "POST", (404, "unknown_channel")),
        ("/webhooks/" + "x" * 9_000 + "/order", "POST", (400, "bad_request")),
        ("/webhooks/uk%2forder", "POST", (404, "not_found")),
        ("/webhooks//order", "POST", (404, "not_found")),
        ("/webhooks/uk/order/", "POST", (404, "not_found")),
        ("/webhooks/../webhooks/uk", "POST", (404, "not_found")),
        ("//[/x", "POST", (404, "not_found")),
        ("http://[::1/webhooks", "POST", (400, "bad_request")),
        ("*", "OPTIONS", (404, "not_found")),
        ("/webhooks/uk/order", "PUT", (405, "method_not_allowed")),
        ("/webhooks/uk/order", "DELETE", (405, "method_not_allowed")),
        ("/webhooks/uk/order", "OPTIONS", (405, "method_not_allowed")),
        ("/webhooks/uk/order", "BREW", (400, "bad_request")),
        ("/metrics", "POST", (405, "method_not_allowed")),
        ("/stock/adjustments", "GET", (405, "method_not_allowed")),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else str(value[0]),
)
async def test_an_address_that_is_none_is_said_to_be_none(
    stage: Stage, path: str, method: str, answer: tuple[int, str]
) -> None:
    """Names are compared after decoding, as they are given; nothing of them comes back."""
    reply = await one(stage, head(order(), path=path, method=method) + order())

    assert told(reply) == answer
    assert stage.broker.sent == []
    if answer[0] == 405:
        assert "allow" in reply.headers


async def test_a_percent_encoded_name_is_the_name(stage: Stage) -> None:
    """`%75k` is `uk`, as RFC 3986 has it."""
    assert (await one(stage, head(order(), path="/webhooks/%75k/order") + order())).status == 200


async def test_a_compressed_body_is_refused_unread(stage: Stage) -> None:
    """A bomb of a kilobyte a megabyte is never unpacked, whatever the header looks like."""
    bomb = gzip.compress(b" " * 64 * LIMIT)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for encoding in ("gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, gzip", "ü"):
        reply = await one(stage, head(bomb, f"Content-Encoding: {encoding}") + bomb)
        assert told(reply) == (415, "content_encoding")
    # Called identity, it is a body like any other: signed, read as it is, no JSON.
    assert told(await one(stage, head(bomb, "Content-Encoding: identity") + bomb)) == (400, "bad_payload")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1_024
    assert stage.broker.sent == []


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "",
        "a",
    ],
)
async def test_the_signature_decides_and_not_the_content_type(stage: Stage, content_type: str) -> None:
    """
    A signed body is what its kind sends, whatever the header calls it: the header is not signed.

    So a proxy that drops or rewrites it loses no order, and nobody gets another parser by naming one.
    """
    sent = order()
    assert told(await one(stage, head(sent, f"Content-Type: {content_type}") + sent)) == (200, "accepted")
    assert [json.loads(message.value)["sku"] for message in stage.broker.sent] == ["A"]


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"null", b"[]", b"{", b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b'{"id": NaN}',
        b'{"id": Infinity}', b'{"id": 1e999}', b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 100_000,
        b'{"a": "\xc3\x28"}', b'{"a": "\\ud800"}', b'{"a": 1} x',
    ],
    ids=lambda value: repr(value[:24]),
)  # fmt: skip
async def test_what_is_signed_and_no_json_object_is_a_bad_payload(stage: Stage, sent: bytes) -> None:
    """Broken UTF-8, nesting 10,000 deep, half a character, not-a-number: 400, and the poll reads the order."""
    assert told(await one(stage, head(sent) + sent)) == (400, "bad_payload")
    assert stage.broker.sent == []


async def test_integers_beyond_64_bits_and_duplicate_names_are_no_way_around_the_bounds(stage: Stage) -> None:
    """2**80 units are no units, and of a name given twice the last one counts, in the record too."""
    for number in (2**63, 2**64, 2**80, 10**300):
        sent = order({"id": 1, "sku": "A", "quantity": number})
        assert told(await one(stage, head(sent) + sent)) == (200, "dead_lettered")
    assert {message.topic for message in stage.broker.sent} == {"stock.deadletter"}
    stage.broker.sent.clear()

    sent = order().replace(b'"quantity": 1', b'"quantity": 7, "quantity": 2')
    assert told(await one(stage, head(sent) + sent)) == (200, "accepted")
    assert [json.loads(message.value)["qty"] for message in stage.broker.sent] == [2]


def many(count: int) -> bytes:
    lines = ",".join(f'{{"id":{n},"sku":"S{n}","quantity":1}}' for n in range(count))
    return f'{{"id":1,"created_at":"{AT}","updated_at":"{AT}","line_items":[{lines}]}}'.encode()


async def test_ten_thousand_lines_are_one_batch_and_one_more_is_too_many(stage: Stage) -> None:
    """The largest order that any channel knows is taken whole, in time and in little memory."""
    sent = many(10_000)
    assert len(sent) < LIMIT
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()

    reply = await one(stage, head(sent) + sent)

    assert told(reply) == (200, "accepted")
    assert (stage.broker.batches, len(stage.broker.sent)) == (1, 10_000)
    assert time.process_time() - began < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 128 * 1_024

    sent = many(10_001)
    assert told(await one(stage, head(sent) + sent)) == (413, "too_large")
    assert stage.broker.batches == 1


async def test_bodies_that_do_not_come_hold_no_place_for_long(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, eventually_async: Any
) -> None:
    """As many as there is room for are waited for, then told 408; others meanwhile 503, and health is answered."""
    monkeypatch.setattr(app, "IN_FLIGHT_MAX", 40)
    monkeypatch.setattr(body, "BODY_READ_S", 0.8)
    slow = [asyncio.create_task(one(stage, head(order()) + b"{")) for _ in range(60)]

    async def full() -> bool:
        return stage.service.in_flight == 40

    await eventually_async(full)

    assert told(await one(stage, head(order()) + order())) == (503, "unavailable")
    assert (await one(stage, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200

    assert sorted(told(reply) for reply in await asyncio.gather(*slow)) == [
        *[(408, "slow_sender")] * 40,
        *[(503, "unavailable")] * 20,
    ]
    assert stage.service.in_flight == 0
    assert told(await one(stage, head(order()) + order())) == (200, "accepted")


async def test_a_body_that_drips_is_ended_like_one_that_stands_still(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte now and then does not buy more time."""
    monkeypatch.setattr(body, "BODY_READ_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(head(order()))

    async def drip() -> None:
        while True:
            writer.write(b" ")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(20):
        assert told(await read_reply(reader)) == (408, "slow_sender")
    dripping.cancel()
    writer.close()


async def test_heads_that_do_not_come_end_by_themselves_and_disturb_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of connections that send half a head, or nothing, or a byte now and then: closed in time."""
    monkeypatch.setattr(http, "FIRST_REQUEST_S", 1.5)
    starts = (b"", b"POST", head(order())[:60])
    open_ones = [await asyncio.open_connection("127.0.0.1", stage.port) for _ in range(150)]
    for number, (_, writer) in enumerate(open_ones):
        writer.write(starts[number % len(starts)])
    for _ in range(5):
        assert told(await one(stage, head(order()) + order())) == (200, "accepted")
        for _, writer in open_ones[2::3]:
            writer.write(b"x")

    async with asyncio.timeout(20):
        ends = await asyncio.gather(*(reader.read() for reader, _ in open_ones))
    assert set(ends) == {b""}
    for _, writer in open_ones:
        writer.close()


async def test_an_idle_connection_is_kept_for_its_time_and_no_longer() -> None:
    """A sender that keeps a connection need not open another; one that forgets it loses it."""
    kept_s = 1.5
    async with staged(CONFIG, ENVIRON, keepalive_timeout=kept_s) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        for _ in range(2):
            last = time.monotonic()
            writer.write(head(order()) + order())
            assert (await read_reply(reader)).status == 200
        writer.write(head(order())[:60])
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        assert time.monotonic() - last > kept_s * 0.95  # a timer may fire a clock's tick early
        writer.close()


async def test_connections_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is closed at once; when another ends there is room again."""
    monkeypatch.setattr(http, "CONNECTIONS_MAX", 5)
    async with AsyncExitStack() as scope:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            scope.callback(writer.close)
            writer.write(head(order()) + order())
            assert (await read_reply(reader)).status == 200  # so the server has counted it
            writer.write(b"POST")
        assert (await one(stage, head(order()) + order())).status == 0
    async with asyncio.timeout(20):
        while (await one(stage, head(order()) + order())).status != 200:  # noqa: ASYNC110 - no event tells it
            await asyncio.sleep(0.01)


class Broken:
    """Listings whose very state is a fault."""

    @property
    def loaded(self) -> bool:
        """Fail."""
        raise RuntimeError("broken on purpose")


async def test_a_fault_outside_of_every_handler_is_a_503_without_a_word(stage: Stage, log: Memory) -> None:
    """Where aiohttp itself would answer 500 and offer a page: the sender keeps what it has, the trace is in the log."""
    stage.service.listings = Broken()  # type: ignore[assignment] # a fault

    assert told(await one(stage, head(order()) + order())) == (503, "unavailable")

    assert any("broken on purpose" in line and "Traceback" in line for line in log.lines)
    log.lines.clear()


async def test_an_upgrade_is_not_taken_and_its_request_is_answered(stage: Stage) -> None:
    """Neither WebSocket nor HTTP/2: the request is one like any other."""
    for more in (
        ("Connection: Upgrade", "Upgrade: websocket"),
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA"),
    ):
        assert (await one(stage, head(order(), *more) + order())).status == 200
    preface = await one(stage, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert preface.status in (400, 404)


async def test_headers_may_hold_any_bytes(stage: Stage) -> None:
    """Other characters than ASCII in a signature, a topic, a token or a trace are wrong ones, not faults."""
    sent, odd = order(), "\xff\xfe\u00fc"
    for name in ("X-Shopify-Topic", "traceparent", "X-Shopify-Triggered-At", "Content-Type", "User-Agent", "Cookie"):
        reply = await one(stage, head(sent, f"{name}: {odd}") + sent)
        assert reply.status == 200, name
    headers = (
        b"Host: x\r\nContent-Length: 2\r\nX-Shopify-Hmac-Sha256: \xff\xfe\r\nAuthorization: Bearer \xff\xfe\r\n\r\n{}"
    )
    assert told(await one(stage, b"POST /webhooks/uk/order HTTP/1.1\r\n" + headers)) == (401, "bad_signature")
    assert told(await one(stage, b"POST /stock/adjustments HTTP/1.1\r\n" + headers)) == (401, "bad_token")


async def test_a_signed_webhook_of_another_shop_is_refused_and_the_log_names_the_setting(
    stage: Stage, log: Memory
) -> None:
    """One app's secret signs for all its shops; whoever has mistyped the alias finds it in the line."""
    reply = await one(stage, head(order(), "X-Shopify-Shop-Domain: us.myshopify.com") + order())

    assert told(reply) == (401, "bad_signature")
    assert stage.broker.sent == []
    assert any("it does not name the channel's alias uk.myshopify.com" in line for line in log.lines)
