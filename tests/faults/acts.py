"""The kinds of fault: what each of them does to the running system, from its beginning to its end."""

import signal
import time
from collections.abc import Callable, Mapping
from random import Random

from tests.faults import disk
from tests.faults.fleet import Slot
from tests.faults.poison import POISONS
from tests.faults.proxy import FAIR, Weather
from tests.faults.world import World

Act = Callable[[World, Random], str]
"""Does a fault and returns what exactly it did; a fault that lasts returns when it is over."""

PAUSE_S = (7.5, 10.5)
"""Longer than a worker's session (6 s)."""
BROKER_PAUSE_S = (4.0, 13.0)
BROKER_DOWN_S = (0.5, 5.0)
STORM_MOVES, STORM_S = 4, 3.0
SLOW_S = (5.0, 9.0)
FULL_S = (5.0, 8.0)


def kill(world: World, chance: Random) -> str:
    """Kill a worker as the kernel does when it is out of memory."""
    slot = _victim(world, chance)
    slot.send(signal.SIGKILL)
    return slot.name


def term(world: World, chance: Random) -> str:
    """Ask a worker to end; it is started again."""
    slot = _victim(world, chance)
    slot.send(signal.SIGTERM)
    return slot.name


def pause(world: World, chance: Random) -> str:
    """Stop a worker for longer than its session, and let it go on: it does not know that its time is over."""
    slot, seconds = _victim(world, chance), chance.uniform(*PAUSE_S)
    with slot.lock:
        slot.send(signal.SIGSTOP)
        time.sleep(seconds)
        slot.send(signal.SIGCONT)
    return f"{slot.name} for {seconds:.1f} s"


def storm(world: World, chance: Random) -> str:
    """Let a worker join or leave every three seconds."""
    extra = next(slot for slot in world.fleet.slots if not slot.home)
    hard = chance.random() < 0.3
    with extra.lock:
        for _ in range(STORM_MOVES // 2):
            extra.wanted = True
            time.sleep(STORM_S)
            extra.wanted = False
            extra.send(signal.SIGKILL if hard else signal.SIGTERM)
            time.sleep(STORM_S)
    return f"{extra.name}, {STORM_MOVES} moves, leaving by {'SIGKILL' if hard else 'SIGTERM'}"


def broker_kill(world: World, chance: Random) -> str:
    """Kill a broker, and start it again a little later."""
    index, seconds = chance.randrange(world.cluster.size), chance.uniform(*BROKER_DOWN_S)
    with world.broker:
        child = world.cluster.child(index)
        child.kill()
        child.wait()
        time.sleep(seconds)
        world.cluster.restart(index)
    return f"broker {index + 1}, down for {seconds:.1f} s and its start"


def broker_pause(world: World, chance: Random) -> str:
    """Stop a broker and let it go on: its connections stay open and nobody answers."""
    index, seconds = chance.randrange(world.cluster.size), chance.uniform(*BROKER_PAUSE_S)
    with world.broker:
        world.cluster.child(index).kill(signal.SIGSTOP)
        time.sleep(seconds)
        world.cluster.child(index).kill(signal.SIGCONT)
    return f"broker {index + 1} for {seconds:.1f} s"


WEATHERS: Mapping[str, Weather] = {
    "late": Weather(latency_s=0.4),
    "narrow": Weather(bytes_s=262_144),
    "silent": Weather(silent=True),
}


def slow_link(world: World, chance: Random) -> str:
    """Make a worker's way to the brokers late, narrow or silent, or cut its connections again and again."""
    slot, seconds = _victim(world, chance), chance.uniform(*SLOW_S)
    name = chance.choice((*WEATHERS, "cut"))
    with slot.lock:
        if name == "cut":
            cuts = sum(_cut(world, slot) for _ in range(int(seconds)))
            return f"{slot.name}: {cuts} connections cut"
        world.proxies.set(slot.name, WEATHERS[name])
        time.sleep(seconds)
        world.proxies.set(slot.name, FAIR)
    return f"{slot.name}: {name} for {seconds:.1f} s"


def _cut(world: World, slot: Slot) -> int:
    time.sleep(1.0)
    return world.proxies.cut(slot.name)


def disk_full(world: World, chance: Random) -> str:
    """Fill the disk under a worker's tables, and make room again later."""
    slot = chance.choice([slot for slot in world.fleet.homes if slot.store == "rocksdb"])
    seconds = chance.uniform(*FULL_S)
    with slot.lock:
        if world.own_disks:
            disk.fill(slot.state)
            time.sleep(seconds)
            disk.free(slot.state)
        else:
            disk.limit(lambda: slot.child.pid if slot.child and slot.child.running else None, 0)
            time.sleep(seconds)
            disk.limit(lambda: slot.child.pid if slot.child and slot.child.running else None, -1)
    return f"{slot.name} for {seconds:.1f} s"


def poison(world: World, chance: Random) -> str:
    """Send a record that nobody can decide."""
    name = chance.choice(list(POISONS))
    world.load.poison(name, chance)
    return name


def oversized(world: World, chance: Random) -> str:
    """Send a record as large as a broker takes: one that can be decided, or one that cannot."""
    if chance.random() < 0.5:
        world.load.oversized(chance)
        return "to be decided"
    world.load.poison("huge", chance)
    return "poison"


def _victim(world: World, chance: Random) -> Slot:
    return chance.choice(world.fleet.homes)


ACTS: Mapping[str, Act] = {
    act.__name__: act
    for act in (kill, term, pause, storm, slow_link, disk_full, broker_kill, broker_pause, poison, oversized)
}
