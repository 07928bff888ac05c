"""Every container that runs a command of ours: on a cluster, with each selection of channels, and under compose."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from schemas.config import parse
from schemas.settings import Config
from tests.k8s import kustomize

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/lastunit/lastunit.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A container that runs a command of ours: where it stands, what it runs, what it is handed."""

    where: str
    module: str
    arguments: Sequence[str]
    config: str
    environment: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)


def _on_a_cluster(added: Sequence[str]) -> Iterator[Program]:
    for one in kustomize.build(added):
        pod = one.get("spec", {}).get("template", {}).get("spec")
        for container in pod["containers"] if pod else []:
            python, dash_m, module, *arguments = container["command"]
            assert (python, dash_m) == ("python", "-m")
            yield Program(
                where=f"{kustomize.label(added)} {one['metadata']['name']}",
                module=module,
                arguments=arguments,
                config=kustomize.text(added),
                environment={v["name"]: v.get("value", "a-pod-0") for v in container.get("env", [])},
                files=_projected(pod, container),
            )


def _projected(pod: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, str]:
    """Return each secret file's path in the container, and `secret/key` that it holds."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}": f"{source['secret']['name']}/{item['key']}"
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }


def compose_file() -> Mapping[str, Any]:
    """Return the compose file with its merges done."""
    found: Mapping[str, Any] = yaml.safe_load((ROOT / "compose" / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def _undercompose() -> Iterator[Program]:
    for name, service in compose_file()["services"].items():
        if service["image"].startswith("lastunit"):
            python, dash_m, module, *arguments = service["command"]
            assert (python, dash_m) == ("python", "-m")
            yield Program(
                where=f"compose {name}",
                module=module,
                arguments=arguments,
                config=compose_file()["configs"]["lastunit"]["content"].replace("$$", "$"),
                environment=service.get("environment", {}),
            )


def config_of(program: Program) -> Config:
    """Return the configuration of a deployment, read as the services read it."""
    return parse(tomllib.loads(program.config))


CLUSTERS = [program for added in kustomize.SELECTIONS for program in _on_a_cluster(added)]
PROGRAMS = [*CLUSTERS, *_undercompose()]
OURS = [program for program in PROGRAMS if program.module != "compose.fakes"]


def where(program: Program) -> str:
    """Return a program's name in a report."""
    return program.where
