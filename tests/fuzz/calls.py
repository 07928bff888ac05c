"""
What a channel's API may answer: every `read` is handed captured, spoiled and made-up answers, in states it has reached.

Nothing of it may raise: a poller that falls over one answer falls over it for ever.
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from ingest import channels
from ingest.channels import CHALLENGES, calls
from ingest.message import Arrival, Message
from ingest.poll.kind import Answer, Denied, Later, Page
from ingest.poll.records import Memory, due, outgoing
from ingest.webhook import BadPayload, NotUnderstood, TooLarge
from schemas.channel_records import Listing
from schemas.settings import Channel, Kind
from tests.fuzz.material import Material, materials
from tests.fuzz.mutate import ODD, grown, made, somewhere, spoiled, to_bytes

STATES_MAX = 60
FULL = 0.2
"""How many answers are full pages: there the paging is."""
NUMBERS = ("1", "727", "820982911946154508", "x", "é/..")
NOW_MS = 1_795_300_000_000
TRIES = 4
"""Of so many captured answers one is taken that suits the reader."""
COUNTS = (1, 200, 201, 400, 1_000)
STATUSES = (200,) * 16 + (0, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503)
HEADERS: Sequence[Mapping[str, str]] = (
    {}, {}, {}, {"retry-after": "2"}, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, {"retry-after": "-1"},
    {"link": "<https://x>; rel=next"}, {"x-wp-totalpages": "x", "x-remaining-today": "0", "x-limit-per-second": "²"},
    {"x-amzn-ratelimit-limit": "0.0056"}, {"x-amzn-ratelimit-limit": "nan"},
    {"date": "Sat, 21 Nov 2026 10:00:00 GMT"}, {"date": "Sat, 21 Nov 2026 10:00:00 GMT"}, {"date": "soon"},
)  # fmt: skip


@cache
def channel(kind: Kind) -> Channel:
    """Return an account with everything set."""
    return Channel(
        name=f"fuzz-{kind}",
        kind=kind,
        since=0,
        alias="12345678",
        base_url="https://api.example",
        auth_url="https://auth.example",
        webhook_url="https://hooks.example/webhooks/x/order",
        location="1",
    )


def readers() -> Sequence[tuple[str, Kind, Any]]:
    """
    Return everything that reads what an API answers: table, kind, and the module or object that is asked.

    Whatever stands in a table by kind and has a `read` is one, so a table that is added later is in.
    """
    found: list[tuple[str, Kind, Any]] = []
    for name, table in (vars(channels) | vars(calls)).items():
        if name.isupper() and isinstance(table, Mapping):
            found += [(name, kind, one) for kind, one in table.items() if hasattr(one, "read")]
    return found


def starters(reader: Any) -> Sequence[Callable[..., Any]]:
    """Return the functions that make a reader's first states, by what they say that they return."""
    state = getattr(reader, "State", None)
    public = (value for name, value in inspect.getmembers(reader, inspect.isfunction) if name[0] != "_")
    return [one for one in public if state is not None and inspect.signature(one).return_annotation is state]


READERS = [(table, kind, reader, starters(reader)) for table, kind, reader in readers()]


@dataclass(slots=True)
class Calls:
    """The states that readings have reached, so that later answers meet later states."""

    listings: Mapping[str, Listing]
    states: dict[tuple[str, Kind], list[Any]] = field(default_factory=dict)
    messages: list[tuple[Channel, Message]] = field(default_factory=list)

    def step(self, random: Random) -> None:
        """Hand one answer to one reader, or one question to one kind; whatever it raises is a finding."""
        if CHALLENGES and random.random() < 0.05:
            _ask(random, random.choice([*CHALLENGES]))
            return
        table, kind, reader, fresh = random.choice(READERS)
        state = self._state(table, kind, random, fresh)
        found = self._read(table, kind, reader, state, random)
        if isinstance(found, Page):
            self._orders(random, kind, found)

    def _state(self, table: str, kind: Kind, random: Random, fresh: Sequence[Callable[..., Any]]) -> Any:
        known = self.states.setdefault((table, kind), [])
        if not fresh:
            return None
        return random.choice(known) if known and random.random() < 0.7 else _begun(random, kind, fresh)

    def _read(self, table: str, kind: Kind, reader: Any, state: Any, random: Random) -> Any:
        values = {"channel": channel(kind), "state": state}
        values |= {"token": "a-token", "key_id": random.choice(("k", "../x", "é", "?a=b#c"))}
        values["secrets"] = _secrets(reader.SECRETS) + ["a-token"] * (kind in calls.GRANTS and state is not None)
        request = _called(reader.request, values)
        values["answer"] = _answer(random, materials()[kind], reader, values)
        assert request.url.startswith(("https://api.example", "https://auth.example")), request.url
        found = _called(reader.read, values)
        following = getattr(found, "next", None)
        if following is not None:
            known = self.states.setdefault((table, kind), [])
            if len(known) >= STATES_MAX:
                known.pop(random.randrange(len(known)))
            known.append(following)
        return found

    def _orders(self, random: Random, kind: Kind, page: Page[Any]) -> None:
        poll = calls.POLLS[kind]
        for order in page.orders:
            # Once more spoiled: a page of hundreds of fields seldom is where its lines are read.
            odd = spoiled(random, materials()[kind], order.body)
            for body in (order.body, odd) if isinstance(odd, dict) else (order.body,):
                try:
                    poll.lines(body)
                    poll.read_order(body, NOW_MS)
                except (NotUnderstood, TooLarge):
                    continue
        account = channel(kind)
        arrival = Arrival(channel=account.name, received_at=NOW_MS)
        memory = Memory(find=lambda _, listing: self.listings.get(listing), newest=lambda _: {}, lines=lambda _: {})
        found = due(poll, page, arrival, NOW_MS, memory)
        self.messages += [(account, message) for message in outgoing(found, arrival, lambda _: False)]


