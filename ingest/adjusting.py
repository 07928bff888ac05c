"""The handler of `POST /stock/adjustments`: 202 once Kafka has them, or with their outcomes for those who wait."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from confluent_kafka import KafkaException

from ingest import adjustments, answers, metrics
from ingest.answers import Answer
from ingest.body import read_body
from ingest.limits import WAIT_MS_MAX
from ingest.producer import Unavailable
from ingest.service import SERVICE, Service
from ingest.trace import traceparent
from ingest.webhook import BadPayload, BadSignature, TooLarge
from schemas.cluster import now_ms
from schemas.config import ConfigError
from schemas.ids import adjustment_order_id
from schemas.records import OrderOutcome, StockAdjusted

LOG = logging.getLogger(__name__)
TAKEN = Answer(status=202, verdict="accepted")
BAD_TOKEN = Answer(status=401, verdict="bad_token")
REJECTIONS: dict[type[Exception], Answer] = {
    BadSignature: BAD_TOKEN,
    BadPayload: answers.BAD_PAYLOAD,
    adjustments.Faulty: answers.BAD_PAYLOAD,
    TooLarge: answers.TOO_LARGE,
    Unavailable: answers.UNAVAILABLE,
    KafkaException: answers.UNAVAILABLE,
    TimeoutError: answers.UNAVAILABLE,
    ConfigError: answers.UNAVAILABLE,
}

Waiting = Sequence["asyncio.Future[OrderOutcome]"]


async def adjust(request: web.Request) -> web.Response:
    """Answer `POST /stock/adjustments`."""
    service = request.app[SERVICE]
    try:
        answer = await _adjust(service, request)
    except tuple(REJECTIONS) as error:
        answer = replace(REJECTIONS[type(error)], more=_why(error))
        LOG.info("adjustments: %s: %s", answer.verdict, error)
    metrics.ADJUSTMENTS.labels(answer.verdict).inc()
    return answer.response()


def _why(error: Exception) -> dict[str, Any]:
    """Say what to change; nothing of our own insides."""
    if isinstance(error, adjustments.Faulty):
        return {"errors": error.faults}
    return {"errors": [str(error)]} if isinstance(error, BadPayload | TooLarge) else {}


async def _adjust(service: Service, request: web.Request) -> Answer:
    """Check, send, wait where asked; raises what `REJECTIONS` lists."""
    adjustments.authorize(request.headers.get("Authorization", ""), service.secrets.all("STOCK_TOKENS"))
    wait_ms = _wait_ms(request.query.get("wait_ms"))
    body = await read_body(request, service.config.ingest.body_max)
    if isinstance(body, Answer):
        return body
    found = adjustments.read(body, now_ms())
    if wait_ms:
        await asyncio.to_thread(service.outcomes.start)
    waiting = _expect(service, found) if wait_ms else ()
    try:
        trace = traceparent(request.headers.get("traceparent"))
        await service.producer.send([adjustments.message(item, trace) for item in found])
        if waiting:
            await asyncio.wait(waiting, timeout=wait_ms / 1_000)
        return replace(TAKEN, more={"adjustments": [_result(*pair) for pair in _pairs(found, waiting)]})
    finally:
        for future in waiting:
            future.cancel()


def _wait_ms(given: str | None) -> int:
    """Return how long the caller will wait, 0 where it will not; raises `BadPayload`."""
    if given is None:
        return 0
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise BadPayload("wait_ms: want milliseconds, 0 or more")
    return min(int(given), WAIT_MS_MAX)


def _expect(service: Service, found: Sequence[StockAdjusted]) -> Waiting:
    return service.outcomes.expect((adjustment_order_id(item.adjustment_id), item.sku) for item in found)


def _pairs(found: Sequence[StockAdjusted], waiting: Waiting) -> "list[tuple[StockAdjusted, OrderOutcome | None]]":
    decided = [future.result() if future.done() else None for future in waiting] or [None] * len(found)
    return list(zip(found, decided, strict=True))


def _result(adjustment: StockAdjusted, outcome: OrderOutcome | None) -> dict[str, Any]:
    """Return an adjustment's row of the answer; without `result` it is booked and not decided yet."""
    row: dict[str, Any] = {"adjustmentId": adjustment.adjustment_id, "sku": adjustment.sku}
    if outcome is not None:
        row |= {"result": outcome.result, "newQty": outcome.new_qty, "version": outcome.version}
    return row
