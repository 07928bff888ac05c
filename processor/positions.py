"""Where a lane goes on reading: a position is (topic id, partition, offset), and doubt stops the partition."""

from dataclasses import dataclass

from processor.marks import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    Everything that is known of one source partition when its lane opens; all offsets are "next to read" but `in_state`.

    Args:
        topic_id: the topic's id now; a topic that was deleted and made again has another.
        committed: the group's position, None where there is none.
        mark: what was committed with it.
        in_state: the highest offset of this topic id in the tables.
        start: the first offset that the log still has.
        end: the offset after its last record.
        former: ids in the tables of topics that are no source now.

    """

    topic_id: str
    committed: int | None
    mark: Mark
    in_state: int | None
    start: int
    end: int
    former: tuple[str, ...] = ()

    @property
    def counted(self) -> int | None:
        """The highest offset in the tables that still means a record of this log."""
        ahead = self.mark.ahead
        return None if self.in_state is None or (ahead is not None and self.in_state <= ahead) else self.in_state


@dataclass(frozen=True, slots=True)
class Stop:
    """The partition must not go on by itself, with the reason for an operator."""

    reason: str


@dataclass(frozen=True, slots=True)
class Behind(Stop):
    """The tables lack what was committed with the position: their log was cut, or told by a leader that is none now."""


def resume(known: Evidence) -> int | Stop:
    """
    Return the offset to go on at, or why there is none.

    It is the greater of the group's position and the one after the tables' highest: both are written in one
    transaction, so they differ only where the group's position was lost or set back, and then the tables are right.
    A position that `skip` has written counts as it is.
    """
    position = known.start if (found := _position(known)) is None else found
    if isinstance(position, Stop):
        return position
    if position < known.start:
        return Stop(f"offsets {position} to {known.start - 1} were deleted before they were read")
    if position > known.end:
        return Stop(f"the log ends at {known.end}, but {position - 1} was read already: it was truncated")
    return position


def _position(known: Evidence) -> int | Stop | None:
    decided = None if known.counted is None else known.counted + 1
    if known.committed is None:
        if decided is None and known.former:
            # Brokers forget a group's positions in a topic that is deleted; the tables remember that there was one.
            return _anew(known, f"the tables belong to {', '.join(known.former)}")
        return decided
    if known.mark.topic_id not in ("", known.topic_id):
        return _anew(known, f"the position belongs to {known.mark.topic_id}")
    if known.mark.moved:
        return known.committed
    if not known.mark.topic_id and known.committed > (known.start if decided is None else decided):
        # Set back by somebody it is harmless: the tables know better, and what is read again is known.
        return Stop(f"the group's position {known.committed} was set by nobody of ours: it may pass over records")
    return _backed(known, max(known.committed, -1 if decided is None else decided))


def _backed(known: Evidence, position: int) -> int | Behind:
    """Return `position` if the tables have the levels that were written with it."""
    state, found = known.mark.state, known.in_state
    if state is None or (found is not None and found >= state):
        return position
    have = "nothing" if found is None else f"what came of the records up to {found}"
    return Behind(
        f"levels of records up to {state} were committed, but the tables' topics have {have}: they were cut, and "
        "decisions are lost"
    )


def _anew(known: Evidence, evidence: str) -> Stop:
    return Stop(f"the topic was made anew: its id is {known.topic_id}, {evidence}")


def carried(known: Evidence) -> Mark:
    """Return the mark with which a lane that opens on this evidence goes on committing."""
    ahead = known.mark.ahead
    if known.mark.moved and known.in_state is not None and known.in_state >= (known.committed or 0):
        ahead = max(known.in_state, -1 if ahead is None else ahead)
    if known.mark.topic_id != known.topic_id:
        return Mark(topic_id=known.topic_id)
    dead = tuple(offset for offset in known.mark.dead if offset < (known.committed or 0))
    return Mark(topic_id=known.topic_id, ahead=ahead, dead=dead, accept=known.mark.accept, state=known.mark.state)
