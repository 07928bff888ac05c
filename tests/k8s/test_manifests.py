"""What can be known of the manifests without a cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest

from ingest.limits import DRAIN_S as INGEST_DRAIN_S
from ingest.producer import FLUSH_S
from ingest.queue.life import DRAIN_S as QUEUE_DRAIN_S
from ingest.remap.life import AGAIN_S
from processor.options import _DIRECT, _HARMLESS, _TLS
from processor.service import DRAIN_S as PROCESSOR_DRAIN_S
from processor.transactions import TRANSACTION_S
from publishers.ledger.__main__ import DRAIN_S as LEDGER_DRAIN_S
from schemas.settings import Config, Store
from tests.k8s import kustomize

Manifest = Mapping[str, Any]


@pytest.mark.parametrize("version", ["1.32", "1.37"])
def test_every_manifest_is_valid_for_kubernetes(version: str) -> None:
    """The API's own JSON Schemas accept each manifest, unknown fields refused, in an old and a new release."""
    manifests = kustomize.build(kustomize.CHANNELS)
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)

    assert len(manifests) > 30


def test_kustomize_is_given_every_file(k8s: Path) -> None:
    """A file that no kustomization names would never reach a cluster."""
    channels = [k8s / "channels" / name for name in kustomize.CHANNELS]
    for folder in (k8s, k8s / "base", k8s / "publishers", k8s / "shopify-app", *channels):
        named = kustomize.kustomization(folder)
        whole = {*named.get("resources", []), *(patch["path"] for patch in named.get("patches", []))}
        files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
        folders = {path.name for path in folder.iterdir() if path.is_dir()} - {"channels", "shopify-app", "slack"}
        assert whole == files | folders, folder.name


def test_a_change_of_the_rules_reaches_running_pods(k8s: Path, workloads: Sequence[Any]) -> None:
    """The ConfigMap keeps its name, so no pod is replaced; it is mounted whole, or the kubelet would never swap it."""
    (made,) = kustomize.kustomization(k8s / "base")["configMapGenerator"]

    assert (made["name"], made["options"]["disableNameSuffixHash"]) == ("lastunit", True)
    for workload in workloads:
        (volume,) = [one for one in workload.pod["volumes"] if "configMap" in one]
        (mount,) = [one for one in workload.container["volumeMounts"] if one["name"] == volume["name"]]
        assert volume["configMap"] == {"name": made["name"]}, workload.name
        assert mount == {"name": volume["name"], "mountPath": "/etc/lastunit", "readOnly": True}, workload.name


def test_what_is_added_stands_beside_what_is_there(manifests: Sequence[Manifest]) -> None:
    """No two manifests have one name, or kustomize would refuse them."""
    assert len({kustomize.identity(one) for one in manifests}) == len(manifests)


def test_no_secret_stands_in_a_manifest(manifests: Sequence[Manifest], workloads: Sequence[Any]) -> None:
    """Secrets are named, never given: there is no Secret, and no variable holds a secret's value."""
    assert [one["metadata"]["name"] for one in manifests if one["kind"] == "Secret"] == []
    for workload in workloads:
        for variable in workload.container.get("env", []):
            assert variable["name"].endswith("_FILE") or "valueFrom" in variable, workload.name


def test_every_pod_is_as_small_a_target_as_it_can_be(workloads: Sequence[Any]) -> None:
    """No root, no way to become it, no writable root file system, no capability, the default system calls only."""
    for workload in workloads:
        pod, container = workload.pod["securityContext"], workload.container["securityContext"]
        assert pod["runAsNonRoot"] is True, workload.name
        assert pod["runAsUser"] > 10_000, workload.name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, workload.name
        assert container == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, workload.name


def test_every_container_has_requests_and_limits(workloads: Sequence[Any]) -> None:
    """A scheduler knows what each needs, and none takes its neighbours' memory."""
    for workload in workloads:
        for part in ("requests", "limits"):
            assert set(workload.container["resources"][part]) == {"cpu", "memory"}, (workload.name, part)


def test_every_service_is_asked_whether_it_lives_and_whether_it_is_ready(serving: Sequence[Any]) -> None:
    """The probes ask the address that the service listens on, and a slow start is not taken for a death."""
    for workload in serving:
        container = workload.container
        (port,) = container["ports"]
        command = container["command"]
        assert command[command.index("--port") + 1] == str(port["containerPort"]), workload.name
        assert command[command.index("--host") + 1] == "0.0.0.0", workload.name  # noqa: S104 - a pod's own address
        for probe, path in (("startup", "/healthz"), ("liveness", "/healthz"), ("readiness", "/readyz")):
            assert container[f"{probe}Probe"]["httpGet"] == {"path": path, "port": port["name"]}, workload.name
        start, live = container["startupProbe"], container["livenessProbe"]
        assert start["periodSeconds"] * start["failureThreshold"] >= 60, workload.name
        assert live["periodSeconds"] * live["failureThreshold"] >= 30, workload.name
        assert live["timeoutSeconds"] >= 3, workload.name


