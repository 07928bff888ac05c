"""What Grafana and Prometheus ask for is what the services export, under names of one form."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from ingest import answers, poll_metrics, queue_metrics
from ingest import metrics as ingest_metrics
from ingest.__main__ import main as ingest_main
from ingest.remap import metrics as remap_metrics
from processor.__main__ import main as processor_main
from processor.metrics import Metrics as ProcessorMetrics
from processor.transactions import State
from publishers.__main__ import main as publishers_main
from publishers.ledger import metrics as ledger_metrics
from publishers.ledger.__main__ import main as ledger_main
from publishers.metrics import Metrics as PublisherMetrics
from publishers.work import Purpose
from schemas.words import DriftCause

COMPOSE = Path(__file__).parents[1] / "compose"
SUFFIXES: Mapping[str, Sequence[str]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}
FORM = re.compile(r"lastunit_(ingest|processor|publisher|ledger)(_[a-z]+)+")
UNITS = ("seconds", "records", "units", "skus", "count", "lanes")
STATES = {
    "lastunit_ledger_postgres_up",
    "lastunit_ledger_partitions_refused",
    "lastunit_publisher_active",
    "lastunit_publisher_circuit_open",
    "lastunit_publisher_pushing",
    "lastunit_publisher_refused",
    "lastunit_publisher_rules_refused",
    "lastunit_publisher_slack_refused",
}
"""Gauges that say how something stands: their last word is the state, not a unit."""
PROGRAMS: Mapping[str, Callable[[list[str]], int]] = {
    "ingest": ingest_main,
    "processor": processor_main,
    "publishers": publishers_main,
    "publishers.ledger": ledger_main,
}
"""What an alert may name, by module."""
TARGET = {"job", "instance"}
"""Labels that Prometheus gives every series."""
VALUES = {
    ("lastunit_processor_lanes", "state"): {state.value for state in State},
    ("lastunit_ingest_webhooks_total", "answer"): {
        answer.verdict for answer in vars(answers).values() if isinstance(answer, answers.Answer)
    },
    ("lastunit_ingest_key_fetches_total", "answer"): {"found", "unknown", "failed", "held_back"},
    ("lastunit_publisher_drifts_total", "cause"): {cause.value for cause in DriftCause},
    ("lastunit_publisher_requests_total", "purpose"): {purpose.value for purpose in Purpose},
}
"""The closed lists behind labels that a query picks values of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A metric of ours, without the suffix of its series."""

    name: str
    kind: str
    text: str
    labels: frozenset[str]

    @property
    def series(self) -> Iterator[str]:
        """Return the names under which Prometheus stores it."""
        return (self.name + suffix for suffix in SUFFIXES[self.kind])


def _modules() -> Iterator[MetricWrapperBase]:
    for module in (ingest_metrics, poll_metrics, queue_metrics, remap_metrics, ledger_metrics):
        yield from (one for one in vars(module).values() if isinstance(one, MetricWrapperBase))


def _registries() -> Iterator[MetricWrapperBase]:
    registries: Sequence[CollectorRegistry] = (ProcessorMetrics().registry, PublisherMetrics("a-channel").registry)
    for registry in registries:
        for collector in registry._collector_to_names:
            assert isinstance(collector, MetricWrapperBase)
            yield collector


def _exported() -> Iterator[Exported]:
    for metric in (*_modules(), *_registries()):
        (family,) = metric.describe()
        labels = frozenset(metric._labelnames) | ({"le"} if family.type == "histogram" else set())
        yield Exported(name=family.name, kind=family.type, text=family.documentation, labels=labels)


EXPORTED = [*_exported()]
SERIES = {series: metric for metric in EXPORTED for series in metric.series}


def _rules() -> list[Mapping[str, Any]]:
    groups = yaml.safe_load((COMPOSE / "prometheus" / "rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _dashboard() -> Mapping[str, Any]:
    path = COMPOSE / "grafana" / "dashboards" / "flash-sale.json"
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


RECORDED = {rule["record"] for rule in _rules() if "record" in rule}
QUERIES = {
    **{rule.get("alert", rule.get("record")): rule["expr"] for rule in _rules()},
    **{
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in _dashboard()["panels"]
        for target in panel["targets"]
    },
}


def _nodes(query: str) -> list[Any]:
    seen: list[Any] = []
    promql_parser.walk(promql_parser.parse(query), seen.append)
    return seen


def _selectors(query: str) -> list[Any]:
    return [node for node in _nodes(query) if isinstance(node, promql_parser.VectorSelector)]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_asks_only_for_what_a_service_exports(query: str) -> None:
    """The parser of Prometheus's language reads it, and each name in it is one that a service or a rule gives."""
    names = {selector.name for selector in _selectors(query)}

    assert names
    assert names <= {*SERIES, *RECORDED, "up"}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_picks_by_labels_and_values_that_there_are(query: str) -> None:
    """A misspelt label or state would match nothing, for ever and without a word."""
    for selector in _selectors(query):
        for matcher in selector.matchers.matchers:
            if selector.name in SERIES:
                assert matcher.name in SERIES[selector.name].labels | TARGET
                known = VALUES[selector.name, matcher.name]
                assert set(matcher.value.split("|")) <= known


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_groups_by_labels_that_its_metrics_have(query: str) -> None:
    """A sum by a label that is not there is one sum over everything."""
    for node in _nodes(query):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            for selector in _selectors(str(node.expr)):
                assert set(node.modifier.labels) <= SERIES[selector.name].labels | TARGET, str(node)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_counters_are_rated_and_gauges_are_not(query: str) -> None:
    """A rate over a gauge is noise."""
    for node in _nodes(query):
        if isinstance(node, promql_parser.Call) and node.func.name in ("rate", "increase"):
            (selector,) = _selectors(str(node))
            assert SERIES[selector.name].kind in ("counter", "histogram"), selector.name


