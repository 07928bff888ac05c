"""What goes wrong when: drawn from the seed, so that the same seed gives the same plan (pure)."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

SEGMENT_S = 300.0
"""After so long everything rests until the lag is gone: a stall shows where it begins."""
REST_S = 25.0
"""What a rest takes of a segment."""
BEFORE_S = 3.0


class Fault(NamedTuple):
    """One fault: when it begins (seconds from its segment's start), its kind, and the seed of its own chances."""

    at_s: float
    kind: str
    seed: str


class Track(NamedTuple):
    """Faults of these kinds follow one another about every `pace_s` seconds; tracks run side by side."""

    pace_s: float
    kinds: Sequence[str]


TRACKS: Mapping[str, Track] = {
    "workers": Track(9.5, ("kill", "term", "pause", "storm", "slow_link", "disk_full")),
    "brokers": Track(35.0, ("broker_kill", "broker_pause")),
    "input": Track(12.0, ("poison", "oversized")),
}
STEPS = ("set_back", "truncate", "recreate", "recover")
"""What follows when the faults are over: see `tests.faults.epilogue`."""
KINDS = tuple(kind for track in TRACKS.values() for kind in track.kinds)


class Mutant(NamedTuple):
    """What shows quickly that something is missing: the faults, how long and how dense, under which load."""

    minutes: float
    kinds: Sequence[str]
    pace: float
    rate: float
    steps: Sequence[str] = ()


MUTANTS: Mapping[str, Mutant] = {
    "fence": Mutant(0.6, ("pause",), 0.9, 600.0),
    "seek": Mutant(0.1, (), 1.0, 200.0, ("set_back",)),
    "positions": Mutant(0.7, ("kill",), 0.5, 400.0),
}


def plan(seed: int, seconds: float, kinds: Sequence[str], pace: float = 1.0) -> list[list[Fault]]:
    """
    Return the faults, segment by segment, each in order of time.

    Every kind of a track comes equally often, give or take one, and at least once; `pace` stretches what lies between.
    """
    random = Random(seed)
    count = max(1, round(seconds / SEGMENT_S))
    length = max(seconds / count - REST_S, seconds / count / 2)
    decks: dict[str, list[str]] = {name: [] for name in TRACKS}
    segments = []
    for number in range(count):
        faults: list[Fault] = []
        for name, track in TRACKS.items():
            wanted = [kind for kind in track.kinds if kind in kinds]
            if wanted:
                faults += _track(random, decks[name], wanted, pace * track.pace_s, length, f"{seed}-{number}-{name}")
        segments.append(sorted(faults))
    return segments


def _track(
    random: Random, deck: list[str], kinds: Sequence[str], pace_s: float, length: float, seed: str
) -> list[Fault]:
    faults = []
    count = max(len(kinds), int((length - BEFORE_S) / pace_s))
    step = (length - BEFORE_S) / count
    for number in range(count):
        if not deck:
            deck += random.sample(list(kinds), len(kinds))
        at_s = BEFORE_S + step * (number + random.uniform(0.0, 0.6))
        faults.append(Fault(round(at_s, 2), deck.pop(), f"{seed}-{number}"))
    return faults
