"""The application's bounds, without a broker: what a request may cost and what a fault of ours looks like outside."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from ingest import app, body
from ingest.producer import Unavailable
from schemas.config import Secrets, parse
from tests.ingest.stage import staged

CONFIG = parse(
    {
        "kafka": {"bootstrap": "127.0.0.1:1"},
        "channels": [
            {"name": "uk", "kind": "shopify", "since": 1},
            {"name": "woo", "kind": "woocommerce", "since": 1},
        ],
        "ingest": {"body_max": 10_000, "lines_max": 3},
    }
)
ENVIRON = {"LASTUNIT_UK_WEBHOOK_SECRETS": "hush", "LASTUNIT_STOCK_TOKENS": "let-me-in"}


class Stage:
    """The application with stand-ins for what lies outside, and a client."""

    def __init__(self, client: Any, staged: Any) -> None:
        self.client, self.service, self.broker, self.app = client, staged.service, staged.broker, staged.app

    async def order(self, order: Any = None, **headers: str) -> Any:
        """Send a signed Shopify order."""
        at = "2026-11-21T10:00:00Z"
        raw = json.dumps(order or {"id": 1, "created_at": at, "updated_at": at, "line_items": _lines(1)}).encode()
        digest = base64.b64encode(hmac.new(b"hush", raw, hashlib.sha256).digest()).decode()
        signed = {"X-Shopify-Topic": "orders/create", "X-Shopify-Hmac-Sha256": digest}
        return await self.client.post("/webhooks/uk/order", data=raw, headers={**signed, **headers})


def _lines(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "sku": "A", "quantity": 1} for n in range(count)]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Yield the application, served."""
    async with staged(CONFIG, ENVIRON) as running, ClientSession(f"http://127.0.0.1:{running.port}") as client:
        yield Stage(client, running)


async def test_a_fault_of_ours_is_a_503_and_says_nothing_of_our_insides(stage: Stage) -> None:
    """Never a 500, never a trace: the sender must keep what it has, and learns nothing."""
    stage.broker.error = RuntimeError("secret path /srv/x.py")

    answer = await stage.order()

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "5"
    assert await answer.json() == {"answer": "unavailable"}


async def test_a_broker_that_does_not_answer_is_a_503(stage: Stage) -> None:
    """The channel retries; nothing is counted as produced."""
    stage.broker.error = Unavailable("_MSG_TIMED_OUT")

    assert (await stage.order()).status == 503


async def test_a_missing_secret_is_a_503_and_not_a_401(stage: Stage) -> None:
    """A 401 would make a sender give up over a fault of our configuration."""
    answer = await stage.client.post("/webhooks/woo/order", data=b"{}", headers={"X-WC-Webhook-Signature": "x"})

    assert answer.status == 503


async def test_requests_under_way_are_bounded_and_health_is_always_answered(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, eventually_async: Any
) -> None:
    """With as many under way as there may be, the next is told to come again, and `/healthz` still answers."""
    monkeypatch.setattr(app, "IN_FLIGHT_MAX", 4)
    stage.broker.open.clear()
    under_way = [asyncio.create_task(stage.order()) for _ in range(4)]

    async def full() -> bool:
        return bool(stage.service.in_flight == 4)

    await eventually_async(full)

    assert (await stage.order()).status == 503
    assert (await stage.client.get("/healthz")).status == 200

    stage.broker.open.set()
    answers = await asyncio.gather(*under_way)
    assert {answer.status for answer in answers} == {200}
    assert stage.service.in_flight == 0


async def test_nothing_is_taken_before_the_listings_are_in_memory(stage: Stage) -> None:
    """A line could not be mapped yet: not ready, and a sender that comes anyway is told to come again."""
    stage.service.listings.loaded = False

    assert (await stage.client.get("/readyz")).status == 503
    assert (await stage.order()).status == 503
    assert stage.broker.sent == []


async def test_readiness_is_no_question_of_the_broker_and_ends_with_the_drain(stage: Stage) -> None:
    """A blip leaves the service ready; a drain does not."""
    stage.broker.error = Unavailable("down")
    await stage.order()
    assert (await stage.client.get("/readyz")).status == 200

    stage.service.draining = True

    assert (await stage.client.get("/readyz")).status == 503
    assert (await stage.client.get("/healthz")).status == 200


async def test_a_dead_thread_is_unhealthy(stage: Stage) -> None:
    """Without the thread that serves acknowledgements no webhook could ever be answered 200."""
    stage.broker.alive = False

    assert (await stage.client.get("/healthz")).status == 503


async def test_limits_of_the_file_are_kept(stage: Stage) -> None:
    """`ingest.lines_max` and `ingest.body_max` bound a webhook, with and without a declared length."""
    at = "2026-11-21T10:00:00Z"
    order = {"id": 1, "created_at": at, "updated_at": at}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 1_000

    assert (await stage.order({**order, "line_items": _lines(3)})).status == 200
    assert (await stage.order({**order, "line_items": _lines(4)})).status == 413
    assert (await stage.client.post("/webhooks/uk/order", data=b"x" * 10_001)).status == 413
    assert (await stage.client.post("/webhooks/uk/order", data=chunks())).status == 413
    assert len(stage.broker.sent) == 3


async def test_a_slow_sender_is_not_waited_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come ends in 408 and frees its place."""
    monkeypatch.setattr(body, "BODY_READ_S", 0.05)
    never = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    answer = await stage.client.post("/webhooks/uk/order", data=trickle())

    assert answer.status == 408
    assert stage.service.in_flight == 0


async def test_a_compressed_body_is_refused_unread(stage: Stage) -> None:
    """A few kilobytes could unpack into gigabytes, and nobody who signs raw bytes sends them packed."""
    for encoding in ("gzip", "deflate", "br", "GZIP"):
        answer = await stage.order(**{"Content-Encoding": encoding})
        assert answer.status == 415
    assert stage.broker.sent == []


async def test_other_paths_and_methods_do_not_exist(stage: Stage) -> None:
    """404 and 405, as HTTP has them."""
    assert (await stage.client.get("/webhooks/uk/order")).status == 405
    assert (await stage.client.post("/webhooks/uk")).status == 404
    assert (await stage.client.get("/")).status == 404


async def test_a_rotated_secret_is_taken_up_without_a_restart(stage: Stage, tmp_path: Path) -> None:
    """A secret in a file is read again: the new one counts as soon as it is written."""
    file = tmp_path / "secret"
    file.write_text("other", encoding="utf-8")
    stage.service.secrets = Secrets({"LASTUNIT_UK_WEBHOOK_SECRETS_FILE": str(file)})
    assert (await stage.order()).status == 401

    file.write_text("next hush", encoding="utf-8")

    assert (await stage.order()).status == 200


async def test_the_app_holds_no_route_beside_the_contract(stage: Stage) -> None:
    """Every address is named in the design."""
    paths = {resource.canonical for resource in stage.app.router.resources()}

    assert paths == {
        "/webhooks/amazon/orders",
        "/webhooks/orders/create",
        "/webhooks/etsy/orders",
        "/webhooks/{channel}/order",
        "/stock/adjustments",
        "/healthz",
        "/readyz",
        "/metrics",
    }
