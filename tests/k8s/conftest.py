"""The manifests as they stand in the repository."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.config import load
from schemas.settings import Config

K8S = Path(__file__).parents[2] / "k8s"
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


def _read() -> Iterator[Manifest]:
    for path in sorted(K8S.rglob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def k8s() -> Path:
    """Return the folder of the manifests."""
    return K8S


@pytest.fixture(scope="session")
def manifests() -> Sequence[Manifest]:
    """Return every manifest of every file."""
    return [*_read()]


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
def deployment() -> Config:
    """Return the example's configuration, read by the code that the services read it with."""
    return load(K8S / "base" / "lastunit.toml")
