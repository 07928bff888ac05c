"""Where a lane goes on reading: a position is (topic id, partition, offset), and doubt stops the partition."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    Everything that is known of one source partition when its lane opens; all offsets are "next to read" but `in_state`.

    Args:
        topic_id: the topic's id now; a topic that was deleted and made again has another.
        committed: the group's position, None where there is none.
        committed_id: the topic id that it was committed for.
        in_state: the highest offset of this topic id in the tables.
        start: the first offset that the log still has.
        end: the offset after its last record.
        former: ids in the tables of topics that are no source now.

    """

    topic_id: str
    committed: int | None
    committed_id: str
    in_state: int | None
    start: int
    end: int
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """The partition must not go on by itself, with the reason for an operator."""

    reason: str


def resume(known: Evidence) -> int | Stop:
    """
    Return the offset to go on at, or why there is none.

    It is the greater of the group's position and the one after the tables' highest: both are written in one
    transaction, so they differ only where the group's position was lost or set back, and then the tables are right.
    """
    if known.committed is not None and known.committed_id not in ("", known.topic_id):
        return Stop(
            f"the topic was made anew: its id is {known.topic_id}, the position belongs to {known.committed_id}"
        )
    if known.committed is None and known.in_state is None and known.former:
        # Brokers forget a group's positions in a topic that is deleted; the tables remember that there was one.
        return Stop(
            f"the topic was made anew: its id is {known.topic_id}, the tables belong to {', '.join(known.former)}"
        )
    marks = [mark for mark in (known.committed, _after(known.in_state)) if mark is not None]
    position = max(marks, default=known.start)
    if position < known.start:
        return Stop(f"offsets {position} to {known.start - 1} were deleted before they were read")
    if position > known.end:
        return Stop(f"the log ends at {known.end}, but {position - 1} was read already: it was truncated")
    return position


def _after(offset: int | None) -> int | None:
    return None if offset is None else offset + 1
