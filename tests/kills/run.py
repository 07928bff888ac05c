"""
Publishers killed with SIGKILL while levels stream: `make kills ARGS="--kills 30 --calls 5000 --seed 1"`.

Real Kafka, real publishers, a stand-in of Shopify and one of WooCommerce.  Each kind's publisher is killed at moments
that nobody chose and started again.  Judged by the stand-ins' own books: every listing shows its newest level (no push
was forgotten), and how many tells were repeats: the same number again, with nothing in between.  The last line of
standard output is JSON; exit code 1 when something was forgotten, or repeats are 1 % or more.
"""

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAST = ({"calls": 2_000, "per_ms": 1_000, "burst": 2_000},)
SKUS = 300
CHANGES_A_ROUND, ROUND_S = 4, 0.05
"""How many SKUs change at once, and how often: small calls, so that there are many of them."""
ALIVE_S = (0.2, 2.0)
"""How long a publisher lives after it has become active, times the mean."""
ACTIVE_WITHIN_S, IN_STEP_WITHIN_S = 60.0, 90.0
REPEATS_BELOW = 0.01


class Stuck(Exception):  # noqa: N818 - named for what it says
    """Something that must happen did not, within its time."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of one channel."""

    kind: str
    kills: int
    calls: int
    tells: int
    repeats: int
    forgotten: int


def until(look: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait for something; raises `Stuck`."""
    ends = time.monotonic() + within_s
    while not look():
        if time.monotonic() > ends:
            raise Stuck(f"{what}: not within {within_s:g} s")
        time.sleep(0.05)


def play(rig: Any, kills: int, calls: int, options: argparse.Namespace, note: Callable[[], object]) -> Found:
    """Let levels stream and kill the publisher again and again until there were enough of both; returns the verdict."""
    chance = random.Random(f"{options.seed}-{rig.kind}")
    wanted = {f"SKU-{n}": 1_000 + n for n in range(SKUS)}
    rig.catalogue([{"sku": sku} for sku in wanted])
    rig.levels(wanted)
    publisher, killed = rig.start("--instance", "a"), 0
    while killed < kills or made(rig) < calls:
        until(lambda: active(rig, publisher), ACTIVE_WITHIN_S, f"{rig.kind}: an active publisher")
        ends = time.monotonic() + options.alive * chance.uniform(*ALIVE_S)
        while time.monotonic() < ends:
            change(rig, chance, wanted)
        publisher.kill(signal.SIGKILL)
        publisher.wait()
        killed += 1
        publisher.start()
        note()
    until(lambda: bool(rig.shows() == wanted), IN_STEP_WITHIN_S, f"{rig.kind}: all in step")
    state = rig.control("state")
    tallies = state["tallies"].values()
    return Found(
        kind=rig.kind,
        kills=killed,
        calls=made(rig),
        tells=sum(one.get("tells", 0) for one in tallies),
        repeats=sum(one.get("repeats", 0) for one in tallies),
        forgotten=sum(state["levels"][sku] != quantity for sku, quantity in wanted.items()),
    )


def change(rig: Any, chance: random.Random, wanted: dict[str, int]) -> None:
    """Give some SKUs another level each."""
    told = chance.sample(sorted(wanted), CHANGES_A_ROUND)
    wanted.update({sku: wanted[sku] + chance.choice((-3, -2, -1, 1, 2, 3)) for sku in told})
    rig.levels({sku: wanted[sku] for sku in told})
    time.sleep(ROUND_S)


def made(rig: Any) -> int:
    """Return how many calls the stand-in has answered."""
    return int(rig.control("state")["calls"].get("calls", 0))


def active(rig: Any, publisher: Any) -> bool:
    """Return whether the publisher tells its channel; one that does not answer yet does not."""
    try:
        return bool(rig.metric(publisher, "lastunit_publisher_active"))
    except OSError:
        return False


def main() -> int:
    """Run; returns the exit code."""
    sys.path.insert(0, str(ROOT))  # the stand-ins are part of the tree, not of the installed distribution
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    from rich.console import Console
    from rich.progress import Progress

    options = _arguments()
    began = time.monotonic()
    console = Console(stderr=True)
    with _rigs() as rigs, Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("kills", total=options.kills)
        share = -(-options.kills // len(rigs)), -(-options.calls // len(rigs))
        with ThreadPoolExecutor(len(rigs)) as pool:
            runs = [pool.submit(play, rig, *share, options, lambda: bar.advance(task)) for rig in rigs]
            found = [run.result() for run in runs]
    line = verdict(found)
    sys.stdout.write(json.dumps({**line, "seed": options.seed, "seconds": round(time.monotonic() - began, 1)}) + "\n")
    return 0 if line["forgotten"] == 0 and line["repeats"] < REPEATS_BELOW * line["tells"] else 1


def verdict(found: list[Found]) -> dict[str, Any]:
    """Return the sums over all channels."""
    names = ("kills", "calls", "tells", "repeats", "forgotten")
    sums: dict[str, Any] = {name: sum(getattr(one, name) for one in found) for name in names}
    return {**sums, "repeats_percent": round(100 * sums["repeats"] / max(1, sums["tells"]), 3)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publishers killed with SIGKILL while levels stream.")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--alive", type=float, default=10.0, help="mean seconds between two kills of a channel")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _rigs() -> Any:
    from contextlib import contextmanager

    @contextmanager
    def made_() -> Any:
        from compose.runner.stack import stack
        from tests.integration.test_publisher import KINDS

        with stack(with_postgres=False) as running:
            try:
                yield [rig_of(running, kind) for kind in KINDS]
            except BaseException:
                running.supervisor.keep()
                sys.stderr.write(f"data and logs: {running.data}\n")
                raise

    return made_()


def rig_of(running: Any, kind: str) -> Any:
    """Start a stand-in and make its deployment: a prefix of its own on the one broker."""
    from confluent_kafka import Producer

    from compose.runner.deployment import create_topics, write_config
    from schemas.config import load
    from tests.integration.test_publisher import ENV, LOCATION, TOKENS, Rig

    def service(name: str, *argv: str, env: Mapping[str, str] | None = None) -> Any:
        return running.supervisor.start(name, argv, env=env)

    argv = (sys.executable, "-m", "compose.fakes", "--kind", kind, "--name", "shop")
    fake = service(f"fake-{kind}", *argv, env={**ENV, "FAKE_WEBHOOK_SECRET": "hush", "FAKE_TOKEN": TOKENS[kind]})
    channel = {
        "name": "shop",
        "kind": kind,
        "since": 0,
        "base_url": f"http://{fake.address}",
        "location": LOCATION,
        "api_version": "2026-10",
        "mode": "push",
        "push_limit": FAST,
        "call_timeout_ms": 2_000,
    }
    sections = {"kafka": {"partitions": 4, "prefix": f"{kind}."}}
    folder = running.data / f"{kind}.toml"
    path = write_config(folder, bootstrap=running.kafka.bootstrap, channels=[channel], sections=sections)
    create_topics(path)
    config = load(path)
    producer = Producer(config.kafka.producer(linger_ms=0))
    return Rig(kind=kind, fake=fake, path=path, config=config, service=service, producer=producer)


if __name__ == "__main__":
    sys.exit(main())
