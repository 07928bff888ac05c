"""
JSON made up and JSON spoiled, from one source of chance.

The source is a `random.Random`: seeded for a run that can be repeated request by request, or Hypothesis's own, which
makes a failing case small.
"""

import copy
import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from tests.channels import bodies
from tests.fuzz.material import Material

DEPTH_MAX, WIDTH_MAX = 4, 5
DEEPER = 0.8
PAGES = (20, 50, 100, 200, 250)
"""How many rows the APIs show at most."""
ODD: Sequence[Any] = (
    *(None, True, False, "", " ", "x", "\x00", "\u202e", "NaN", "²", "\uff19", "1_000", "-0", "1e5", "0x10", "9" * 400),
    *("\N{PILE OF POO}", 0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, 0.5, 1e308, -0.0, [], {}, [[]], [{}]),
    *([None], "x" * 256, "é" * 128, "1.0", "2.5", "soon", 253_402_300_800, 1_795_255_200, 1_795_255_200_000),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-21T10:00:00", "2026-11-21T10:00:00Z"),
)
RAW: Sequence[Callable[[Random, bytes], bytes]] = (
    lambda random, raw: raw[: random.randrange(len(raw) + 1)],
    lambda random, raw: _replaced(random, raw, bytes([random.randrange(256)])),
    lambda random, raw: _replaced(
        random, raw, random.choice((b"\xff", b"\xc3\x28", b"\\ud800", b"\x00", b"NaN", b"1e999"))
    ),
    lambda _, raw: b"\xef\xbb\xbf" + raw,
    lambda _, raw: raw + b"}",
    lambda _, raw: raw + b"\n",
    lambda _, raw: json.dumps(raw.decode("utf-8", "replace")).encode(),
    lambda random, _: b"[" * random.randrange(1, 5_000),
    lambda random, raw: b'{"a":' * (depth := random.randrange(1, 2_000)) + raw + b"}" * depth,
    lambda random, _: random.randbytes(random.randrange(64)),
    lambda random, _: random.choice((b"", b"null", b"[]", b"{}", b"7", b'"x"', b"webhook_id=12", b"a=b&c=d")),
)
"""What can happen to bytes."""


def _replaced(random: Random, raw: bytes, part: bytes) -> bytes:
    at = random.randrange(len(raw) + 1)
    return raw[:at] + part + raw[at + 1 :]


def made(random: Random, material: Material, depth: int = 0) -> Any:
    """Return a value made of a kind's words."""
    shape = random.random()
    if depth < DEPTH_MAX and shape < 0.45:
        count = random.randrange(WIDTH_MAX)
        return {random.choice(material.names): made(random, material, depth + 1) for _ in range(count)}
    if depth < DEPTH_MAX and shape < 0.6:
        return [made(random, material, depth + 1) for _ in range(random.randrange(WIDTH_MAX))]
    return random.choice(material.texts) if shape < 0.85 else random.choice(ODD)


def _odd(random: Random, _: Material, body: Any, path: bodies.JsonPath) -> Any:
    return bodies.put(body, path, random.choice(ODD))


def _word(random: Random, material: Material, body: Any, path: bodies.JsonPath) -> Any:
    return bodies.put(body, path, random.choice(material.texts))


def _made(random: Random, material: Material, body: Any, path: bodies.JsonPath) -> Any:
    return bodies.put(body, path, made(random, material, 2))


def _gone(_: Random, __: Material, body: Any, path: bodies.JsonPath) -> Any:
    return bodies.without(body, path)


def _more(random: Random, material: Material, body: Any, path: bodies.JsonPath) -> Any:
    """Put another field beside a value, or the value once more where it stands in a list."""
    holder = bodies.at(body, path[:-1])
    if isinstance(holder, list):
        times = random.choice((1, 2, 2, 3, 60))
        return bodies.put(body, path[:-1], holder + [holder[path[-1]]] * times) if path[:-1] else holder * times
    return bodies.put(body, (*path[:-1], random.choice(material.names)), made(random, material, 3))


def _elsewhere(random: Random, material: Material, body: Any, path: bodies.JsonPath) -> Any:
    """Put a value where another stands, or under another name."""
    value = bodies.at(body, path)
    if random.random() < 0.5 and isinstance(path[-1], str):
        return bodies.put(bodies.without(body, path), (*path[:-1], random.choice(material.names)), value)
    return bodies.put(body, path, copy.deepcopy(bodies.at(body, somewhere(random, body))))


def _near(random: Random, _: Material, body: Any, path: bodies.JsonPath) -> Any:
    """Change a value a little."""
    value = bodies.at(body, path)
    if isinstance(value, bool):
        return bodies.put(body, path, not value)
    if isinstance(value, int):
        return bodies.put(body, path, value + random.choice((-1, 1, 60, 1_000)))
    if isinstance(value, str) and value:
        return bodies.put(body, path, random.choice((value.upper(), value.lower(), value[:-1], value + " ", value * 2)))
    return body


def grown(random: Random, _: Material, body: Any, path: bodies.JsonPath) -> Any:
    """Make a list on the way to a place as long as a full page, its rows numbered on."""
    lists = [path[:depth] for depth in range(len(path)) if isinstance(bodies.at(body, path[:depth]), list)]
    if not lists:
        return body
    inside = random.choice(lists)
    rows = bodies.at(body, inside)
    more = [*rows, *(_numbered(rows[-1], n) for n in range(1, random.choice(PAGES) - len(rows) + 1))]
    return bodies.put(body, inside, more) if inside else more


def _numbered(row: Any, n: int) -> Any:
    if not isinstance(row, dict):
        return row
    return {
        key: value + n if type(value) is int else str(int(value) + n) if _digits(value) else value
        for key, value in row.items()
    }


def _digits(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isdigit()


def somewhere(random: Random, body: Any) -> bodies.JsonPath:
    """Return the path of something inside a value that is not empty."""
    path: bodies.JsonPath = ()
    while isinstance(body, dict | list) and body and (not path or random.random() < DEEPER):
        key = random.choice([*body]) if isinstance(body, dict) else random.randrange(len(body))
        path, body = (*path, key), body[key]
    return path


STEPS = (*(_odd, _word, _made, _gone, _more, _elsewhere, _near) * 3, grown)


def spoiled(random: Random, material: Material, body: Any) -> Any:
    """Return a body with up to four things changed; every third is left as it is."""
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        path = somewhere(random, body)
        body = random.choice(STEPS)(random, material, body, path) if path else made(random, material)
    return body


def to_bytes(random: Random, body: Any) -> bytes:
    """Return JSON in one of the ways in which vendors write it, sometimes with every name twice, sometimes broken."""
    way = random.random()
    if isinstance(body, str):
        raw = body.encode("utf-8", "surrogatepass")
    elif way < 0.03:
        raw = bodies.doubled(body, random.choice(ODD)).encode()
    else:
        raw = json.dumps(body, ensure_ascii=way < 0.5, separators=(",", ":") if way < 0.7 else None).encode()
    return random.choice(RAW)(random, raw) if way > 0.93 else raw
