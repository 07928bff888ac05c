"""The topic `listing` in memory: which of a channel's listings sells which SKU."""

import logging
from collections.abc import Callable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from ingest import metrics
from ingest.follower import Follower
from schemas import codec
from schemas.channel_records import Listing
from schemas.config import Config
from schemas.ids import listing_key
from schemas.shapes import WireError
from schemas.topics import LISTING
from schemas.variations import ONLY

LOG = logging.getLogger(__name__)
BATCH = 500
POLL_S = 0.2


class Listings(Follower):
    """
    A view that one thread keeps up to date; `changes` counts what it took up.

    A listing whose SKU changes moves to another partition and is closed in its old one; the two records come in any
    order, so each partition's is kept by itself and an end counts for its own partition only.  While two stand, the
    one that came last is in force.

    A listing is found by `listing/variation` too, and one without a variation as the only product of its channel's
    listing: it may have got its own id when its channel had another name for it, and an order's line names it as it is
    called now.  What several are called finds none of them.

    Plain dicts, read by the event loop and written by the thread: each access is one step of the interpreter, the
    inner ones are replaced and never changed, and a reader needs no more than one listing.
    """

    def __init__(self, config: Config) -> None:
        """Remember where to read; `start` begins."""
        super().__init__("listings")
        self.changes = 0
        self._config = config
        self._table: dict[bytes, dict[int, Listing]] = {}
        self._names: dict[bytes, frozenset[bytes]] = {}

    def find(self, channel: str, listing_id: str) -> Listing | None:
        """Return a listing by its id, or by what else it is called; None where there is none."""
        key = listing_key(channel, listing_id)
        places = self._table.get(key) or self._table.get(self._called(key))
        return [*places.values()][-1] if places else None

    def _called(self, name: bytes) -> bytes:
        keys = self._names.get(name, frozenset())
        return next(iter(keys)) if len(keys) == 1 else b""

    def _run(self) -> None:
        partitions = range(self._config.kafka.partitions)
        topic = self._config.kafka.topic(LISTING)
        consumer = Consumer(self._config.kafka.consumer("ingest-listings", enable_partition_eof="true"), logger=LOG)
        try:
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            self._follow(consumer.consume, set(partitions))
        finally:
            consumer.close()

    def _follow(self, consume: Callable[[int, float], list[Message]], unread: set[int]) -> None:
        while not self._stopped.is_set():
            for message in consume(BATCH, POLL_S):
                error = message.error()
                if error is None:
                    self.apply(message.partition() or 0, message.key() or b"", message.value())
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's public name for it
                    unread.discard(message.partition())
                else:
                    LOG.warning("listings: %s", error.name())
            metrics.LISTINGS.set(len(self._table))
            if not unread:
                self._loaded.set()

    def apply(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take up one record: a listing, or (null) its end; one that cannot be read leaves the older one in force."""
        others = {place: listing for place, listing in self._table.get(key, {}).items() if place != partition}
        try:
            places = others if value is None else {**others, partition: codec.decode(Listing, value)}
        except WireError as error:
            metrics.LISTING_FAULTS.inc()
            LOG.error("listing %r: %s", key, error)  # noqa: TRY400 - the sentence is enough, the trace is ours
            return
        self._rename(key, self._table.get(key, {}), places)
        if places:
            self._table[key] = places
        else:
            self._table.pop(key, None)
        self.changes += 1

    def _rename(self, key: bytes, before: Mapping[int, Listing], after: Mapping[int, Listing]) -> None:
        was, now = (
            {name for one in places.values() if (name := _name(one)) is not None and name != key}
            for places in (before, after)
        )
        for name in was - now:
            self._names[name] -= {key}
            if not self._names[name]:
                del self._names[name]
        for name in now - was:
            self._names[name] = self._names.get(name, frozenset()) | {key}


def _name(listing: Listing) -> bytes | None:
    own, variation = listing.ids.get("listing"), listing.ids.get("variation") or ONLY
    return listing_key(listing.channel, f"{own}/{variation}") if own else None
