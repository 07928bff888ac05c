"""The image and the compose file, as far as they can be known without a container engine."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from schemas.config import ENV_CONFIG, parse
from schemas.settings import Kind
from tests.k8s.programs import CONFIG as CLUSTER_CONFIG

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOME_OF_STAND_INS = "compose.fakes"
STAND_INS_NEED = {"aiohttp", "cryptography", "graphql", "orjson"}
"""What the stand-ins' image has beside the standard library: the product's packages, and graphql-core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the Dockerfile: what it stands on, and its instructions."""

    base: str
    steps: Sequence[tuple[str, str]]


def _stages() -> dict[str, Stage]:
    text = re.sub(r"\\\n\s*", "", (COMPOSE / "Dockerfile").read_text(encoding="utf-8"))
    stages: dict[str, Stage] = {}
    steps: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word == "FROM":
                base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr] # raises
                steps = []
                stages[name] = Stage(base=base, steps=steps)
            else:
                steps.append((word, rest))
    return stages


STAGES = _stages()


def _inherited(name: str) -> Iterator[tuple[str, str]]:
    """Return a stage's instructions after those of the stages that it stands on."""
    stage = STAGES[name]
    if stage.base in STAGES:
        yield from _inherited(stage.base)
    yield from stage.steps


def _copied(steps: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Return the paths that come from the repository."""
    for word, rest in steps:
        if word == "COPY" and not rest.startswith("--from="):
            yield from rest.split()[:-1]


@pytest.fixture(scope="module")
def compose() -> Mapping[str, Any]:
    """Return the compose file with its merges done."""
    found: Mapping[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def test_what_is_copied_exists_and_reaches_the_builder() -> None:
    """Each source is in the repository and is let through by the ignore file, which keeps everything else out."""
    first, *lines = [
        line
        for line in (COMPOSE / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    through = [line.removeprefix("!") for line in lines if line.startswith("!")]
    copied = {source for stage in STAGES.values() for source in _copied(stage.steps)}

    assert first == "*"
    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert copied == set(through)


def test_the_image_holds_every_package_that_ships_and_no_other() -> None:
    """The folders that are copied for the wheel are the ones that the wheel is made of."""
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {source for source in _copied(STAGES["build"].steps) if (ROOT / source).is_dir()}

    assert len(folders) == len(patterns)
    assert all(any(fnmatch(folder, pattern) for pattern in patterns) for folder in folders)


def test_versions_come_from_the_lock() -> None:
    """Each installation is held to the locked versions; the wheel is built from this tree."""
    installs = [part for word, rest in _inherited("build-stand-ins") if word == "RUN" for part in rest.split("&&")]
    for command in installs:
        if "pip install" in command:
            assert "--constraint requirements.lock" in command
    assert any("pip wheel" in command and "--no-deps" in command for command in installs)
    assert "requirements.lock" in {*_copied(STAGES["build"].steps)}


def test_stages_stand_on_what_is_there() -> None:
    """A stage comes after the ones it needs; what is fetched from outside is a plain name; the product is the last."""
    known: list[str] = []
    for name, stage in STAGES.items():
        assert stage.base in known or stage.base == "python:3.11-slim", name
        for word, rest in stage.steps:
            if word == "COPY" and rest.startswith("--from="):
                assert rest.removeprefix("--from=").split()[0] in known, name
        known.append(name)
    assert known[-1] == "runtime"


@pytest.mark.parametrize("name", ["runtime", "stand-ins"])
def test_a_container_is_nobody_in_particular(name: str) -> None:
    """The last word on the user is a number that is not root's, the same as on a cluster."""
    users = [rest for word, rest in _inherited(name) if word == "USER"]
    (deployment,) = [
        one
        for one in yaml.safe_load_all((ROOT / "k8s" / "base" / "ledger.yaml").read_text(encoding="utf-8"))
        if one["kind"] == "Deployment"
    ]
    pod = deployment["spec"]["template"]["spec"]["securityContext"]

    assert users[-1] == f"{pod['runAsUser']}:{pod['runAsGroup']}"


def test_a_command_inside_a_container_finds_the_configuration(compose: Mapping[str, Any]) -> None:
    """`kubectl exec ... -- python -m publishers dlq list` works as it stands: nobody looks for a path at 2 a.m."""
    said = [value for word, rest in STAGES["runtime"].steps if word == "ENV" for value in rest.split()]
    mounted = {one["target"] for service in compose["services"].values() for one in service.get("configs", ())}

    assert said == [f"{ENV_CONFIG}={path}" for path in mounted]
    assert mounted == {CLUSTER_CONFIG}


def test_the_product_s_image_knows_no_stand_in() -> None:
    """Nothing that ships holds a stand-in or what only a stand-in needs."""
    steps = [*_inherited("runtime"), *_inherited("build")]

    assert [rest for _, rest in steps if "compose" in rest or "graphql" in rest] == []


def test_the_stand_ins_image_holds_all_that_they_import() -> None:
    """They use themselves, the standard library and the few packages that their image installs."""
    outside: set[str] = set()
    for path in (COMPOSE / "fakes").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            outside |= {name for name in names if not name.startswith(HOME_OF_STAND_INS)}
    top = {name.partition(".")[0] for name in outside} - sys.stdlib_module_names

    assert top - {"compose"} <= STAND_INS_NEED
    assert {name for name in outside if name.startswith("compose")} <= {"compose"}


def test_the_compose_file_follows_the_specification(compose: Mapping[str, Any]) -> None:
    """A validator of the Compose specification reads it, unknown keys refused, and every reference finds its target."""
    specified = PyCompose.from_json(json.dumps(compose))
    specified.validate()

    assert set(specified.service_names()) == set(compose["services"])


def test_services_wait_for_services_that_there_are(compose: Mapping[str, Any]) -> None:
    """A dependency exists, and has a health check where its health is waited for."""
    services = compose["services"]
    for name, service in services.items():
        for other, wish in service.get("depends_on", {}).items():
            assert other in services, name
            assert wish["condition"] != "service_healthy" or "healthcheck" in services[other], (name, other)
        shared = service.get("network_mode", "").removeprefix("service:")
        assert not shared or (shared in services and "ports" not in service), name


def test_images_are_plain_names_of_one_version(compose: Mapping[str, Any]) -> None:
    """No registry is named; ours carry the project's version and come from stages that there are; on a cluster too."""
    version = PROJECT["project"]["version"]
    for name, service in compose["services"].items():
        host, slash, _ = service["image"].partition("/")
        assert not slash or not re.search(r"[.:]|^localhost$", host), name
        assert ":" in service["image"], name
        if "build" in service:
            assert service["image"].endswith(f":{version}"), name
            assert service["build"]["target"] in STAGES, name
            assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).samefile(
                COMPOSE / "Dockerfile"
            ), name
    (image,) = yaml.safe_load((ROOT / "k8s" / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert image["newTag"] == version


def test_our_containers_are_as_strict_as_on_a_cluster(compose: Mapping[str, Any]) -> None:
    """No writable root file system, no capability, no new privileges."""
    for name, service in compose["services"].items():
        if "build" in service:
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_only_this_machine_is_served(compose: Mapping[str, Any]) -> None:
    """Published ports are bound to the loopback address."""
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_a_health_check_asks_the_port_that_its_service_listens_on(compose: Mapping[str, Any]) -> None:
    """Another port would be another container's, or nobody's."""
    for name, service in compose["services"].items():
        port = _port(service)
        if port:
            (asked,) = re.findall(r"http://127\.0\.0\.1:(\d+)/(?:readyz|healthz)", service["healthcheck"]["test"][-1])
            assert asked == port, name


def _port(service: Mapping[str, Any]) -> str | None:
    command = service.get("command", [])
    return command[command.index("--port") + 1] if "--port" in command else None


def test_containers_that_share_a_network_listen_on_ports_of_their_own(compose: Mapping[str, Any]) -> None:
    """A shop, its publisher and its poller are one address."""
    taken: list[tuple[str, str]] = []
    for name, service in compose["services"].items():
        home = service.get("network_mode", f"service:{name}").removeprefix("service:")
        if port := _port(service):
            taken.append((home, port))
    assert len(taken) == len(set(taken))


def test_prometheus_reads_every_service_where_it_listens(compose: Mapping[str, Any]) -> None:
    """Each target is a service of ours or another name of the network that it shares, at its port; none is left out."""
    config = yaml.safe_load((COMPOSE / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {t for job in config["scrape_configs"] for static in job["static_configs"] for t in static["targets"]}
    services = compose["services"]
    expected = {
        f"{name}:{_port(service)}"
        for name, service in services.items()
        if _port(service) and service["build"]["target"] == "runtime"
    }
    for name, service in services.items():
        if home := service.get("network_mode", "").removeprefix("service:"):
            assert name in services[home]["networks"]["default"]["aliases"]

    assert targets == expected
    assert all((COMPOSE / "prometheus" / file).exists() for file in config["rule_files"])


def test_what_is_mounted_exists_and_is_found_where_it_is_looked_for(compose: Mapping[str, Any]) -> None:
    """Files of the repository are mounted read-only; Grafana's provider and its home page name the mounted folder."""
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            if mount.startswith("."):
                source, _, mode = mount.split(":")
                assert (COMPOSE / source).is_dir()
                assert mode == "ro"
    grafana = compose["services"]["grafana"]
    folder = dict(mount.split(":")[:2] for mount in grafana["volumes"])["./grafana/dashboards"]
    provisioning = COMPOSE / "grafana" / "provisioning" / "dashboards" / "lastunit.yml"
    (provider,) = yaml.safe_load(provisioning.read_text(encoding="utf-8"))["providers"]
    assert provider["options"]["path"] == folder
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(folder)
    assert (COMPOSE / "grafana" / "dashboards" / home.name).exists()


def test_the_shops_and_the_services_share_their_secrets(compose: Mapping[str, Any]) -> None:
    """What a shop signs with is what ingest verifies with; what the services present is what the shop accepts."""
    services = compose["services"]
    config = parse(tomllib.loads(compose["configs"]["lastunit"]["content"]))
    for channel in config.channels:
        shop, prefix = services[f"shop-{channel.name}"], f"LASTUNIT_{channel.name.upper().replace('-', '_')}"
        accepted = services["ingest"]["environment"][f"{prefix}_WEBHOOK_SECRETS"]
        assert shop["environment"]["FAKE_WEBHOOK_SECRET"] == accepted
        names = {Kind.SHOPIFY: ["ACCESS_TOKEN"], Kind.WOOCOMMERCE: ["CONSUMER_KEY", "CONSUMER_SECRET"]}[channel.kind]
        for part in ("publisher", "poller"):
            own = services[f"{part}-{channel.name}"]["environment"]
            assert ":".join(own[f"{prefix}_{name}"] for name in names) == shop["environment"]["FAKE_TOKEN"]
        command = shop["command"]
        assert command[command.index("--kind") + 1] == channel.kind
        assert channel.base_url == f"http://127.0.0.1:{_port(shop)}"
