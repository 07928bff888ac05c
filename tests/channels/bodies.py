"""
What vendors send, by either way, and what can be done to it: shared by the acceptance suite and the fuzz.

A `Sample` is a captured webhook or a captured answer to the order poll.  A kind that registers itself and brings its
folder is in; nothing here knows a vendor.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest import lines
from ingest.channels import WEBHOOKS
from ingest.channels.calls import POLLS
from ingest.message import Arrival, Message
from ingest.poll.kind import Answer, Page
from ingest.poll.records import Memory, due
from schemas.channel_records import Listing
from schemas.settings import Kind

HERE = Path(__file__).parent
CHANNEL = "acme"
PROBE = "A-SKU-THAT-NOBODY-HAS"
JsonPath = tuple[Any, ...]
"""Where a value stands inside a JSON value: keys and indices."""
Find = Callable[[str, str], Listing | None]


@dataclass(frozen=True)
class Sample:
    """A body of a kind; `headers` is None for an answer to its order poll."""

    kind: Kind
    name: str
    headers: Mapping[str, str] | None
    body: Any

    @property
    def raw(self) -> bytes:
        """Return the body as it was sent."""
        return raw(self.body)

    @property
    def polled(self) -> bool:
        """Say whether this came as an answer to a poll."""
        return self.headers is None

    def __str__(self) -> str:
        return f"{self.kind}-{'poll' if self.polled else 'webhook'}-{self.name}"


@dataclass(frozen=True)
class Result:
    """What a body became: records as they would stand in Kafka, and what was counted beside them."""

    messages: tuple[Message, ...]
    dead: tuple[Message, ...]
    ignored: tuple[str, ...]
    wakes: bool

    @property
    def records(self) -> list[dict[str, Any]]:
        """Return the order lines."""
        return [json.loads(message.value) for message in self.messages]

    @property
    def letters(self) -> list[dict[str, Any]]:
        """Return the dead letters."""
        return [json.loads(message.value) for message in self.dead]

    @property
    def told(self) -> tuple[Any, ...]:
        """Return everything but the dead letters' hashes, which name the bytes that came."""
        return (self.records, [letter["reason"] for letter in self.letters], self.ignored, self.wakes)


def raw(body: Any) -> bytes:
    """Return a body's bytes; a body that was captured as text goes out as that text."""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def webhooks() -> list[Sample]:
    """Return every captured webhook."""
    found = []
    for path in sorted(HERE.glob("*/webhooks/*.json")):
        delivery = json.loads(path.read_text(encoding="utf-8"))
        headers = {name.lower(): value for name, value in delivery["headers"].items()}
        found.append(Sample(Kind(path.parent.parent.name), path.stem, headers, delivery["body"]))
    return found


def polls() -> list[Sample]:
    """Return every captured answer to an order poll: the files that the kind itself reads as a page of orders."""
    return [sample for sample in answers() if _page(sample.kind, sample.raw) is not None]


def answers() -> list[Sample]:
    """Return every captured answer to a call of a kind, whatever it is."""
    kinds = {str(kind) for kind in Kind}
    return [
        Sample(Kind(path.parent.parent.name), path.stem, None, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(HERE.glob("*/polls/*.json"))
        if path.parent.parent.name in kinds
    ]


def _page(kind: Kind, body: bytes) -> Page[Any] | None:
    poll = POLLS.get(kind)
    found = poll.read(poll.start(0), Answer(status=200, headers={}, body=body)) if poll else None
    return found if isinstance(found, Page) and (found.orders or found.refused) else None


def read(sample: Sample, body: bytes, now_ms: int, find: Find) -> Result:
    """
    Return what a body becomes at the place of a sample's; raises `BadPayload` or `TooLarge` for a webhook's.

    A poll whose answer is no page of orders becomes nothing: it is asked again.
    """
    if sample.headers is None:
        return _polled(sample.kind, body, now_ms, find)
    reading = lines.read(WEBHOOKS[sample.kind], sample.headers, body, now_ms)
    arrival = Arrival(channel=CHANNEL, received_at=now_ms, body_sha256=hashlib.sha256(body).hexdigest())
    ready = lines.messages(reading, arrival, find)
    ignored = tuple(str(reason) for reason in reading.ignored)
    return Result(messages=ready.orders, dead=ready.dead, ignored=ignored, wakes=reading.poll)


def _polled(kind: Kind, body: bytes, now_ms: int, find: Find) -> Result:
    poll = POLLS[kind]
    page = poll.read(poll.start(0), Answer(status=200, headers={}, body=body))
    if not isinstance(page, Page):
        return Result((), (), (), wakes=False)
    arrival = Arrival(channel=CHANNEL, received_at=now_ms)
    found = due(poll, page, arrival, now_ms, Memory(find=find, newest=lambda _: {}, lines=lambda _: {}))
    messages = tuple(lines.order_message(record, arrival) for record in found.changed)
    return Result(messages=messages, dead=found.dead, ignored=(), wakes=False)


def places(value: Any) -> list[JsonPath]:
    """Return the path of everything inside a JSON value."""
    found: list[JsonPath] = []
    left: list[tuple[JsonPath, Any]] = [((), value)]
    while left:
        path, holder = left.pop()
        children = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, child in children:
            inner = (*path, key)
            found.append(inner)
            if isinstance(child, dict | list):
                left.append((inner, child))
    return found


def at(body: Any, path: JsonPath) -> Any:
    """Return what stands at a path."""
    for key in path:
        body = body[key]
    return body


def put(body: Any, path: JsonPath, value: Any) -> Any:
    """Return the body with another value at a path; the rest is shared, not copied."""
    return _changed(body, path, lambda holder: holder.__setitem__(path[-1], value))


def without(body: Any, path: JsonPath) -> Any:
    """Return the body with nothing at a path; the rest is shared, not copied."""
    return _changed(body, path, lambda holder: holder.__delitem__(path[-1]))


def _changed(body: Any, path: JsonPath, change: Callable[[Any], None]) -> Any:
    twin = holder = copy.copy(body)
    for key in path[:-1]:
        holder[key] = copy.copy(holder[key])
        holder = holder[key]
    change(holder)
    return twin


def extended(body: Any, name: str, value: Any) -> Any:
    """Return the body with one more field in each of its objects."""
    if isinstance(body, dict):
        return {**{key: extended(child, name, value) for key, child in body.items()}, name: value}
    return [extended(child, name, value) for child in body] if isinstance(body, list) else body


def doubled(body: Any, first: Any) -> str:
    """Return the JSON of a body in which every name stands twice in its object: with `first`, then with its value."""
    if isinstance(body, dict):
        pairs = (
            f"{json.dumps(key)}:{json.dumps(first)},{json.dumps(key)}:{doubled(child, first)}"
            for key, child in body.items()
        )
        return f"{{{','.join(pairs)}}}"
    if isinstance(body, list):
        return f"[{','.join(doubled(child, first) for child in body)}]"
    return json.dumps(body)


def sku_places(sample: Sample, read: Callable[[Sample, bytes], Result]) -> list[JsonPath]:
    """Return where in a body the SKUs stand that count: put another there, and one record is of that SKU."""
    skus = {record["sku"] for record in read(sample, sample.raw).records}
    texts = [path for path in places(sample.body) if isinstance(at(sample.body, path), str)]
    return [path for path in texts if at(sample.body, path) in skus and _counts(sample, path, read)]


def _counts(sample: Sample, path: JsonPath, read: Callable[[Sample, bytes], Result]) -> bool:
    found = read(sample, raw(put(sample.body, path, PROBE))).records
    return [record["sku"] for record in found].count(PROBE) == 1
