"""The aiohttp application: addresses, bounds for every request, health."""

import logging
from collections.abc import Awaitable, Callable
from types import MappingProxyType

from aiohttp import web

from ingest import answers, metrics
from ingest.adjusting import adjust
from ingest.limits import IN_FLIGHT_MAX, SHARED_BODY_MAX
from ingest.process import health
from ingest.receive import by_channel, challenged, shared
from ingest.service import SERVICE, Service
from schemas.settings import Kind

LOG = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROUTING = MappingProxyType({404: answers.NOT_FOUND, 405: answers.NOT_ALLOWED})
"""What the router says, in our words."""


def build(service: Service) -> web.Application:
    """Return the application around a service."""
    app = web.Application(middlewares=[bounded, honest], client_max_size=service.config.ingest.body_max)
    app[SERVICE] = service
    metrics.IN_FLIGHT.set_function(lambda: service.in_flight)
    app.add_routes(
        [
            web.post("/webhooks/orders/create", shared(Kind.SHOPIFY)),
            web.post("/webhooks/amazon/orders", shared(Kind.AMAZON, SHARED_BODY_MAX)),
            web.post("/webhooks/etsy/orders", shared(Kind.ETSY, SHARED_BODY_MAX)),
            web.post("/webhooks/{channel}/order", by_channel),
            web.get("/webhooks/{channel}/order", challenged),
            web.post("/stock/adjustments", adjust),
            *health(lambda: "" if service.alive else "a thread has ended", lambda: _unready(service)),
        ]
    )
    return app


@web.middleware
async def bounded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    Answer 503 when too much is under way, or before the listings are in memory (a line could not be mapped then).

    Questions about health are always heard.
    """
    if request.method != "POST":
        return await handler(request)
    service = request.app[SERVICE]
    if service.in_flight >= IN_FLIGHT_MAX or not service.listings.loaded:
        return answers.UNAVAILABLE.response()
    service.in_flight += 1
    try:
        return await handler(request)
    finally:
        service.in_flight -= 1


@web.middleware
async def honest(request: web.Request, handler: Handler) -> web.StreamResponse:
    """
    Turn a fault of ours into a 503: nothing was acknowledged, so the sender must keep what it has.

    The trace goes to the log; the sender learns nothing of our insides.
    """
    try:
        return await handler(request)
    except web.HTTPException as refused:
        answer = ROUTING.get(refused.status)
        if answer is None:
            raise
        allowed = {name: value for name, value in refused.headers.items() if name == "Allow"}
        response = answer.response()
        response.headers.update(allowed)
        return response
    except Exception:
        LOG.exception("a fault of ours", extra={"path": request.path})
        return answers.UNAVAILABLE.response()


def _unready(service: Service) -> str:
    """Return why requests should not come here, "" where they should."""
    if service.draining:
        return "draining"
    return "" if service.ready else "loading listings"
