"""
What is committed beside a position, as its metadata: whose offset it is, and what a lane must not forget (pure).

A group's position is the one thing that a lane, its successor and an operator's command all read and write, each in a
transaction of the partition's one producer.  So what an operator has decided travels with the position, and is there
for whoever owns the partition next.
"""

from dataclasses import dataclass, replace

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

    """

    topic_id: str
    told: str = ""
    moved: bool = False
    ahead: int | None = None

    def text(self) -> str:
        """Return the metadata: the topic's id alone, unless there is more to say."""
        more = {
            "moved" if self.moved else "told": self.told,
            "ahead": "" if self.ahead is None else str(self.ahead),
        }
        return SEPARATOR.join([self.topic_id, *(f"{name}={value}" for name, value in more.items() if value)])

    def at(self, offset: int) -> "Mark":
        """Return what a lane commits with `offset`: its own word, without what the log has outgrown."""
        ahead = self.ahead if self.ahead is not None and offset <= self.ahead else None
        return replace(self, told="", moved=False, ahead=ahead)


def read(text: str) -> Mark:
    """Return the mark in a position's metadata; what a newer version has added is passed over."""
    topic_id, *words = text.split(SEPARATOR)
    found = dict(word.partition("=")[::2] for word in words)
    ahead = found.get("ahead", "")
    return Mark(
        topic_id=topic_id,
        told=found.get("moved", found.get("told", "")),
        moved="moved" in found,
        ahead=int(ahead) if ahead.isdecimal() else None,
    )
