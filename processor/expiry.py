"""
When order lines may be forgotten.

The rule judges a line by the record that comes: one that was decided more than a horizon before the record was
received is as unknown as one that the tables do not have.  So forgetting it changes nothing, as long as no record can
come any more that was received within a horizon of it.  That is known by looking: once everything is decided that
stood in the source topics at some time, all further records were received after that time, or not long before.
"""

from collections.abc import Mapping

from aiokafka import TopicPartition

SLACK_MS = 60_000
"""How long a record may be on its way from receipt to the log, the difference of clocks included."""
SLACK_PART = 10
"""The slack is at most this part of the horizon."""


def cutoff(decided_until: int, horizon_ms: int) -> int:
    """Return the time (ms) before which lines may be forgotten, given that all is decided that stood there then."""
    return decided_until - horizon_ms - min(SLACK_MS, horizon_ms // SLACK_PART)


class Passed:
    """Remembers, by partition, up to which time (ms) everything is decided that stood in its sources."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._until: dict[int, int] = {}
        self._marks: dict[int, tuple[int, dict[TopicPartition, int]]] = {}

    def note(self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], now: int) -> None:
        """Take in how far every open partition is, where its sources end, and the time (ms) before both were read."""
        mine = {tp.partition for tp in positions}
        self._until = {partition: at for partition, at in self._until.items() if partition in mine}
        self._marks = {partition: mark for partition, mark in self._marks.items() if partition in mine}
        for partition in mine:
            here = {tp: end for tp, end in ends.items() if tp.partition == partition}
            at, marked = self._marks.setdefault(partition, (now, here))
            if all(positions.get(tp, -1) >= end for tp, end in marked.items()):
                self._until[partition] = at
                self._marks[partition] = (now, here)

    def until(self) -> dict[int, int]:
        """Return that time for every partition of which it is known."""
        return dict(self._until)
