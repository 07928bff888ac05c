"""How Shopify is asked a question that may be asked again.  Pure."""

from collections.abc import Generator
from dataclasses import replace

from publishers.channels.shopify_answers import Envelope, envelope
from publishers.push import ChannelDown, Request, Response, Throttled

TRIES = 5
"""How often a question that was throttled or not answered is asked in all."""
AGAIN_MS = 2_000

Asking = Generator[Request, Response, tuple[Envelope, int]]
"""Ends with the last answer, and when its request was begun."""


def asked(request: Request, *, harmless: bool = True) -> Asking:
    """Ask, and again where it was throttled or (where a second time does no harm) not answered."""
    opened, at = Envelope(), 0
    for _ in range(TRIES):
        response = yield request
        opened, at = envelope(response), response.at
        if isinstance(opened.verdict, Throttled):
            request = replace(request, after_ms=opened.verdict.after_ms, throttled=True)
        elif isinstance(opened.verdict, ChannelDown) and harmless:
            request = replace(request, after_ms=AGAIN_MS, throttled=False)
        else:
            break
    return opened, at
