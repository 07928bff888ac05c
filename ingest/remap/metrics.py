"""Every metric of the service that counts unmapped lines once their listing is there."""

from prometheus_client import Counter, Gauge

WAITING = Gauge("lastunit_ingest_unmapped_lines_count", "Order lines that wait for their listing.", ["channel"])
REPLAYED = Counter(
    "lastunit_ingest_remapped_lines_total", "Order lines that were counted once their listing was there.", ["channel"]
)
MISSED = Gauge("lastunit_ingest_unmapped_missed_count", "Dead letters that there was no room to keep in mind.")
