"""The containers have the secrets that their commands ask for, and no other."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import ingest.__main__ as ingest_main
from ingest.channels.calls import GRANTS, POLLS, WATCHES
from publishers.channels import GRANTS as BOUGHT
from publishers.channels import KINDS
from publishers.credentials import asked
from schemas import cluster, logs
from schemas.config import channel_secret
from schemas.settings import Kind
from tests.k8s.programs import CONFIG, OURS, Program, config_of, where

SECRET = "0f" * 32
"""A secret of nobody's, which reads as a token, a key and a verification token."""
PROOFS: Mapping[Kind, Sequence[str]] = {
    **dict.fromkeys(Kind, ("WEBHOOK_SECRETS",)),
    Kind.AMAZON: (),
    Kind.EBAY: ("CLIENT_ID", "CLIENT_SECRET", "VERIFICATION_TOKEN"),
}
"""What proves a channel's webhooks, said once more: a shared secret, or keys that are asked for; queues need none."""
WITH_SECRETS = [one for one in OURS if one.module == "ingest" and one.arguments[0] in ("serve", "poll", "queue")]


@pytest.mark.parametrize("program", OURS, ids=where)
def test_a_container_has_the_secrets_that_its_command_asks_for_and_no_other(program: Program) -> None:
    """A publisher never sees another channel's token, nor ingest any token at all."""
    given = {name.removeprefix("LASTUNIT_").removesuffix("_FILE") for name in program.environment}

    assert given - {"POD_NAME"} == _asked(program)


def _asked(program: Program) -> set[str]:
    config, words = config_of(program), [program.module, *program.arguments[:2]]
    match words:
        case ["ingest", "serve", _]:
            proofs = {channel_secret(one.name, what) for one in config.channels for what in PROOFS[one.kind]}
            return proofs | {"STOCK_TOKENS"}
        case ["ingest", "poll", name]:
            kind = config.channel(name).kind
            tables: Sequence[Mapping[Kind, Any]] = (POLLS, GRANTS, WATCHES)
            needed = [what for table in tables if kind in table for what in table[kind].SECRETS]
            return {channel_secret(name, what) for what in needed} | {"STOCK_TOKENS"}
        case ["ingest", "queue", name]:
            return {channel_secret(name, what) for what in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        case ["publishers", "run", name]:
            kind = config.channel(name).kind
            return {channel_secret(name, what) for what in asked(KINDS[kind], BOUGHT.get(kind))}
        case ["publishers.ledger", *_]:
            return {"POSTGRES_DSN"}
        case _:
            return set()


@pytest.mark.parametrize("program", [one for one in OURS if one.where.startswith("k8s")], ids=where)
def test_a_variable_names_a_file_that_is_mounted(program: Program) -> None:
    """Each secret's file comes from the Secret of its channel, under the key that the secret is called by there."""
    named = {value: name for name, value in program.environment.items() if name.endswith("_FILE")}

    assert set(named) == set(program.files)
    for path, variable in named.items():
        secret, _, key = program.files[path].partition("/")
        channel = secret.removeprefix("lastunit-")
        whole = channel_secret(channel, key) if channel in config_of(program).channel_names else key
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


@pytest.mark.parametrize("program", WITH_SECRETS, ids=where)
def test_a_command_starts_with_what_its_container_has(
    program: Program, begin: Callable[[Program, str], bool], capsys: pytest.CaptureFixture[str]
) -> None:
    """The command's own check, with the configuration and the files that are mounted, has nothing to complain of."""
    assert begin(program, ""), capsys.readouterr().err


@pytest.mark.parametrize("program", WITH_SECRETS, ids=where)
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
