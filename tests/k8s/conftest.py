"""The manifests as they stand in the repository."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.settings import Config
from tests.k8s import kustomize

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A manifest that makes pods."""

    name: str
    kind: str
    spec: Manifest
    pod: Manifest
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def container(self) -> Manifest:
        """Return its one container."""
        (container,) = self.pod["containers"]
        return dict(container)

    @property
    def channel(self) -> str | None:
        """Return the channel that it serves alone."""
        return self.labels.get("lastunit/channel")

    @property
    def component(self) -> str:
        """Return which part of the system it is."""
        return self.labels["app.kubernetes.io/component"]


@pytest.fixture(scope="session")
def k8s() -> Path:
    """Return the folder of the manifests."""
    return kustomize.K8S


@pytest.fixture(scope="session", params=kustomize.SELECTIONS, ids=kustomize.label)
def added(request: pytest.FixtureRequest) -> Sequence[str]:
    """Return the channels that a deployment adds: none, one, or all."""
    names: Sequence[str] = request.param
    return names


@pytest.fixture(scope="session")
def manifests(added: Sequence[str]) -> Sequence[Manifest]:
    """Return every manifest of the deployment."""
    return kustomize.build(added)


@pytest.fixture(scope="session")
def workloads(manifests: Sequence[Manifest]) -> Sequence[Workload]:
    """Return what makes pods."""
    return [
        Workload(
            name=one["metadata"]["name"],
            kind=one["kind"],
            spec=one["spec"],
            pod=one["spec"]["template"]["spec"],
            labels=one["spec"]["template"]["metadata"]["labels"],
            annotations=one["spec"]["template"]["metadata"].get("annotations", {}),
        )
        for one in manifests
        if one["kind"] in ("Deployment", "StatefulSet", "Job")
    ]


@pytest.fixture(scope="session")
def serving(workloads: Sequence[Workload]) -> Sequence[Workload]:
    """Return what runs until it is told to stop."""
    return [one for one in workloads if one.kind != "Job"]


@pytest.fixture(scope="session")
def deployment(added: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the deployment's configuration, read by the code that the services read it with."""
    return kustomize.config(added, tmp_path_factory.mktemp("config"))
