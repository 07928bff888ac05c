"""Conversations whose answers are not what they should be: they end, with a verdict for every row, and never raise."""

import random
from collections.abc import AsyncIterator, Generator
from dataclasses import replace
from typing import Any

import orjson
import pytest

from publishers.kind import Swept
from publishers.push import Answer, Request, Response, Row, Shows
from tests.channels.standin import Standin, opened

ODD: tuple[Any, ...] = (None, "", "x", 0, -1, 10**18, 1.5, True, [], {}, [None], {"id": None}, [[]], "9" * 400)
"""What may stand anywhere in a document."""
PAGES = (b"", b"<html>", b"[]", b"null", b"{}", b"0", b'"x"', b"[null]", b'{"data":', b'{"errors":[{}]}', b"\xff\xfe")
"""Whole answers that are none."""
STATUSES = (0, 200, 206, 301, 400, 402, 403, 404, 413, 416, 429, 430, 500, 503)
RUNS = 400
REQUESTS_MAX = 1_500
"""No conversation may go on for ever, whatever it hears."""
KINDS = {
    "shopify": ("CONTINUE", "inventory_policy=CONTINUE"),
    "woocommerce": ("notify", "backorders=notify"),
}
"""The word for selling on at 0, and the way back."""


@pytest.fixture(params=list(KINDS))
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[Standin]:
    """A shop of either kind, where two of three SKUs sell on at 0."""
    word, _ = KINDS[request.param]
    async with opened(request.param) as one:
        await one.catalogue(
            {"sku": "TEE", "quantity": 5},
            {"sku": "CAP", "quantity": 2, "oversells": word},
            {"sku": "HAT", "quantity": 2, "oversells": word},
        )
        yield one


def conversations(shop: Standin) -> dict[str, Generator[Request, Response, Any]]:
    """Begin one of each sort."""
    rows = rows_of(shop)
    known = [*shop.listings.values()]
    undo = KINDS["shopify" if shop.kind.COMPARES else "woocommerce"][1]
    told = [replace(row, paused=False, undo=undo) for row in rows]
    stopped = [replace(row, expected=0, undo=undo) for row in rows]
    return {
        "tell": shop.kind.tell(rows, shop.ours, "r1"),
        "tell_back": shop.kind.tell(told, shop.ours, "r2"),
        "tell_stop": shop.kind.tell(stopped, shop.ours, "r3"),
        "read": shop.kind.read(rows, shop.ours),
        "sweep": shop.kind.sweep(shop.ours, known),
        "sweep_many": shop.kind.sweep(shop.ours, known * 2_000),
    }


def rows_of(shop: Standin) -> list[Row]:
    """Return a row for each SKU, paused."""
    return [shop.row(sku, 0, paused=True) for sku in ("TEE", "CAP", "HAT")]


async def transcript(shop: Standin, conversation: Generator[Request, Response, Any]) -> list[Response]:
    """Return the good answers that a conversation gets."""
    answers, request = [], next(conversation)
    while True:
        shop.clock.now += request.after_ms
        answers.append(await shop.send(request))
        try:
            request = conversation.send(answers[-1])
        except StopIteration:
            return answers


def spoiled(good: Response, dice: random.Random) -> Response:
    """Return an answer that went wrong in one place."""
    if dice.random() < 0.2:
        return replace(good, body=dice.choice(PAGES))
    if dice.random() < 0.2:
        return replace(good, status=dice.choice(STATUSES), headers={"retry-after": dice.choice(("", "5", "²", "-1"))})
    try:
        document = orjson.loads(good.body)
    except ValueError:
        lines = good.body.splitlines(keepends=True)
        lines.insert(dice.randrange(len(lines) + 1), dice.choice(PAGES) + b"\n")
        return replace(good, body=b"".join(lines))
    return replace(good, body=orjson.dumps(swapped(document, dice)))


def swapped(value: Any, dice: random.Random) -> Any:
    """Put something odd somewhere into a document."""
    if dice.random() < 0.25 or not isinstance(value, dict | list) or not value:
        return dice.choice(ODD)
    if isinstance(value, dict):
        name = dice.choice([*value])
        if dice.random() < 0.15:
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: swapped(value[name], dice)}
    place = dice.randrange(len(value))
    return [*value[:place], swapped(value[place], dice), *value[place + 1 :]]


def held(
    conversation: Generator[Request, Response, Any], answers: list[Response], bad: int, dice: random.Random
) -> Any:
    """Hold a conversation whose answers are spoiled from one on; when they are used up, the last one is said again."""
    next(conversation)
    for number in range(REQUESTS_MAX):
        good = answers[min(number, len(answers) - 1)]
        try:
            conversation.send(spoiled(good, dice) if number >= bad else good)
        except StopIteration as end:
            return end.value
    pytest.fail("the conversation does not end")


@pytest.mark.parametrize("sort", ["tell", "tell_back", "tell_stop", "read", "sweep", "sweep_many"])
async def test_whatever_is_answered_a_conversation_ends_with_a_verdict_for_every_row(shop: Standin, sort: str) -> None:
    """With numbers that fit into a record, and with words that show no secret."""
    answers = await transcript(shop, conversations(shop)[sort])
    dice = random.Random(6)
    sorts = set[object]()
    for _ in range(RUNS):
        ended = held(conversations(shop)[sort], answers, dice.randrange(len(answers)), dice)
        assert isinstance(ended, Answer | Swept)
        if isinstance(ended, Swept):
            assert ended.err or all(one.quantity is None or abs(one.quantity) <= 10**9 for one in ended.seen)
            sorts.add(bool(ended.err))
        else:
            assert len(ended.verdicts) == len(rows_of(shop))
            assert all(abs(one.quantity) <= 10**9 for one in ended.verdicts if isinstance(one, Shows))
            sorts |= {type(one) for one in ended.verdicts}
        assert "cs_secret" not in repr(ended)
    assert len(sorts) > 1
