"""`codec`: strict records against bare JSON, `orjson.loads` and `orjson.dumps` of the same bytes."""

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import orjson

from schemas.codec import decode, encode
from tests.bench.measure import digits, in_turns, ratio
from tests.bench.options import Options
from tests.bench.samples import LEVEL, OUTCOME, order, sku

REPEAT = 5_000
RECORDS = (order(1, sku(1)), LEVEL, OUTCOME)


def run(say: Callable[[str], None], _: Options) -> dict[str, Any]:
    """Return records a second and how many times the bare calls' time each direction takes, by record."""
    figures: dict[str, Any] = {"alternative": "orjson.loads, orjson.dumps", "repeat": REPEAT}
    for record in RECORDS:
        name = type(record).__name__
        say(name)
        figures[name] = _compare(type(record), encode(record))
    return figures


def _compare(kind: Any, raw: bytes) -> dict[str, float]:
    record, value = decode(kind, raw), orjson.loads(raw)
    times = in_turns(
        {
            "decode": partial(_repeat, partial(decode, kind, raw)),
            "loads": partial(_repeat, partial(orjson.loads, raw)),
            "encode": partial(_repeat, partial(encode, record)),
            "dumps": partial(_repeat, partial(orjson.dumps, value)),
        }
    )
    return {
        "bytes": len(raw),
        "decode_per_s": digits(REPEAT / median(times["decode"])),
        "encode_per_s": digits(REPEAT / median(times["encode"])),
        "decode_ratio": digits(ratio(times["decode"], times["loads"])),
        "encode_ratio": digits(ratio(times["encode"], times["dumps"])),
    }


def _repeat(work: Callable[[], object]) -> None:
    for _ in range(REPEAT):
        work()
