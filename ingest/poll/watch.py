"""
Webhooks that their channel has switched off: how a kind's are looked at, and when they are switched on again.  Pure.

A channel that switches a webhook off tells nobody.  The poll brings its orders meanwhile, later than a webhook would.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ingest.poll.kind import Answer, Denied, Later, Request
from schemas.settings import Channel

S = TypeVar("S")
PAUSE_MS = 60_000
"""Between switching a webhook on and doing it again, at first; it doubles each time."""
PAUSE_MAX_MS = 6 * 3_600_000
STEADY_MS = 3_600_000
"""A webhook that stayed on for so long, and for longer than its last pause, has recovered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook of the channel whose address is ours; `paused` is one that a person has switched off."""

    number: str
    topic: str
    on: bool
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks(Generic[S]):
    """A page of webhooks, ours alone; `next` reads on, None is the end."""

    found: tuple[Hook, ...]
    next: S | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revived:
    """The webhook is on."""


class Watch(Protocol[S]):
    """How one kind's webhooks are looked at and switched on; every function is pure."""

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """What `request` needs, as `channel_secret` names it."""

    @property
    def TOPICS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """The topics that a channel's orders need."""

    def look(self) -> S:
        """Return the state that reads all webhooks."""

    def revive(self, number: str) -> S:
        """Return the state that switches one on."""

    def request(self, channel: Channel, secrets: Sequence[str], state: S) -> Request:
        """Return the next call."""

    def read(self, channel: Channel, state: S, answer: Answer) -> Hooks[S] | Revived | Later | Denied:
        """Return what an answer means; never raises, whatever the body holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fall:
    """When a webhook was last switched on again, and how long it had to wait before the next time."""

    at: int
    pause: int


class Revivals:
    """Which webhooks to switch on now: one that falls again and again waits longer each time."""

    def __init__(self) -> None:
        """Begin with none that fell."""
        self._falls: dict[str, _Fall] = {}

    def due(self, hooks: Iterable[Hook], now: int) -> list[str]:
        """
        Return the numbers of the webhooks to switch on; those that stay on are forgotten after a while.

        What a person has paused is a person's to switch on.
        """
        seen = {hook.number: hook.on or hook.paused for hook in hooks}
        self._falls = {
            number: fall
            for number, fall in self._falls.items()
            if number in seen and not (seen[number] and now - fall.at >= max(STEADY_MS, fall.pause))
        }
        return [number for number, on in seen.items() if not on and self._ready(number, now)]

    def _ready(self, number: str, now: int) -> bool:
        fall = self._falls.get(number)
        return fall is None or now - fall.at >= fall.pause

    def tried(self, number: str, now: int) -> int:
        """Note that a webhook was switched on; returns how long to wait before the next time, milliseconds."""
        fall = self._falls.get(number)
        pause = PAUSE_MS if fall is None else min(2 * fall.pause, PAUSE_MAX_MS)
        self._falls[number] = _Fall(at=now, pause=pause)
        return pause


def missing(wanted: Sequence[str], hooks: Iterable[Hook]) -> list[str]:
    """Return the topics for which there is no webhook, on or off."""
    there = {hook.topic for hook in hooks}
    return [topic for topic in wanted if topic not in there]
