"""What a reading was, once it is in Kafka: counted by closed lists, and named in the log with its order."""

import logging
from collections import Counter
from collections.abc import Iterable

from ingest import metrics
from ingest.lines import Messages
from ingest.webhook import Ignored, Reading

LOG = logging.getLogger(__name__)
NO_LINE = frozenset({Ignored.ITEM_LEVEL, Ignored.OTHER_EVENT})
"""Said of whole messages that come with every order or have none: counted, and not worth a line each."""


def count(channel: str, topic: str, reading: Reading, ready: Messages) -> None:
    """
    Count one reading.

    Args:
        channel: whose it is.
        topic: the event's name, out of its kind's closed list.
        reading: what was read.
        ready: the records that it became.

    """
    told = {"channel": channel, "orderId": reading.order}
    ignored(channel, reading.order, reading.ignored)
    for reason, times in ready.reasons.items():
        metrics.DEAD_LETTERS.labels(channel, reason).inc(times)
        LOG.warning("%d dead letters: %s", times, reason, extra=told)
    if reading.poll:
        metrics.POLL_WAKES.labels(channel, topic).inc()


def ignored(channel: str, order: str, reasons: Iterable[Ignored]) -> None:
    """Count an order's lines that are not ours to count, and name it in the log."""
    told = {"channel": channel, "orderId": order}
    for why, times in Counter(reasons).items():
        metrics.IGNORED_LINES.labels(channel, why).inc(times)
        LOG.log(logging.DEBUG if why in NO_LINE else logging.INFO, "%d lines not counted: %s", times, why, extra=told)
