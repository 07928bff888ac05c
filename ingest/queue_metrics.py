"""Every metric of the queue process, with what it tells."""

from prometheus_client import Counter, Gauge

MESSAGES = Counter(
    "lastunit_ingest_queue_messages_total",
    "Messages that Kafka acknowledged, by channel and queue.",
    ["channel", "queue"],
)
DELETED = Counter("lastunit_ingest_queue_deleted_total", "Messages deleted from the queue.", ["channel", "queue"])
RETRIES = Counter(
    "lastunit_ingest_queue_retries_total",
    "Batches that Kafka had not acknowledged and that were sent again.",
    ["channel"],
)
LAG = Gauge(
    "lastunit_ingest_queue_lag_seconds",
    "How long the oldest message of the last batch had waited.",
    ["channel", "queue"],
)
DENIED = Gauge("lastunit_ingest_queue_denied_count", "1 while AWS refuses the credentials.", ["channel", "queue"])
FAILURES = Gauge(
    "lastunit_ingest_queue_failures_count", "Calls that failed since the last one that did not.", ["channel", "queue"]
)
