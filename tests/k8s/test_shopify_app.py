"""An app of Shopify's Dev Dashboard as a component: its client in place of the lasting token, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types

from publishers.channels import shopify_grant
from schemas.config import channel_secret
from tests.k8s import kustomize

PLAIN = kustomize.build(kustomize.CHANNELS)
WITH = kustomize.patched(PLAIN, kustomize.K8S / "shopify-app")
FILES = "/run/secrets/lastunit"


def _pods(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in found if "template" in one["spec"]}


def _variables(pod: Any) -> dict[str, str]:
    (container,) = pod["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}


def _files(pod: Any) -> dict[str, str]:
    (volume,) = [one for one in pod["volumes"] if one["name"] == "secrets"]
    sources = [one["secret"] for one in volume["projected"]["sources"]]
    return {f"{FILES}/{item['path']}": f"{one['name']}/{item['key']}" for one in sources for item in one["items"]}


def test_publisher_and_poller_get_the_client_in_place_of_the_lasting_token() -> None:
    """Each variable names a file that is mounted, and all that they had beside the token stays."""
    before, after = (_pods([one for one in found if "spec" in one]) for found in (PLAIN, WITH))
    assert {name for name in after if after[name] != before[name]} == {"publisher-shopify-uk", "poller-shopify-uk"}
    for name in ("publisher-shopify-uk", "poller-shopify-uk"):
        was, now = _variables(before[name]), _variables(after[name])
        added = {f"LASTUNIT_{channel_secret('shopify-uk', what)}_FILE" for what in shopify_grant.SECRETS}
        assert was.keys() - now.keys() == {"LASTUNIT_SHOPIFY_UK_ACCESS_TOKEN_FILE"}
        assert now.keys() - was.keys() == added
        files = _files(after[name])
        assert {path for variable, path in now.items() if variable.endswith("_FILE")} == set(files)
        assert {files[now[variable]] for variable in added} == {
            f"lastunit-shopify-uk/{what}" for what in shopify_grant.SECRETS
        }


def test_a_deployment_with_an_app_is_valid_for_kubernetes() -> None:
    """The API's own JSON Schemas accept each manifest."""
    for manifest in WITH:
        kubernetes_validate.validate(manifest, "1.37", strict=True)
    assert len(WITH) == len(PLAIN)
