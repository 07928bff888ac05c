"""What the containers run, on a cluster and under compose: our real commands, with the secrets that they ask for."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

import compose.fakes.__main__ as fakes
import ingest.__main__ as ingest_main
import processor.__main__ as processor_main
import publishers.__main__ as publishers_main
import publishers.ledger.__main__ as ledger_main
import schemas.__main__ as schemas_main
from ingest.channels.calls import POLLS
from publishers.channels import KINDS
from schemas.config import channel_secret, load, parse
from schemas.settings import Config

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/lastunit/lastunit.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A container that runs a command of ours: where it stands, what it runs, what it is handed."""

    where: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, str] = field(default_factory=dict)


def _manifests() -> Iterator[Mapping[str, Any]]:
    for path in sorted((ROOT / "k8s").rglob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def _on_a_cluster() -> Iterator[Program]:
    for one in _manifests():
        pod = one.get("spec", {}).get("template", {}).get("spec")
        for container in pod["containers"] if pod else []:
            python, dash_m, module, *arguments = container["command"]
            assert (python, dash_m) == ("python", "-m")
            environment = {v["name"]: v.get("value", "a-pod-0") for v in container.get("env", [])}
            where = f"k8s {one['metadata']['name']}"
            files = _projected(pod, container)
            yield Program(where=where, module=module, arguments=arguments, environment=environment, files=files)


def _projected(pod: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, str]:
    """Return each secret file's path in the container, and `secret/key` that it holds."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    return {
        f"{mounts[volume['name']]}/{item['path']}": f"{source['secret']['name']}/{item['key']}"
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        for item in source["secret"]["items"]
    }


def _compose() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((ROOT / "compose" / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def _under_compose() -> Iterator[Program]:
    for name, service in _compose()["services"].items():
        if service["image"].startswith("lastunit"):
            python, dash_m, module, *arguments = service["command"]
            assert (python, dash_m) == ("python", "-m")
            environment = service.get("environment", {})
            yield Program(where=f"compose {name}", module=module, arguments=arguments, environment=environment)


def _config(where: str) -> Config:
    """Return the configuration of a deployment, read as the services read it."""
    if where.startswith("k8s"):
        return load(ROOT / "k8s" / "base" / "lastunit.toml")
    return parse(tomllib.loads(_compose()["configs"]["lastunit"]["content"].replace("$$", "$")))


PROGRAMS = [*_on_a_cluster(), *_under_compose()]
OURS = [program for program in PROGRAMS if program.module != "compose.fakes"]


def _ingest(arguments: Sequence[str], patch: pytest.MonkeyPatch) -> Any:
    """Return what the web service, a poller or the remap service is handed by the real command line."""
    seen: list[Any] = []

    def run(args: Any) -> int:
        seen.append(args)
        return 0

    for module in ("ingest.serve", "ingest.poll_cli", "ingest.remap_cli"):
        patch.setattr(f"{module}.run", run)
    ingest_main.main(arguments)
    return seen[0]


PARSERS: Mapping[str, Callable[[Sequence[str], pytest.MonkeyPatch], Any]] = {
    "schemas": lambda words, _: schemas_main._parser().parse_args(words),
    "ingest": _ingest,
    "processor": lambda words, _: processor_main._arguments(words),
    "publishers": lambda words, _: publishers_main.parser(words).parse_args(words),
    "publishers.ledger": lambda words, _: ledger_main._parser().parse_args(words),
    "compose.fakes": lambda words, _: fakes.arguments(words),
}


def _name(program: Program) -> str:
    return program.where


@pytest.mark.parametrize("program", PROGRAMS, ids=_name)
def test_a_container_runs_a_real_command(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own command line accepts the words, and reads from them what they say."""
    args = PARSERS[program.module](program.arguments, monkeypatch)

    if program.module != "compose.fakes":
        assert args.config == CONFIG
    if getattr(args, "channel", None):
        assert args.channel in _config(program.where).channel_names


@pytest.mark.parametrize("program", OURS, ids=_name)
def test_a_container_has_the_secrets_that_its_command_asks_for_and_no_other(program: Program) -> None:
    """A publisher never sees another channel's token, nor ingest any token at all."""
    given = {name.removeprefix("LASTUNIT_").removesuffix("_FILE") for name in program.environment}

    assert given - {"POD_NAME"} == _asked(program)


def _asked(program: Program) -> set[str]:
    config, words = _config(program.where), [program.module, *program.arguments[:2]]
    match words:
        case ["ingest", "serve", _]:
            return {channel_secret(name, "WEBHOOK_SECRETS") for name in config.channel_names} | {"STOCK_TOKENS"}
        case ["ingest", "poll", name]:
            secrets = POLLS[config.channel(name).kind].SECRETS
            return {channel_secret(name, what) for what in secrets} | {"STOCK_TOKENS"}
        case ["publishers", "run", name]:
            return {channel_secret(name, what) for what in KINDS[config.channel(name).kind].SECRETS}
        case ["publishers.ledger", *_]:
            return {"POSTGRES_DSN"}
        case _:
            return set()


@pytest.mark.parametrize("program", [one for one in OURS if one.where.startswith("k8s")], ids=_name)
def test_a_variable_names_a_file_that_is_mounted(program: Program) -> None:
    """Each secret's file comes from the Secret of its channel, under the key that the secret is called by there."""
    named = {value: name for name, value in program.environment.items() if name.endswith("_FILE")}

    assert set(named) == set(program.files)
    for path, variable in named.items():
        secret, _, key = program.files[path].partition("/")
        channel = secret.removeprefix("lastunit-")
        whole = channel_secret(channel, key) if channel in _config(program.where).channel_names else key
        assert variable == f"LASTUNIT_{whole}_FILE"


def test_every_channel_of_the_compose_file_has_its_three_containers() -> None:
    """A publisher, a poller and the shop that it talks to."""
    services = _compose()["services"]
    for name in _config("compose").channel_names:
        assert {f"publisher-{name}", f"poller-{name}", f"shop-{name}"} <= set(services)
