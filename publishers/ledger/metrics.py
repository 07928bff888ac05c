"""What the ledger counts."""

from prometheus_client import Counter, Gauge, Histogram

LAG = Gauge("lastunit_ledger_lag_records", "Offsets between the ledger's position and the partition's end.", ["topic"])
ROWS = Counter(
    "lastunit_ledger_rows_total",
    "Rows written to PostgreSQL; ledger_faults holds what no reader understood.",
    ["table"],
)
RECORDS = Counter("lastunit_ledger_records_total", "Records read and written down.")
BATCH = Histogram("lastunit_ledger_batch_seconds", "How long one batch took to write.")
UP = Gauge("lastunit_ledger_postgres_up", "1 while PostgreSQL takes what the ledger writes.")
BEHIND = Gauge("lastunit_ledger_behind_seconds", "How long ago the ledger last saw the end of every partition.")
SUSPENSIONS = Counter("lastunit_ledger_suspensions_total", "Times that writing failed, to be begun again.")
REFUSED = Gauge("lastunit_ledger_partitions_refused", "Partitions that are not read; /healthz says why.")