@cache
def _moments(kind: Kind) -> Sequence[int]:
    """Return the times (ms) in what was captured: a reading may begin at the very time of an order."""
    found: set[int] = set()
    for value in materials()[kind].texts:
        if type(value) is int and 1_500_000_000 < value < 2_000_000_000:
            found.add(value * 1_000)
        elif isinstance(value, str) and value[:2] == "20" and value[10:11] == "T":
            try:
                found.add(round(datetime.fromisoformat(value).timestamp() * 1_000))
            except ValueError:
                continue  # one of the broken ones
    return sorted(found) or [NOW_MS]


def _begun(random: Random, kind: Kind, fresh: Sequence[Callable[..., Any]]) -> Any:
    """Begin a reading: each argument is one that its type allows."""
    start = random.choice(fresh)
    moments = _moments(kind)
    few = min(len(moments), 5)
    made_up: Mapping[object, Callable[[], Any]] = {
        int: lambda: random.choice((0, 1, NOW_MS - 60_000, NOW_MS, NOW_MS + 3_600_000, *random.sample(moments, few))),
        str: lambda: random.choice(NUMBERS),
        Sequence[str]: lambda: [random.choice(NUMBERS) for _ in range(random.randrange(1, 5))],
    }
    return start(*(made_up[one.annotation]() for one in inspect.signature(start).parameters.values()))


def _called(function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
    code = function.__code__
    names = [name for name in code.co_varnames[: code.co_argcount] if name != "self"]
    return function(*(values[name] for name in names))


def _suiting(random: Random, material: Material, reader: Any, values: Mapping[str, Any]) -> Any:
    """Return a captured body that a reader takes for an answer, if one of a few is: then it is read to its end."""
    body = None
    for body in random.sample(material.answers, min(TRIES, len(material.answers))):
        answer = Answer(status=200, headers={}, body=json.dumps(body).encode())
        if not isinstance(_called(reader.read, {**values, "answer": answer}), Later | Denied):
            break
    return body


def _answer(random: Random, material: Material, reader: Any, values: Mapping[str, Any]) -> Answer:
    if material.answers and random.random() < 0.9:
        body = _suiting(random, material, reader, values)
        if random.random() < FULL:
            body = _counted(random, grown(random, material, body, somewhere(random, body)))
        body = spoiled(random, material, body)
    else:
        body = made(random, material)
    return Answer(status=random.choice(STATUSES), headers=random.choice(HEADERS), body=to_bytes(random, body))


def _counted(random: Random, body: Any) -> Any:
    """Let an answer that counts what there is count more than it shows."""
    if not isinstance(body, dict) or "total" not in body:
        return body
    return {**body, "total": random.choice((body["total"], *COUNTS))}


def _secrets(names: Sequence[str]) -> list[str]:
    return [f"the-{name.lower()}" for name in names]


def _ask(random: Random, kind: Kind) -> None:
    query = {random.choice(materials()[kind].names): str(random.choice(ODD)) for _ in range(2)}
    if random.random() < 0.7:
        query["challenge_code"] = str(random.choice(ODD))
    try:
        CHALLENGES[kind].challenge(query, "https://hooks.example/x", ["a-token-of-ours"])
    except BadPayload:
        return
