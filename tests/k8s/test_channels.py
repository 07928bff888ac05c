"""The channels of a deployment: what each has, and how one is added."""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingest.channels.calls import POLLS
from publishers.channels import KINDS
from schemas.config import parse
from schemas.settings import Config, Kind
from tests.k8s import kustomize


def test_a_channel_is_added_by_a_line_that_is_there(k8s: Path) -> None:
    """Each folder of a channel is a component; the deployment names all of them, in lines that wait for their use."""
    told = (k8s / "kustomization.yaml").read_text(encoding="utf-8")
    lines = "\n".join(re.findall(r"(?m)^# (components:|  - channels/\S+)$", told))

    assert yaml.safe_load(lines) == {"components": [f"channels/{name}" for name in kustomize.CHANNELS]}
    assert all(kustomize.kustomization(k8s / "channels" / name)["kind"] == "Component" for name in kustomize.CHANNELS)


def test_every_kind_of_channel_can_be_added() -> None:
    """Nobody has to invent manifests: there is an example of each kind that there is code for."""
    added = parse(tomllib.loads(kustomize.text(kustomize.CHANNELS)))

    assert {channel.kind for channel in added.channels} == {*Kind}


def test_every_channel_has_its_parts(deployment: Config, workloads: Sequence[Any]) -> None:
    """One that can be asked has a poller, one that can be told a publisher, one with queues their reader; no more."""
    wanted = {
        f"{part}-{channel.name}"
        for channel in deployment.channels
        for part, needed in {
            "poller": channel.kind in POLLS,
            "publisher": channel.kind in KINDS,
            "queue": bool(channel.queues),
        }.items()
        if needed
    }

    assert {one.name for one in workloads if one.channel} == wanted
    assert {one.channel for one in workloads} - {None} <= set(deployment.channel_names)


def test_the_files_of_a_channel_bear_its_name(k8s: Path, added: Sequence[str], deployment: Config) -> None:
    """Who looks for a channel finds it: a file of its name among the publishers, or a folder among the channels."""
    files = {path.stem for path in (k8s / "publishers").glob("*.yaml")} - {"kustomization"}

    assert files | set(added) == set(deployment.channel_names)


def test_adding_a_channel_is_copying_a_file(k8s: Path, added: Sequence[str], deployment: Config) -> None:
    """Two channels' files differ in the name and in the secrets of their kind, in nothing else."""
    shapes = {
        re.sub(
            r"(?m)^.*(ACCESS_TOKEN|CONSUMER_KEY|CONSUMER_SECRET).*\n",
            "",
            (k8s / "publishers" / f"{channel.name}.yaml").read_text(encoding="utf-8").replace(channel.name, "CHANNEL"),
        )
        for channel in deployment.channels
        if channel.kind in KINDS and channel.name not in added
    }

    assert len(shapes) == 1


@pytest.mark.parametrize("component", ["poller", "publisher"])
def test_pollers_are_all_alike_and_publishers_too(workloads: Sequence[Any], component: str) -> None:
    """They differ in the name and in the secrets of their kind, in nothing else."""
    shapes = []
    for one in workloads:
        if one.component == component:
            whole = json.dumps([one.spec, one.labels, one.annotations], sort_keys=True)
            name = str(one.channel)
            secret = name.upper().replace("-", "_") + "_"
            whole = re.sub(rf"\{{[^{{}}]*{secret}[^{{}}]*\}}(, )?", "", whole)
            shapes.append(whole.replace(name, "CHANNEL"))

    assert len(shapes) > 1
    assert len(set(shapes)) == 1


def test_a_poller_s_index_is_on_a_disk_that_it_may_fill(serving: Sequence[Any], deployment: Config) -> None:
    """The folder of the configuration is a volume of bounded size; a new pod's is empty and filled from the topic."""
    for one in serving:
        mounted = {mount["mountPath"]: mount["name"] for mount in one.container["volumeMounts"]}
        if one.component == "poller":
            (volume,) = [v for v in one.pod["volumes"] if v["name"] == mounted[deployment.ingest.state_dir]]
            assert set(volume["emptyDir"]) == {"sizeLimit"}, one.name
            assert one.pod["securityContext"]["fsGroup"] == one.pod["securityContext"]["runAsGroup"], one.name


def test_publishers_stand_by_and_pollers_never_double(serving: Sequence[Any]) -> None:
    """A publisher's second replica has its tables loaded; a poller's successor waits for its end; readers share."""
    for workload in serving:
        if workload.component in ("publisher", "queue"):
            assert workload.spec["replicas"] == 2, workload.name
        if workload.component == "poller":
            assert workload.spec["replicas"] == 1, workload.name
            assert workload.spec["strategy"] == {"type": "Recreate"}, workload.name


def test_a_second_account_of_a_kind_is_a_copy_of_its_folder(k8s: Path) -> None:
    """Whatever a folder brings bears the channel's name, so that a copy with another name stands beside it."""
    for name in kustomize.CHANNELS:
        folder = k8s / "channels" / name
        made = [one["metadata"]["name"] for one in kustomize.resources(folder)]
        for patch in kustomize.patches(folder):
            pod = patch["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            made += [volume["name"] for volume in pod["volumes"]]
            made += [mount["mountPath"] for mount in container["volumeMounts"]]
            made += [variable["name"].lower().replace("_", "-") for variable in container["env"]]
        assert len(made) > 1, name
        assert [one for one in made if name not in one] == [], name
