"""What a publisher measures, by channel."""

from collections.abc import Collection, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from publishers.calling import Calling
from publishers.controller import Controller
from publishers.findings import Findings
from publishers.push import NAMES, TELL, Answer, Response, Throttled
from publishers.work import Call, Gate
from schemas.settings import Order
from schemas.words import IncidentKind, Status

SOON_MS = 30_000
"""A limit that leaves room within this time paces the calls; one that does not is used up."""
LAG_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 3, 5, 8, 15, 30, 60, 300, 900)


class Metrics:
    """The publisher's metrics in a registry of their own."""

    def __init__(self, channel: str) -> None:
        """Make every metric with its channel's label."""
        self.registry = CollectorRegistry()
        self._channel = channel
        of, and_verdict = ["channel"], ["channel", "verdict"]

        def gauge(name: str, text: str) -> Gauge:
            made = Gauge(f"lastunit_publisher_{name}", text, of, registry=self.registry)
            made.labels(channel)
            return made

        self._calls = Counter(
            "lastunit_publisher_calls_total",
            "Calls by the verdict of their first row.",
            and_verdict,
            registry=self.registry,
        )
        self._requests = Counter(
            "lastunit_publisher_requests_total",
            "Requests by what they were for and by HTTP status, 0 where no answer came.",
            [*of, "purpose", "status"],
            registry=self.registry,
        )
        self._rows = Counter("lastunit_publisher_rows_total", "Rows by verdict.", and_verdict, registry=self.registry)
        self._throttles = Counter(
            "lastunit_publisher_throttles_total", "Calls that the channel throttled.", of, registry=self.registry
        )
        self._lag = Histogram(
            "lastunit_publisher_lag_seconds",
            "From a level's change, or that of a rule, to the channel's acceptance of it.",
            of,
            registry=self.registry,
            buckets=LAG_S,
        )
        self._applied = Histogram(
            "lastunit_publisher_applied_seconds",
            "From a channel's acceptance of a number until a read-back showed it, where the channel applies later.",
            of,
            registry=self.registry,
            buckets=LAG_S,
        )
        self._call_time = Histogram(
            "lastunit_publisher_call_seconds", "Duration of requests.", of, registry=self.registry, buckets=LAG_S
        )
        self._dirty = gauge("dirty_skus", "SKUs whose number differs from what the channel shows.")
        self._oldest = gauge("oldest_dirty_seconds", "How long the SKU that differs longest has differed.")
        self._late = gauge("oldest_hot_seconds", "How long a hot SKU has differed that might be told.")
        self._ready = gauge("oldest_ready_seconds", "The same of any SKU, while channel and limits allow calls.")
        self._circuit = gauge("circuit_open", "1 while only probes are sent.")
        self._dead = gauge("dead_skus", "SKUs that were given up and whose dead letters are open.")
        self._held = gauge("held_count", "Listings whose 0 the brake holds.")
        self._untold = gauge("untold_count", "Incidents whose beginning or end nobody has been told of yet.")
        self._rules = gauge("rules_refused", "1 while the newest configuration is refused and older rules hold.")
        self._slack = gauge("slack_refused", "1 while Slack refuses a message, or is not there any more.")
        self._incidents = Gauge(
            "lastunit_publisher_incidents_count", "Open incidents by kind.", [*of, "kind"], registry=self.registry
        )
        self._retrying = gauge("retrying_skus", "SKUs that wait for their next attempt.")
        self._hidden = gauge("hidden_units", "Units that the channel has sold and whose orders have not arrived.")
        self._active = gauge("active", "1 in the process that tells this channel.")
        self._pushing = gauge("pushing", "1 while calls are made: not in shadow mode, not stopped, not refused.")
        self._refused = gauge("refused", "1 while the channel refuses our credentials or configuration.")
        self._undecodable = gauge("undecodable_records", "Records that could not be read since the start.")
        self._unconfirmed = gauge("unconfirmed_count", "Listings whose number was accepted and does not show yet.")
        self._reconciled = gauge("reconciled_seconds", "How long ago all that the channel shows was read last.")
        self._every = gauge("reconcile_interval_seconds", "How often all of it is to be read; 0 is never.")
        self._drifts = Counter(
            "lastunit_publisher_drifts_total",
            "Numbers that a read-back found wrong, or not judged yet, by cause.",
            [*of, "cause"],
            registry=self.registry,
        )
        self._counted = Findings(channel), dict[str, int]()

    def incidents(self, opened: Collection[IncidentKind], untold: int, *, refused: bool, by_slack: bool) -> None:
        """Show which incidents are open, how many are untold, and what is refused: a configuration, or by Slack."""
        for kind in IncidentKind:
            self._incidents.labels(self._channel, kind).set(kind in opened)
        self._untold.labels(self._channel).set(untold)
        self._rules.labels(self._channel).set(refused)
        self._slack.labels(self._channel).set(by_slack)

    def requested(self, call: Call, response: Response, duration_ms: int) -> None:
        """Count a request; a call may take several."""
        self._requests.labels(self._channel, call.purpose, response.status).inc()
        self._call_time.labels(self._channel).observe(duration_ms / 1_000)

    def called(self, call: Call, answer: Answer, lags_ms: Sequence[int]) -> None:
        """Count a call, its rows and the lags of what was taken."""
        names = [NAMES[type(verdict)] for verdict in answer.verdicts]
        self._calls.labels(self._channel, names[0]).inc()
        for name in set(names):
            self._rows.labels(self._channel, name).inc(names.count(name))
        self._throttles.labels(self._channel).inc(isinstance(answer.verdicts[0], Throttled))
        if not call.reads:
            for lag in lags_ms:
                self._lag.labels(self._channel).observe(lag / 1_000)

    def show(self, controller: Controller, undecodable: int, now: int) -> bytes:
        """Bring the gauges up to date and return everything in Prometheus's text format."""
        tasks, oldest = controller.tasks, controller.tasks.queue.oldest()
        pushing = controller.gate is Gate.PUSH and controller.calling.refused is None
        late, ready = tasks.queue.late(now)
        values = {
            self._dirty: len(tasks.queue),
            self._oldest: _age(oldest, now),
            self._late: _age(late if tasks.demand.order is Order.RISK else None, now),
            self._ready: _age(ready if _may_tell(controller.calling, now) else None, now),
            self._circuit: controller.calling.circuit.is_open,
            self._dead: sum(map(len, tasks.letters.values())),
            self._held: len(tasks.book.brake.held),
            self._retrying: len(tasks.troubled[Status.RETRYING]),
            self._hidden: sum(tasks.book.observed[sku].hidden for sku in tasks.book.hiding),
            self._active: controller.active,
            self._pushing: controller.active and pushing,
            self._refused: controller.calling.refused is not None,
            self._undecodable: undecodable,
            self._unconfirmed: len(tasks.book.trail.confirmations),
            self._reconciled: controller.reconciler.age(now) / 1_000 if controller.active else 0,
            self._every: controller.reconciler.setup.reconcile_every_ms / 1_000,
        }
        for gauge, value in values.items():
            gauge.labels(self._channel).set(value)
        applied = controller.book.trail.confirmations.applied
        while controller.active and applied:
            self._applied.labels(self._channel).observe(applied.popleft() / 1_000)
        self._count(controller.reconciler.inspection.findings)
        return generate_latest(self.registry)

    def _count(self, findings: Findings) -> None:
        """Count what was found since the last time; each life of a publisher has findings of its own."""
        of, before = self._counted
        for cause, found in findings.total.items():
            self._drifts.labels(self._channel, cause).inc(found - (before.get(cause, 0) if of is findings else 0))
        self._counted = findings, dict(findings.total)


def _age(since: int | None, now: int) -> float:
    """Return for how many seconds something has lasted, 0 where there is no such thing."""
    return 0 if since is None else max(0, now - since) / 1_000


def _may_tell(calling: Calling, now: int) -> bool:
    """Return whether anything may be told by the channel, which answers, and its limits, which leave room soon."""
    limiter = calling.limiter
    soon = limiter.wait(TELL, limiter.cost(TELL, calling.setup.kind.COST), now) <= SOON_MS
    return soon and not calling.circuit.is_open and not limiter.reserved(TELL, now)
