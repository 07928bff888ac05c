"""Which partitions stand still though records wait: what no library's error has told."""

from collections.abc import Mapping

from aiokafka import TopicPartition


class Progress:
    """
    Remembers since when each partition has decided nothing while there was something to decide.

    A fetcher, a stream or a connection that ends without a word leaves every part of a worker healthy and idle; only
    this shows it.  A partition counts as a whole: its orders rightly wait for its adjustments.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._ends: Mapping[TopicPartition, int] = {}
        self._behind: dict[int, tuple[int, float]] = {}

    def note(self, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], now: float) -> None:
        """Take in how far every open partition is, where its log ends if that is known, and the time (s)."""
        self._ends = ends
        self.moved(positions, now)

    def moved(self, positions: Mapping[TopicPartition, int], now: float) -> None:
        """Take in how far every open partition is at a time (s): the logs' ends may take long to be looked up again."""
        behind = {tp.partition for tp, position in positions.items() if position < self._ends.get(tp, position)}
        decided = dict.fromkeys(behind, 0)
        for tp, position in positions.items():
            if tp.partition in behind:
                decided[tp.partition] += position
        self._behind = {partition: self._at(partition, count, now) for partition, count in decided.items()}

    def _at(self, partition: int, decided: int, now: float) -> tuple[int, float]:
        known = self._behind.get(partition)
        return known if known is not None and known[0] == decided else (decided, now)

    def still_s(self, now: float) -> float:
        """Return for how long the worst partition has stood still, seconds."""
        return max((now - since for _, since in self._behind.values()), default=0.0)