def test_a_worker_may_open_its_partitions_before_it_is_taken_for_dead(serving: Sequence[Any]) -> None:
    """A processor waits for the transaction of a dead owner; the start-up probe waits longer."""
    (processor,) = [one for one in serving if one.component == "processor"]
    start = processor.container["startupProbe"]

    assert start["periodSeconds"] * start["failureThreshold"] > 2 * TRANSACTION_S


def test_every_service_has_the_time_to_drain(serving: Sequence[Any], deployment: Config) -> None:
    """Kubernetes kills nobody who is still finishing what it is allowed to finish."""
    call_s = max(channel.call_timeout_ms for channel in deployment.channels) / 1_000
    drain_s = {
        "ingest": INGEST_DRAIN_S + FLUSH_S,
        "processor": PROCESSOR_DRAIN_S,
        "publisher": 2 * call_s,
        "poller": call_s + FLUSH_S,
        "queue": QUEUE_DRAIN_S + FLUSH_S,
        "ledger": LEDGER_DRAIN_S,
        "remap": AGAIN_S + FLUSH_S,
    }
    for workload in serving:
        waits = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert workload.pod["terminationGracePeriodSeconds"] > drain_s[workload.component] + waits, workload.name


def test_prometheus_finds_every_service(serving: Sequence[Any]) -> None:
    """The annotations name the port and the path of the metrics."""
    for workload in serving:
        (port,) = workload.container["ports"]
        assert workload.annotations == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port["containerPort"]),
            "prometheus.io/path": "/metrics",
        }, workload.name


def test_the_processor_has_lasting_names(workloads: Sequence[Any]) -> None:
    """A worker that comes back has its partitions back at once: a StatefulSet, and its pod's name in the group."""
    (processor,) = [one for one in workloads if one.component == "processor"]
    command, names = processor.container["command"], processor.container["env"]

    assert processor.kind == "StatefulSet"
    assert command[command.index("--instance") + 1] == "$(POD_NAME)"
    assert names == [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]


def test_the_processor_s_tables_are_on_a_disk_that_stays_with_its_name(
    workloads: Sequence[Any], deployment: Config
) -> None:
    """A folder of a claim of its own, which the pod's group may write; nothing else of the pod is writable but /tmp."""
    (processor,) = [one for one in workloads if one.component == "processor"]
    (claim,) = processor.spec["volumeClaimTemplates"]
    mounted = {mount["mountPath"]: mount["name"] for mount in processor.container["volumeMounts"]}

    assert deployment.processor.store is Store.ROCKSDB
    assert mounted[deployment.processor.state_dir] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert processor.pod["securityContext"]["fsGroup"] == processor.pod["securityContext"]["runAsGroup"]


def test_a_selector_finds_the_pods_of_its_own_workload(manifests: Sequence[Manifest], workloads: Sequence[Any]) -> None:
    """Each workload, Service and budget selects exactly one workload's pods."""
    wanted = {one["metadata"]["name"]: _selector(one) for one in manifests if _selector(one)}
    for name, labels in wanted.items():
        found = [one.name for one in workloads if labels.items() <= one.labels.items()]
        assert found == [name]


def _selector(manifest: Manifest) -> Mapping[str, str]:
    selector = manifest.get("spec", {}).get("selector", {})
    found: Mapping[str, str] = selector.get("matchLabels", selector)
    return found


def test_a_drain_of_nodes_leaves_one_of_each_that_has_several(
    manifests: Sequence[Manifest], serving: Sequence[Any]
) -> None:
    """Who has replicas has a budget that lets one go; who is single has none, or no node could be drained."""
    budgets = {one["metadata"]["name"]: one["spec"] for one in manifests if one["kind"] == "PodDisruptionBudget"}

    assert set(budgets) == {one.name for one in serving if one.spec["replicas"] > 1}
    for workload in serving:
        budget = budgets.get(workload.name, {"maxUnavailable": 1})
        assert budget.get("maxUnavailable") == 1 or budget["minAvailable"] == workload.spec["replicas"] - 1


def test_every_pod_has_an_identity_without_a_token(manifests: Sequence[Manifest], workloads: Sequence[Any]) -> None:
    """Nothing of ours talks to the Kubernetes API, so nothing can be stolen that could."""
    accounts = {one["metadata"]["name"]: one for one in manifests if one["kind"] == "ServiceAccount"}

    assert {one.pod["serviceAccountName"] for one in workloads} == set(accounts)
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    assert all(workload.pod["automountServiceAccountToken"] is False for workload in workloads)


def test_both_kafka_clients_know_the_example_s_options(deployment: Config, workloads: Sequence[Any]) -> None:
    """The processor's client accepts every option, and each file that one names is mounted."""
    assert set(deployment.kafka.options) <= {*_DIRECT, *_TLS, *_HARMLESS}
    files = [value for name, value in deployment.kafka.options.items() if name.endswith(".location")]
    for workload in workloads:
        mounted = {mount["name"]: mount["mountPath"] for mount in workload.container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in workload.pod["volumes"]}
        claims = {claim["metadata"]["name"] for claim in workload.spec.get("volumeClaimTemplates", [])}
        assert set(mounted) == set(volumes) | claims, workload.name
        assert volumes["kafka"]["secret"]["secretName"] == "lastunit-kafka", workload.name
        assert all(Path(file).parent == Path(mounted["kafka"]) for file in files), workload.name
