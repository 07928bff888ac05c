"""Slack as a component: who gets its secret, and who may talk to it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest
import yaml

from publishers.slack import TOKEN, WEBHOOK
from tests.k8s import kustomize

PATCHES = [("publisher-webhook.yaml", WEBHOOK), ("publisher-token.yaml", TOKEN)]
PLAIN = kustomize.build(kustomize.CHANNELS)


def _pods(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return {one["metadata"]["name"]: one for one in found if "template" in one.get("spec", {})}


@pytest.mark.parametrize(("patch", "secret"), PATCHES)
def test_every_publisher_gets_slack_s_secret_and_nobody_else(patch: str, secret: str) -> None:
    """A file of its own beside what the publisher has; the pods of all other parts stay as they were."""
    before, after = _pods(PLAIN), _pods(kustomize.with_slack(PLAIN, patch))
    told = {name for name in after if after[name] != before[name]}

    assert told == {name for name in before if name.startswith("publisher-")}
    for name in told:
        old, new = (one[name]["spec"]["template"]["spec"] for one in (before, after))
        (was,), (container,) = old["containers"], new["containers"]
        path = f"/run/secrets/slack/{secret}"
        assert container["env"] == [*was["env"], {"name": f"LASTUNIT_{secret}_FILE", "value": path}]
        mount = {"name": "slack", "mountPath": "/run/secrets/slack", "readOnly": True}
        assert container["volumeMounts"] == [*was["volumeMounts"], mount]
        assert new["volumes"][:-1] == old["volumes"]
        (source,) = new["volumes"][-1]["projected"]["sources"]
        assert source == {"secret": {"name": "lastunit-slack", "items": [{"key": secret, "path": secret}]}}


@pytest.mark.parametrize("patch", [patch for patch, _ in PATCHES])
def test_a_deployment_with_slack_is_valid_for_kubernetes(patch: str) -> None:
    """The API's own JSON Schemas accept each manifest."""
    found = kustomize.with_slack(PLAIN, patch)
    for manifest in found:
        kubernetes_validate.validate(manifest, "1.37", strict=True)

    assert len({kustomize.identity(one) for one in found}) == len(found) == len(PLAIN) + 1


def test_only_publishers_get_a_way_out_to_slack_and_to_no_neighbour() -> None:
    """One policy more: the publishers' pods, port 443, the same addresses as a channel's API."""
    (policy,) = [one for one in kustomize.with_slack(PLAIN) if one not in PLAIN and one["kind"] == "NetworkPolicy"]
    (channel,) = [one for one in PLAIN if one["metadata"]["name"] == "channel-shopify-uk"]

    assert policy["spec"]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "lastunit",
        "app.kubernetes.io/component": "publisher",
    }
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert policy["spec"]["egress"] == channel["spec"]["egress"]


def test_the_component_names_files_that_are_there_and_comes_last(k8s: Path) -> None:
    """A component is handed what stands above it; one that came before a channel would leave its publisher out."""
    folder = k8s / "slack"
    named = kustomize.kustomization(folder)
    lines = re.findall(r"(?m)^# (components:|  - \S+)$", (k8s / "kustomization.yaml").read_text(encoding="utf-8"))

    assert named["kind"] == "Component"
    assert {*named["resources"], *(patch for patch, _ in PATCHES)} == {path.name for path in folder.glob("*.yaml")} - {
        "kustomization.yaml"
    }
    assert yaml.safe_load("\n".join(lines))["components"][-1] == "slack"
