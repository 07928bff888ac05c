"""
After the faults: what destroys positions, records or tables on purpose, one thing at a time, and how it is mended.

Positions that were set back change nothing.  A log that was truncated, or a topic that was made anew, stops its
partitions with a reason, and `python -m processor skip` is the way on: the oracle learns exactly which offsets were
given up.  Tables that were lost or kept are the same: that is asked with records whose outcomes tell what the tables
hold.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from compose.runner.deployment import create_topics
from compose.runner.processes import HOME
from tests.faults import probe
from tests.faults.history import Finding, Place, Skip
from tests.faults.orders import ADJUSTMENTS, ORDERS, adjustment
from tests.faults.world import PARTITIONS, World, topic

WAIT_S = 60.0
POLL_S = 0.3
GRACE_S = 15.0
"""How long a partition may still say that it has stopped when it need not any more."""
BACK = 150
SKIPS = 3
"""Commands that run at the same time."""
LOST, LEFT = 12, 8
"""How many unread records a truncation takes, and how many it leaves behind them."""


class BrokenError(Exception):
    """A step did not come to its end; the text says what was waited for."""


def set_back(world: World) -> None:
    """Set all of the group's positions back: what was decided is not decided again."""
    _tails(world)
    _end_all(world)
    positions = _positions(world)
    parts = [TopicPartition(topic(name), p, max(at - BACK, 0)) for (name, p), at in positions.items()]
    admin = _admin(world)

    def done() -> bool:
        request = ConsumerGroupTopicPartitions(world.watch.group, parts)
        (future,) = admin.alter_consumer_group_offsets([request], request_timeout=WAIT_S).values()
        try:
            answer = future.result(WAIT_S)
        except KafkaException:  # its members' sessions are not over yet
            return False
        return not any(part.error for part in answer.topic_partitions)

    _await(done, "the group has no members any more")
    world.watch.witnessing = False
    world.fleet.muster(world.fleet.homes)
    _tails(world)  # whoever has nothing to decide has nothing to commit
    world.watch.witnessing = True


def truncate(world: World) -> None:
    """Delete records that nobody has read."""
    _end_all(world)
    before = _positions(world)
    home, key = min((home, key) for key, home in world.load.homes.items())
    _orders(world, key, LOST + LEFT)
    world.reader.keep()
    start = before[ORDERS, home]
    place = TopicPartition(topic(ORDERS), home, start + LOST)
    admin = _admin(world)  # named: its answers end with it
    for future in admin.delete_records([place]).values():
        future.result(WAIT_S)
    world.reader.skips.append(Skip(Place(world.reader.ids()[ORDERS], home), start, start + LOST))
    world.fleet.muster(world.fleet.homes)
    _await(lambda: "deleted before they were read" in world.fleet.wedged().get(home, ""), "its partition has stopped")
    _skip(world, home, start + LOST)
    _at_rest(world, "the log was truncated")


def recreate(world: World) -> None:
    """Delete the orders' topic under running workers and make it anew."""
    world.reader.keep()
    admin, name = _admin(world), topic(ORDERS)
    world.watch.witnessing = False
    for future in admin.delete_topics([name], operation_timeout=WAIT_S).values():
        future.result(WAIT_S)
    _await(lambda: name not in admin.list_topics(timeout=WAIT_S).topics, "the topic is gone")
    create_topics(world.config)
    world.load.renew()
    for key in world.load.homes:
        _orders(world, key, 1)
    _await(lambda: len(world.fleet.wedged()) == PARTITIONS, "all partitions have stopped")
    with ThreadPoolExecutor(SKIPS) as pool:
        list(pool.map(lambda partition: _skip(world, partition, 0), range(PARTITIONS)))
    _at_rest(world, "the topic was made anew")


def recover(world: World) -> None:
    """Ask a worker with an empty disk, and one with what it kept, for their tables: alone, each for all partitions."""
    fresh = next(slot for slot in world.fleet.slots if not slot.home)
    for slot, state in ((fresh, "an empty disk"), (world.fleet.homes[0], "what it kept")):
        world.fleet.muster([slot])
        _await(world.fleet.gone, "the others have ended")
        _await(lambda: world.fleet.ready(POLL_S), f"{slot.name} is ready")
        count = probe.ask(world.reader, world.load, Random(world.choice.seed))
        _at_rest(world, f"{count} rows were asked of a worker with {state}")


STEPS: Mapping[str, Callable[[World], None]] = {step.__name__: step for step in (set_back, truncate, recreate, recover)}


def run(world: World, names: Sequence[str]) -> list[Finding]:
    """Do these steps; what one of them waits for in vain is a stall."""
    found = []
    for name in names:
        began = time.monotonic()
        try:
            STEPS[name](world)
        except BrokenError as error:
            found.append(Finding("stalls", name, str(error)))
            world.note(f"     {name}: {error}")
            return found
        world.note(f"     {name}: done in {time.monotonic() - began:.1f} s")
    return found


def _tails(world: World) -> None:
    """Let every source partition end in a record that leaves a trace in the tables."""
    keys = {home: key for key, home in world.load.homes.items()}
    now = time.time_ns() // 1_000_000
    for home, key in keys.items():
        _orders(world, key, 1)
        world.load.send(adjustment(key.decode(), "add", 1, f"tail-{home}-{now}", now))
    world.load.flush()
    _at_rest(world, "a decision for every log")


def _orders(world: World, key: bytes, count: int) -> None:
    now = time.time_ns() // 1_000_000
    for _ in range(count):
        order = world.load.book.order(now)
        world.load.send(
            order._replace(key=key, fields=order.fields | {"sku": key.decode(), "listingSku": key.decode()})
        )
    world.load.flush()


def _end_all(world: World) -> None:
    world.fleet.muster([])
    for slot in world.fleet.slots:
        slot.send(signal.SIGKILL)
    _await(world.fleet.gone, "all workers have ended")


def _skip(world: World, partition: int, to: int) -> None:
    command = ["skip", "--partition", str(partition), "--topic", ORDERS, "--to", str(to), "--reason", "faults", "--yes"]
    argv = [sys.executable, "-m", "processor", *command, "--config", str(world.config)]
    done = subprocess.run(argv, cwd=HOME, capture_output=True, text=True, timeout=WAIT_S, check=False)
    if done.returncode != 0:
        raise BrokenError(f"skip --partition {partition} --to {to}: {done.returncode} {done.stdout}{done.stderr}")


def _at_rest(world: World, after: str) -> None:
    began = time.monotonic()
    while world.watch.settled(GRACE_S) is None:
        stopped = world.fleet.wedged()
        if stopped or time.monotonic() > began + WAIT_S:
            raise BrokenError(f"{after}: the lag is not gone; stopped: {stopped}")
    _await(lambda: not world.fleet.wedged() and world.fleet.ready(POLL_S), f"{after}: the workers are ready")


def _await(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not look():
        if time.monotonic() > deadline:
            raise BrokenError(f"not within {WAIT_S:g} s: {what}")
        time.sleep(POLL_S)


def _positions(world: World) -> dict[tuple[str, int], int]:
    return {place: at for place, at in world.watch.look().positions.items() if place[0] in (ORDERS, ADJUSTMENTS)}


def _admin(world: World) -> AdminClient:
    return AdminClient({"bootstrap.servers": world.cluster.bootstrap, "log_level": 0})
