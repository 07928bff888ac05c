"""Who may talk to whom."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ingest.channels import KEYS
from schemas.settings import Config

Manifest = Mapping[str, Any]


def test_a_pod_reaches_what_it_needs_and_no_more(
    manifests: Sequence[Manifest], workloads: Sequence[Any], deployment: Config
) -> None:
    """
    Brokers for all, the database for the ledger, the channel's port for its publisher and poller.

    ingest has a way out only where a channel signs with keys that have to be asked for.
    """
    (broker,) = {int(server.rpartition(":")[2]) for server in deployment.kafka.bootstrap.split(",")}
    for workload in workloads:
        needed = {53, broker}
        if workload.component == "ledger":
            needed.add(5432)
        channels = [one for one in deployment.channels if one.name == workload.channel]
        if workload.component == "ingest":
            channels = [one for one in deployment.channels if one.kind in KEYS]
        for channel in channels:
            needed |= {_port(url) for url in (channel.base_url, *channel.queues)}
        assert _egress(manifests, workload.labels) == needed, workload.name


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or {"https": 443, "http": 80}[parts.scheme]


def _egress(manifests: Sequence[Manifest], labels: Mapping[str, str]) -> set[int]:
    policies = [
        one["spec"] for one in manifests if one["kind"] == "NetworkPolicy" and _pods(one).items() <= labels.items()
    ]
    assert any(policy["policyTypes"] == ["Ingress", "Egress"] and "egress" not in policy for policy in policies)
    return {port["port"] for policy in policies for rule in policy.get("egress", []) for port in rule["ports"]}


def _pods(policy: Manifest) -> Mapping[str, str]:
    found: Mapping[str, str] = policy["spec"]["podSelector"]["matchLabels"]
    return found


def test_only_ingest_is_spoken_to_from_outside(manifests: Sequence[Manifest]) -> None:
    """Beside Prometheus, nobody but the cluster's entrance gets an answer, and from ingest only."""
    open_to = {
        (
            rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            frozenset(_pods(one).items()),
        )
        for one in manifests
        if one["kind"] == "NetworkPolicy"
        for rule in one["spec"].get("ingress", [])
    }
    ours = ("app.kubernetes.io/name", "lastunit")

    assert open_to == {
        ("monitoring", frozenset({ours})),
        ("ingress", frozenset({ours, ("app.kubernetes.io/component", "ingest")})),
    }


def test_a_channel_s_way_out_leads_to_no_neighbour(manifests: Sequence[Manifest]) -> None:
    """Port 443 is open to the internet alone: no private address, no metadata service of a cloud."""
    rules = [
        rule
        for one in manifests
        if one["kind"] == "NetworkPolicy"
        for rule in one["spec"].get("egress", [])
        if {"protocol": "TCP", "port": 443} in rule["ports"]
    ]

    assert rules
    for rule in rules:
        (block,) = rule["to"]
        assert {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"} <= {*block["ipBlock"]["except"]}
