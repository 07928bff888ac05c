"""
The webhook handler: verify over the raw body, parse, produce, answer.

2xx only after Kafka has every record of the webhook; otherwise the sender still has it and comes again.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from hashlib import sha256
from time import perf_counter

from aiohttp import web

from ingest import answers, metrics
from ingest.answers import Answer
from ingest.body import read_body
from ingest.channels import CHALLENGES, KEYS, WEBHOOKS
from ingest.counts import count
from ingest.lines import Messages, messages, read, wakes
from ingest.message import Arrival
from ingest.producer import Unavailable
from ingest.service import SERVICE, Service
from ingest.trace import traceparent
from ingest.webhook import BadPayload, BadSignature, Headers, Reading, TooLarge
from schemas.cluster import now_ms
from schemas.config import Channel, ConfigError, channel_secret
from schemas.settings import Kind

LOG = logging.getLogger(__name__)
VERIFICATION = "VERIFICATION_TOKEN"
"""What the answer to a kind's test of the address proves that we know."""
Handler = Callable[[web.Request], Awaitable[web.Response]]
REJECTIONS: dict[type[Exception], Answer] = {
    BadSignature: answers.BAD_SIGNATURE,
    BadPayload: answers.BAD_PAYLOAD,
    TooLarge: answers.TOO_LARGE,
    Unavailable: answers.UNAVAILABLE,
    ConfigError: answers.UNAVAILABLE,
}
"""What each error demands of us; anything else is a fault of ours, and the sender keeps its webhook."""


Find = Callable[[Service, Headers, bytes], Channel | None]
"""Which channel a webhook is for; nothing is verified yet."""


async def by_channel(request: web.Request) -> web.Response:
    """Answer `POST /webhooks/{channel}/order`."""
    channel = request.app[SERVICE].channels.get(request.match_info["channel"])
    if channel is None:
        return _unknown()
    most = request.app[SERVICE].config.ingest.body_max
    return await _answer(request, lambda _service, _headers, _body: channel, most)


def shared(kind: Kind, most: int | None = None) -> Handler:
    """
    Return the handler of an address that all accounts of one kind share: the webhook itself says whose it is.

    Args:
        kind: the kind.
        most: the longest body, bytes, where the account stands in it and anybody's has to be parsed to find whose
            secrets must fit; None where a header says so.

    """

    def named(service: Service, headers: Headers, body: bytes) -> Channel | None:
        return service.aliases.get((kind, WEBHOOKS[kind].account(headers, body)))

    async def answered(request: web.Request) -> web.Response:
        body_max = request.app[SERVICE].config.ingest.body_max
        return await _answer(request, named, body_max if most is None else min(most, body_max))

    return answered


def _unknown() -> web.Response:
    metrics.WEBHOOKS.labels("unknown", "unknown", answers.UNKNOWN_CHANNEL.verdict).inc()
    return answers.UNKNOWN_CHANNEL.response()


# Finding a metric by its labels takes longer than counting; all labels are out of closed lists.
_webhooks, _seconds = cache(metrics.WEBHOOKS.labels), cache(metrics.ACK_SECONDS.labels)


def _headers(request: web.Request) -> Headers:
    return {name.lower(): value for name, value in request.headers.items()}


async def _answer(request: web.Request, find: Find, most: int) -> web.Response:
    service = request.app[SERVICE]
    body = await read_body(request, most)
    began = perf_counter()
    headers = _headers(request)
    channel = find(service, headers, b"" if isinstance(body, Answer) else body)
    if channel is None:
        return body.response() if isinstance(body, Answer) else _unknown()
    answer = body if isinstance(body, Answer) else await _receive(service, channel, headers, body)
    # A topic comes from an unsigned header, so it is a label only out of its kind's closed list.
    topic = WEBHOOKS[channel.kind].topic(headers)
    _webhooks(channel.name, topic, answer.verdict).inc()
    _seconds(channel.name).observe(perf_counter() - began)
    return answer.response()


async def _receive(service: Service, channel: Channel, headers: Headers, body: bytes) -> Answer:
    if WEBHOOKS[channel.kind].ping(headers, body):
        return answers.PING
    try:
        return await _take(service, channel, headers, body)
    except tuple(REJECTIONS) as error:
        answer = REJECTIONS[type(error)]
        level = logging.ERROR if isinstance(error, ConfigError) else logging.INFO
        LOG.log(level, "%s: %s", answer.verdict, error, extra={"channel": channel.name})
        return answer


async def _take(service: Service, channel: Channel, headers: Headers, body: bytes) -> Answer:
    """Verify, parse, produce; raises what `REJECTIONS` lists."""
    kind, now = WEBHOOKS[channel.kind], now_ms()
    kind.verify(headers, body, await _proof(service, channel, headers), now)
    if channel.alias and kind.account(headers, body) not in ("", channel.alias.lower()):
        # One app's secret signs for all its shops: without this, a shop's order could be counted as another's.
        raise BadSignature(f"another account's webhook: it does not name the channel's alias {channel.alias}")
    arrival = Arrival(
        channel=channel.name,
        received_at=now,
        body_sha256=sha256(body).hexdigest(),
        traceparent=traceparent(headers.get("traceparent")),
        hold_pending=channel.hold_pending,
    )
    reading = read(kind, headers, body, now)
    if len(reading.lines) > service.config.ingest.lines_max:
        raise TooLarge(f"{len(reading.lines)} lines")
    ready = messages(reading, arrival, service.listings.find)
    await service.producer.send((*ready.all, *wakes(reading, arrival)))
    return _count(channel.name, kind.topic(headers), reading, ready)


async def _proof(service: Service, channel: Channel, headers: Headers) -> Sequence[str]:
    """Return what a webhook must be signed with: our secrets, or the channel's own key that the webhook names."""
    keys = KEYS.get(channel.kind)
    if keys is None:
        return service.secrets.all(channel_secret(channel.name, "WEBHOOK_SECRETS"))
    return [await service.keys.find(channel, keys, keys.key_id(headers))]


async def challenged(request: web.Request) -> web.Response:
    """Answer `GET /webhooks/{channel}/order`, by which some kinds test the address before they use it."""
    service = request.app[SERVICE]
    channel = service.channels.get(request.match_info["channel"])
    if channel is None:
        return answers.UNKNOWN_CHANNEL.response()
    if channel.kind not in CHALLENGES:
        raise web.HTTPMethodNotAllowed("GET", ["POST"])
    try:
        secrets = service.secrets.all(channel_secret(channel.name, VERIFICATION))
        told = CHALLENGES[channel.kind].challenge(request.query, channel.webhook_url, secrets)
    except (BadPayload, ConfigError) as error:
        LOG.warning("a question to the address: %s", error, extra={"channel": channel.name})
        return REJECTIONS[type(error)].response()
    return web.Response(body=told, content_type="application/json")


def _count(channel: str, topic: str, reading: Reading, ready: Messages) -> Answer:
    """Count what was acknowledged and name the answer."""
    count(channel, topic, reading, ready)
    bad = ready.dead and not ready.orders
    answer = answers.DEAD_LETTERED if bad else answers.POLL if reading.poll else answers.ACCEPTED
    counts = {"records": len(ready.orders), "ignored": len(reading.ignored), "deadLetters": len(ready.dead)}
    return Answer(status=answer.status, verdict=answer.verdict, more=counts)
