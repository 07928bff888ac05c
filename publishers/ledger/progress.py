"""How far each partition is, purely: what must stand in the database, and when its end was last seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from publishers.ledger.batch import Batch, Slot, Taken
from publishers.ledger.places import Place
from publishers.ledger.rows import Feed, Position


@dataclass(slots=True, kw_only=True)
class Progress:
    """
    The state of one beginning; thrown away whole at the next.

    Args:
        feeds: what each topic is to the ledger.
        ids: the topics' ids.
        next_offset: the next offset of every partition, as the database has it.
        seen_s: when each partition's end was last seen, in seconds of the caller's clock.
        at_end: the partitions of which nothing came since.

    """

    feeds: Mapping[str, Feed]
    ids: Mapping[str, str]
    next_offset: dict[Slot, int]
    seen_s: dict[Slot, float]
    at_end: set[Slot] = field(default_factory=set)

    def batch(self, taken: Iterable[Taken], *, tick: bool) -> Batch:
        """Return what to write for these; with `tick`, also that the quiet partitions are still at their end."""
        batch = self._empty()
        items = list(taken)
        for item in items:
            position = self._position((item.topic, item.partition), item.offset)
            if item.end:
                batch.end(item.topic, position)
            else:
                batch.add(item.topic, position, item.key, item.value)
        if tick:
            for slot in self.at_end - {(item.topic, item.partition) for item in items}:
                batch.end(slot[0], self._position(slot, self.next_offset[slot]))
        return batch

    def expired(self, places: Mapping[Slot, Place]) -> Batch:
        """Return what to write for records that Kafka deleted before they were read."""
        batch = self._empty()
        for slot, found in places.items():
            if found.expired:
                batch.expire(slot[0], self._position(slot, found.offset - found.expired), found.offset)
        return batch

    def _empty(self) -> Batch:
        positions = {(self.ids[topic], part): offset for (topic, part), offset in self.next_offset.items()}
        return Batch(self.feeds, positions)

    def _position(self, slot: Slot, offset: int) -> Position:
        return Position(topic_id=self.ids[slot[0]], partition=slot[1], offset=offset)

    def written(self, batch: Batch, now_s: float) -> dict[Slot, int]:
        """Take over what a written batch moved, and return it."""
        moved = {(move.topic, part): move for (_, part), move in batch.moves.items()}
        self.next_offset |= {slot: move.next_offset for slot, move in moved.items()}
        self.at_end = (self.at_end - set(moved)) | {slot for slot, move in moved.items() if move.at_end}
        self.seen_s |= dict.fromkeys(self.at_end, now_s)
        return {slot: move.next_offset for slot, move in moved.items()}

    def lag(self, ends: Mapping[Slot, int]) -> dict[str, int]:
        """Return by topic how many offsets lie between us and the ends that the brokers told."""
        lag = dict.fromkeys(self.ids, 0)
        for slot, offset in self.next_offset.items():
            if slot not in self.at_end:
                lag[slot[0]] += max(0, ends.get(slot, offset) - offset)
        return lag

    def behind_s(self, now_s: float) -> float:
        """Return how long ago the end of the slowest partition was last seen."""
        return now_s - min(self.seen_s.values(), default=now_s)
