"""The processor's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from processor.plan import Plan

BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
SECONDS_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Everything that `/metrics` shows, in a registry of its own."""

    def __init__(self) -> None:
        """Create all metrics, so that a rate is there before its first event."""
        self.registry = CollectorRegistry()
        self.decisions = Counter(
            "lastunit_processor_decisions",
            "Decisions written, by result; adjustments are decisions too.",
            ["result"],
            registry=self.registry,
        )
        self.ignored = Counter(
            "lastunit_processor_ignored",
            "Records that changed nothing: duplicates and stale ones.",
            ["reason"],
            registry=self.registry,
        )
        self.oversells = Counter(
            "lastunit_processor_oversell_detected",
            "Order lines that asked for more than there was.",
            registry=self.registry,
        )
        self.dead_letters = Counter(
            "lastunit_processor_dead_letters",
            "Records that could not be decided, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.batch = Histogram(
            "lastunit_processor_batch_records",
            "Records decided in one transaction.",
            buckets=BATCH_BUCKETS,
            registry=self.registry,
        )
        self.transaction = Histogram(
            "lastunit_processor_transaction_seconds",
            "From the beginning of a transaction to its commit.",
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )
        self.retries = Counter(
            "lastunit_processor_transaction_retries",
            "Transactions that failed or whose outcome had to be found out.",
            registry=self.registry,
        )
        self.lag = Gauge(
            "lastunit_processor_lag_records",
            "Records of a source partition that are not decided yet.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.oldest = Gauge(
            "lastunit_processor_oldest_record_seconds",
            "For how long the oldest record that is not decided yet has been waiting.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.stable = Gauge(
            "lastunit_processor_stable_offset_seconds",
            "For how long an open transaction has kept readers of committed records from what stands behind it.",
            ["topic", "partition"],
            registry=self.registry,
        )
        self.lanes = Gauge(
            "lastunit_processor_lanes",
            "Partitions of this worker, by state.",
            ["state"],
            registry=self.registry,
        )
        self.standby_lag = Gauge(
            "lastunit_processor_standby_lag_records",
            "Records of the tables' topics that this standby has not read yet; no series while it catches up at first.",
            ["partition"],
            registry=self.registry,
        )
        self.warming = Gauge(
            "lastunit_processor_warming_count",
            "Partitions whose tables this worker still reads before it joins the group.",
            registry=self.registry,
        )
        self.forgotten = Counter(
            "lastunit_processor_forgotten_lines",
            "Rows of lines looked at because they had grown older than the dedupe horizon.",
            registry=self.registry,
        )
        self.rows = Gauge(
            "lastunit_processor_table_records",
            "Records in the tables of this worker's own partitions; an estimate where they are on disk.",
            ["table"],
            registry=self.registry,
        )
        self.recovered = Counter(
            "lastunit_processor_recovered_records",
            "Table records read back from the topics.",
            registry=self.registry,
        )
        self.recovery = Histogram(
            "lastunit_processor_recovery_seconds",
            "From the fence of a partition to its first position.",
            buckets=SECONDS_BUCKETS,
            registry=self.registry,
        )

    def committed(self, plan: Plan, records: int, seconds: float) -> None:
        """Count what one transaction has made true."""
        for result, count in plan.results.items():
            self.decisions.labels(result).inc(count)
        for reason, count in plan.ignored.items():
            self.ignored.labels(reason).inc(count)
        for reason, count in plan.dead.items():
            self.dead_letters.labels(reason).inc(count)
        self.oversells.inc(plan.results["insufficient"])
        self.batch.observe(records)
        self.transaction.observe(seconds)
