"""What the containers run, on a cluster and under compose: our real commands."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

import compose.fakes.__main__ as fakes
import ingest.__main__ as ingest_main
import processor.__main__ as processor_main
import publishers.__main__ as publishers_main
import publishers.ledger.__main__ as ledger_main
import schemas.__main__ as schemas_main
from schemas.config import parse
from tests.k8s.programs import CONFIG, PROGRAMS, Program, compose_file, config_of, where


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


@pytest.mark.parametrize("program", PROGRAMS, ids=where)
def test_a_container_runs_a_real_command(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's own command line accepts the words, and reads from them what they say."""
    args = PARSERS[program.module](program.arguments, monkeypatch)

    if program.module != "compose.fakes":
        assert args.config == CONFIG
    if getattr(args, "channel", None):
        assert args.channel in config_of(program).channel_names


def test_every_channel_of_the_compose_file_has_its_three_containers() -> None:
    """A publisher, a poller and the shop that it talks to."""
    services = compose_file()["services"]
    for name in parse(tomllib.loads(compose_file()["configs"]["lastunit"]["content"])).channel_names:
        assert {f"publisher-{name}", f"poller-{name}", f"shop-{name}"} <= set(services)
