"""What the containers run, on a cluster and under compose: our real commands, with the secrets that they ask for."""

import asyncio
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
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
from ingest.channels.calls import GRANTS, POLLS, WATCHES
from publishers.channels import KINDS
from schemas import cluster, logs
from schemas.config import channel_secret, parse
from schemas.settings import Config, Kind
from tests.k8s import kustomize

ROOT = Path(__file__).parents[2]
CONFIG = "/etc/lastunit/lastunit.toml"
SECRET = "0f" * 32
"""A secret of nobody's, which reads as a token, a key and a verification token."""
PROOFS: Mapping[Kind, Sequence[str]] = {
    **dict.fromkeys(Kind, ("WEBHOOK_SECRETS",)),
    Kind.AMAZON: (),
    Kind.EBAY: ("CLIENT_ID", "CLIENT_SECRET", "VERIFICATION_TOKEN"),
}
"""What proves a channel's webhooks, said once more: a shared secret, or keys that are asked for; queues need none."""


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


def _compose() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((ROOT / "compose" / "docker-compose.yml").read_text(encoding="utf-8"))
    return found


def _under_compose() -> Iterator[Program]:
    for name, service in _compose()["services"].items():
        if service["image"].startswith("lastunit"):
            python, dash_m, module, *arguments = service["command"]
            assert (python, dash_m) == ("python", "-m")
            yield Program(
                where=f"compose {name}",
                module=module,
                arguments=arguments,
                config=_compose()["configs"]["lastunit"]["content"].replace("$$", "$"),
                environment=service.get("environment", {}),
            )


def _config(program: Program) -> Config:
    """Return the configuration of a deployment, read as the services read it."""
    return parse(tomllib.loads(program.config))


CLUSTERS = [program for added in kustomize.SELECTIONS for program in _on_a_cluster(added)]
PROGRAMS = [*CLUSTERS, *_under_compose()]
OURS = [program for program in PROGRAMS if program.module != "compose.fakes"]
WITH_SECRETS = [one for one in OURS if one.module == "ingest" and one.arguments[0] in ("serve", "poll", "queue")]


def _ingest(arguments: Sequence[str], patch: pytest.MonkeyPatch) -> Any:
    """Return what a service of ingest's is handed by the real command line."""
    seen: list[Any] = []

    def run(args: Any) -> int:
        seen.append(args)
        return 0

    for module in ("ingest.serve", "ingest.poll_cli", "ingest.queue_cli", "ingest.remap_cli"):
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
        assert args.channel in _config(program).channel_names


@pytest.mark.parametrize("program", OURS, ids=_name)
def test_a_container_has_the_secrets_that_its_command_asks_for_and_no_other(program: Program) -> None:
    """A publisher never sees another channel's token, nor ingest any token at all."""
    given = {name.removeprefix("LASTUNIT_").removesuffix("_FILE") for name in program.environment}

    assert given - {"POD_NAME"} == _asked(program)


def _asked(program: Program) -> set[str]:
    config, words = _config(program), [program.module, *program.arguments[:2]]
    match words:
        case ["ingest", "serve", _]:
            proofs = {channel_secret(one.name, what) for one in config.channels for what in PROOFS[one.kind]}
            return proofs | {"STOCK_TOKENS"}
        case ["ingest", "poll", name]:
            kind = config.channel(name).kind
            tables: Sequence[Mapping[Kind, Any]] = (POLLS, GRANTS, WATCHES)
            asked = [what for table in tables if kind in table for what in table[kind].SECRETS]
            return {channel_secret(name, what) for what in asked} | {"STOCK_TOKENS"}
        case ["ingest", "queue", name]:
            return {channel_secret(name, what) for what in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
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
        whole = channel_secret(channel, key) if channel in _config(program).channel_names else key
        assert variable == f"LASTUNIT_{whole}_FILE"


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Program, str], bool]:
    """
    Return what runs a command as its container does, up to where it would start, and says whether it would.

    The cluster stands in for itself: it is not asked for its topics.  One variable may be left out.
    """

    def begun(program: Program, without: str) -> bool:
        for name in program.environment:
            monkeypatch.delenv(name, raising=False)
        for name in {*program.environment} - {without}:
            monkeypatch.setenv(name, _laid(tmp_path, program, name))
        config = tmp_path / "lastunit.toml"
        config.write_text(program.config, encoding="utf-8")
        words = [str(config) if word == CONFIG else word for word in program.arguments]
        return ingest_main.main(words) == 0

    monkeypatch.setattr(asyncio, "run", lambda starting: starting.close())
    monkeypatch.setattr(logs, "setup", lambda _service: None)
    _without_a_cluster(monkeypatch)
    return begun


def _without_a_cluster(patch: pytest.MonkeyPatch) -> None:
    for command in ("serve", "poll", "queue"):
        import_module(ingest_main.COMMANDS[command][0])
    for name, module in [*sys.modules.items()]:
        if name.startswith("ingest.") and getattr(module, "check", None) is cluster.check:
            patch.setattr(module, "check", lambda _config: [])


def _laid(folder: Path, program: Program, name: str) -> str:
    """Return a variable's value: itself, or the place of the file that it names, which is there if it is mounted."""
    value = program.environment[name]
    if not name.endswith("_FILE"):
        return value
    path = folder / value.lstrip("/")
    if value in program.files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("program", WITH_SECRETS, ids=_name)
def test_a_command_starts_with_what_its_container_has(
    program: Program, begin: Callable[[Program, str], bool], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command's own check, with the configuration and the files that are mounted, has nothing to complain of."""
    assert begin(program, ""), capsys.readouterr().err


@pytest.mark.parametrize("program", WITH_SECRETS, ids=_name)
def test_a_command_does_not_start_without_any_of_its_secrets(
    program: Program, begin: Callable[[Program, str], bool], capsys: pytest.CaptureFixture[str]
) -> None:
    """So none is mounted for nothing.  What a poller's trigger asks for is asked for when somebody pulls it."""
    trigger = "STOCK_TOKENS_FILE" if program.where.startswith("k8s") else "STOCK_TOKENS"
    for name in program.environment:
        if program.arguments[0] != "poll" or name != f"LASTUNIT_{trigger}":
            assert not begin(program, name), name
            secret = name.removeprefix("LASTUNIT_").removesuffix("_FILE")
            assert secret.removeprefix(channel_secret(program.arguments[1], "")) in capsys.readouterr().err, name


def test_every_channel_of_the_compose_file_has_its_three_containers() -> None:
    """A publisher, a poller and the shop that it talks to."""
    services = _compose()["services"]
    for name in parse(tomllib.loads(_compose()["configs"]["lastunit"]["content"])).channel_names:
        assert {f"publisher-{name}", f"poller-{name}", f"shop-{name}"} <= set(services)