@pytest.mark.parametrize("metric", EXPORTED, ids=lambda metric: metric.name)
def test_a_metric_has_a_name_of_the_one_form_and_says_what_it_tells(metric: Exported) -> None:
    """`lastunit_<service>_<noun>_<unit>`, counters with `_total`, and a sentence of help."""
    assert FORM.fullmatch(metric.name)
    assert metric.text.endswith("."), metric.text
    assert len(metric.text.split()) >= 3, metric.text
    if metric.kind != "counter":
        assert metric.name.rpartition("_")[2] in UNITS or metric.name in STATES


def test_no_two_services_export_the_same_name() -> None:
    """Each series tells of one thing."""
    assert len(SERIES) == sum(len([*metric.series]) for metric in EXPORTED)


def test_every_alert_says_how_urgent_it_is_what_it_means_and_what_to_do() -> None:
    """Who is woken reads sentences, not an expression; an alert that nobody can act on is none."""
    for rule in _rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
            assert rule["annotations"]["summary"].endswith("."), rule["alert"]
            assert len(rule["annotations"]["description"].split()) >= 8, rule["alert"]


COMMANDS = sorted(
    {
        command
        for rule in _rules()
        for command in re.findall(r"`python -m ([^`]*)`", rule.get("annotations", {}).get("description", ""))
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_an_alert_names_is_there(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At two in the morning it is copied; its words and options stand in the command's own help."""
    module, *words = re.sub(r"{{ .*? }}", "CHANNEL", command).split()
    verbs = [word for word in words if re.fullmatch("[a-z_]+", word)]
    with pytest.raises(SystemExit) as end:
        PROGRAMS[module]([*verbs[: 1 if "CHANNEL" in words[:2] else 2], "--help"])
    said = capsys.readouterr().out

    assert end.value.code == 0
    assert [word for word in words if word.startswith("--") and word not in said] == []
    assert [verb for verb in verbs if verb not in said] == []


def test_the_thresholds_are_those_that_were_asked_for() -> None:
    """5 s of sync lag at p99 over 5 min for 2 min, more than 50 dead letters, an oversold unit at once."""
    rules = {rule.get("alert", rule.get("record")): rule for rule in _rules()}

    assert "[5m]" in rules["sync_lag_ms"]["expr"]
    assert (rules["ChannelLate"]["expr"], rules["ChannelLate"]["for"]) == ("sync_lag_ms > 5000", "2m")
    assert rules["DeadLettersMany"]["expr"] == "dlqDepth > 50"
    assert rules["Oversold"]["labels"]["severity"] == "page"
    assert "for" not in rules["Oversold"]


def test_panels_read_the_provisioned_datasource_and_do_not_overlap() -> None:
    """A panel of another datasource stays empty; one on top of another cannot be read."""
    folder = COMPOSE / "grafana" / "provisioning" / "datasources"
    (source,) = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    taken: set[tuple[int, int]] = set()
    for panel in _dashboard()["panels"]:
        assert panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}, panel["title"]
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"]), panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells
