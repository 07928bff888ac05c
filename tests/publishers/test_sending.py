"""Requests on their way: when they may still be made."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publishers import sending
from publishers.credentials import Access
from publishers.push import Response
from publishers.sending import Sending
from publishers.work import Call

CALL = Call(request_id="r", rows=(), at=0, since={})


@pytest.mark.parametrize(("held_up_ms", "left"), [(400, [600]), (1_000, []), (60_000, [])])
async def test_a_request_is_made_in_its_time_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, held_up_ms: int, left: list[int]
) -> None:
    """A process that is paused before its request goes out must not make it when a new owner does not wait for it."""
    given: list[int] = []
    clock = 5_000

    async def send(_: Any, timeout_ms: int) -> Response:
        given.append(timeout_ms)
        return Response(status=200)

    monkeypatch.setattr(sending, "monotonic_ms", lambda: clock)
    one = Sending(cast("Access", SimpleNamespace(send=send)), asyncio.Event())
    one.start(CALL, 1_000)
    clock += held_up_ms
    await asyncio.gather(*one._tasks)
    (answered,) = one.drain()
    assert given == left
    assert isinstance(answered.outcome, Response)
    assert answered.outcome.unsent is not bool(left)
