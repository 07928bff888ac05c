"""
What is committed beside a position, as its metadata: whose offset it is, and what a lane must not forget (pure).

A group's position is the one thing that a lane, its successor and an operator's command all read and write, each in a
transaction of the partition's one producer.  So what an operator has decided travels with the position, and is there
for whoever owns the partition next.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from processor.limit import Limit

SEPARATOR = " "


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """
    The metadata of a position.

    Args:
        topic_id: the topic's id at the time; "" where no worker has written the position.
        told: names the operator's command that wrote it, "" where a lane did.
        moved: whether that command moved the position: then it counts whatever the tables say.
        ahead: the highest offset in the tables that means nothing any more, since the log was cut before it.
        dead: the offsets that were given up lately, rising.
        accept: below this offset an operator has accepted that records are given up: they do not count.
        state: the highest offset of which levels were written: the tables have it, or lack what was committed.

    """

    topic_id: str
    told: str = ""
    moved: bool = False
    ahead: int | None = None
    dead: tuple[int, ...] = ()
    accept: int = 0
    state: int | None = None

    def text(self) -> str:
        """Return the metadata: the topic's id alone, unless there is more to say."""
        steps = [*self.dead[:1], *(later - earlier for earlier, later in pairwise(self.dead))]
        more = {
            "moved" if self.moved else "told": self.told,
            "ahead": "" if self.ahead is None else str(self.ahead),
            "dead": ",".join(map(str, steps)),
            "accept": str(self.accept) if self.accept else "",
            "state": "" if self.state is None else str(self.state),
        }
        return SEPARATOR.join([self.topic_id, *(f"{name}={value}" for name, value in more.items() if value)])

    def given_up(self, offsets: Sequence[int]) -> tuple[int, ...]:
        """Return what has been given up once `offsets` are as well, as far as it counts."""
        return (*self.dead, *(offset for offset in offsets if offset >= self.accept))

    def after(self, upto: int, offsets: Sequence[int], state: int | None, limit: Limit) -> "Mark":
        """
        Return what a lane commits with position `upto`, without what is outgrown.

        The lane gives up `offsets`, and writes levels of up to offset `state`; None where it writes none.
        """
        state = max((known for known in (self.state, state) if known is not None), default=None)
        if not (self.told or self.dead or offsets or self.accept or self.ahead is not None):
            return replace(self, state=state)
        return Mark(
            topic_id=self.topic_id,
            ahead=self.ahead if self.ahead is not None and upto <= self.ahead else None,
            dead=limit.lately(self.given_up(offsets), upto),
            accept=self.accept if upto < self.accept else 0,
            state=state,
        )


def read(text: str) -> Mark:
    """Return the mark in a position's metadata; what a newer version has added is passed over."""
    topic_id, *words = text.split(SEPARATOR)
    found = dict(word.partition("=")[::2] for word in words)
    ahead, state = _numbers(found.get("ahead", "")), _numbers(found.get("state", ""))
    return Mark(
        topic_id=topic_id,
        told=found.get("moved", found.get("told", "")),
        moved="moved" in found,
        ahead=ahead[0] if ahead else None,
        dead=tuple(accumulate(_numbers(found.get("dead", "")))),
        accept=sum(_numbers(found.get("accept", ""))),
        state=state[0] if state else None,
    )


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part.isdecimal()]
