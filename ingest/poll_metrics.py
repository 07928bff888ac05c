"""Every metric of an order poller, with what it tells."""

from prometheus_client import Counter, Gauge

CALLS = Counter("lastunit_ingest_poll_calls_total", "Calls for orders by what came of them.", ["channel", "answer"])
ORDERS = Counter("lastunit_ingest_poll_orders_total", "Orders that were read.", ["channel"])
LINES = Counter(
    "lastunit_ingest_poll_lines_total", "Line states that Kafka acknowledged, changed or gone.", ["channel", "why"]
)
DEAD_LETTERS = Counter("lastunit_ingest_poll_dead_letters_total", "Lines and orders given up.", ["channel"])
WATERMARK = Gauge(
    "lastunit_ingest_poll_watermark_seconds", "Up to where all orders are in Kafka, Unix time.", ["channel"]
)
FINISHED = Gauge(
    "lastunit_ingest_poll_finished_seconds", "When a reading last came to its end, Unix time.", ["channel"]
)
DENIED = Gauge("lastunit_ingest_poll_denied_count", "1 while the channel refuses the credentials.", ["channel"])
FAILURES = Gauge(
    "lastunit_ingest_poll_failures_count", "Calls that failed since the last one that did not.", ["channel"]
)
TORN = Gauge("lastunit_ingest_poll_torn_count", "Orders with a line that may have left them.", ["channel"])
NAMED = Gauge(
    "lastunit_ingest_poll_named_count", "Orders that webhooks named and that are still to be read.", ["channel"]
)
NEVER_SHOWN = Counter(
    "lastunit_ingest_poll_never_shown_total", "Orders that a webhook named and the channel did not show.", ["channel"]
)
WATCH_OFF = Gauge("lastunit_ingest_watch_off_count", "Webhooks that the channel has switched off.", ["channel"])
WATCH_MISSING = Gauge(
    "lastunit_ingest_watch_missing_count", "Topics for which the channel has no webhook.", ["channel"]
)
WATCH_REVIVED = Counter("lastunit_ingest_watch_revived_total", "Webhooks that were switched on again.", ["channel"])
WATCH_FAILURES = Gauge(
    "lastunit_ingest_watch_failures_count", "Looks at the webhooks that failed since the last one.", ["channel"]
)
