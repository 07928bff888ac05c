"""Every metric of the ingest service, with what it tells."""

from prometheus_client import Counter, Gauge, Histogram

WEBHOOKS = Counter(
    "lastunit_ingest_webhooks_total", "Webhooks by channel, topic and answer.", ["channel", "topic", "answer"]
)
ACK_SECONDS = Histogram(
    "lastunit_ingest_ack_seconds",
    "From a webhook's last byte to its answer.",
    ["channel"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)
IGNORED_LINES = Counter(
    "lastunit_ingest_ignored_lines_total", "Order lines that are not ours to count.", ["channel", "reason"]
)
DEAD_LETTERS = Counter("lastunit_ingest_dead_letters_total", "Lines and bodies given up.", ["channel", "reason"])
POLL_WAKES = Counter(
    "lastunit_ingest_poll_wakes_total", "Webhooks that only the order poll can answer.", ["channel", "topic"]
)
KEY_FETCHES = Counter(
    "lastunit_ingest_key_fetches_total",
    "Public keys asked for by what came of it: found, unknown, failed, held_back (too many unknown names).",
    ["channel", "answer"],
)
RECORDS = Counter("lastunit_ingest_records_total", "Records that Kafka acknowledged.", ["topic"])
SEND_FAILURES = Counter("lastunit_ingest_send_failures_total", "Batches that Kafka did not acknowledge in time.")
ADJUSTMENTS = Counter("lastunit_ingest_adjustments_total", "Requests to adjust stock by answer.", ["answer"])
LISTINGS = Gauge("lastunit_ingest_listings_count", "Listings in memory.")
LISTING_FAULTS = Counter("lastunit_ingest_listing_faults_total", "Listing records that could not be read.")
IN_FLIGHT = Gauge("lastunit_ingest_in_flight_count", "Requests under way.")
