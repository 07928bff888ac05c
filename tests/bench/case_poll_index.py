"""`poll_index`: an order poller's index of held lines, in memory and on disk: how long a start takes, what it holds."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.cluster import now_ms
from schemas.codec import encode
from schemas.events import headers
from schemas.ids import order_id
from schemas.partition import partition_of
from schemas.topics import ORDER_OUTCOME
from tests.bench.measure import digits
from tests.bench.options import Options
from tests.bench.rig import PARTITIONS, Deployment, Encoded, Rig, rig
from tests.bench.samples import CHANNEL, OUTCOME, sku

LINES_PER_SKU = 10
"""How many lines there are for each SKU of the largest catalogue that was asked for: 1,000,000 by default."""
PER_ORDER = 3
QUICK = 20_000
START_S = 1_200.0
SCRIPT = Path(__file__).with_name("poll_index.py")


def run(say: Callable[[str], None], options: Options) -> dict[str, Any]:
    """Return seconds of a start, of processor time, and MiB of memory and of disk: memory, a new file, one kept."""
    lines = QUICK if options.quick else max(options.sizes) * LINES_PER_SKU
    figures: dict[str, Any] = {"alternative": "the index in memory", "lines": lines, "partitions": PARTITIONS}
    with rig() as running:
        found = running.deploy("index")
        folder = running.stack.data / "index-state"
        on_disk = found.path.with_name("index-disk.toml")
        text = found.path.read_text(encoding="utf-8")
        on_disk.write_text(f'{text}\n[ingest]\nstate_dir = "{folder}"\n', encoding="utf-8")
        empty = _start(running, "empty", found.path)
        say(f"writing {lines} lines")
        found.produce(_rows(lines, found))
        for name, path in {"memory": found.path, "disk_new": on_disk, "disk_kept": on_disk}.items():
            say(f"starting: {name}")
            figures[name] = _start(running, name, path) | {"alone_mib": empty["memory_mib"]}
        size = sum(part.stat().st_size for part in folder.iterdir())
        figures["disk_kept"] |= {"disk_mib": digits(size / 2**20)}
        shutil.rmtree(folder)
    return figures


def _start(running: Rig, name: str, path: Path) -> dict[str, float]:
    child = running.start(f"index-{name}", str(SCRIPT), str(path), CHANNEL)
    assert child.wait(START_S) == 0, child.tail()
    told: dict[str, float] = json.loads(child.output().splitlines()[-1])
    return {key: digits(value) for key, value in told.items()}


def _rows(lines: int, found: Deployment) -> Iterator[Encoded]:
    """Yield the outcomes of orders of `PER_ORDER` lines, each of another SKU."""
    now, partitions = now_ms(), found.config.kafka.partitions
    value = orjson.loads(encode(OUTCOME)) | {"timestamp": now, "orderedAt": now, "seenAt": now, "revision": now}
    about = headers(ORDER_OUTCOME, "bench", "/processor", sku(1), now)
    names = max(1, lines // LINES_PER_SKU)
    for number in range(lines):
        name = sku(number * 7 % names)
        order = order_id(CHANNEL, f"{5_000_000_000_000 + number // PER_ORDER}", f"{13_000_000_000_000 + number}")
        body = orjson.dumps(value | {"sku": name, "orderId": order, "channel": CHANNEL})
        place = partition_of(name.encode(), partitions)
        yield Encoded(ORDER_OUTCOME, f"{order}|{name}".encode(), body, about, place)
