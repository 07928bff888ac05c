"""What an operator's commands say when Kafka is not as they need it, and what their help says."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from ingest.__main__ import main as ingest_main
from publishers import commands, reconcile_cli
from publishers.__main__ import main
from publishers.commands import BY_SKU, COMMANDS, MEANINGS
from publishers.ledger.explain_cli import told
from publishers.tail import Tail, unanswered
from schemas.channel_records import Drift, Incident
from schemas.cluster import ClusterError
from schemas.quiet import Once
from schemas.settings import Channel, Config, Kafka, Kind
from schemas.topics import SYNC_DRIFT
from schemas.words import IncidentKind

CONFIG = Config(kafka=Kafka(bootstrap="127.0.0.1:1"))


@pytest.fixture
def tail() -> Iterator[Tail]:
    """Return a look at drifts, at a broker that is not there."""
    logging.getLogger("librdkafka").addFilter(drop := lambda _record: False)
    made = Tail(CONFIG, {SYNC_DRIFT: Drift}, "test")
    yield made
    made.close()
    logging.getLogger("librdkafka").removeFilter(drop)


def test_a_topic_that_is_not_there_is_named_with_what_makes_it(tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks before the topics are created gets a sentence and no traceback."""
    found = SimpleNamespace(topics={"order.confirmed": SimpleNamespace(partitions={0: None})})
    monkeypatch.setattr(tail, "_consumer", SimpleNamespace(list_topics=lambda **_: found, close=lambda: None))

    with pytest.raises(ClusterError, match=r"no topic sync\.drift in Kafka: .*schemas topics --create"):
        tail.from_end()


def test_a_kafka_that_does_not_answer_is_named_with_where_it_was_looked_for() -> None:
    """In words: no error object, the address from the configuration, and what to look at."""
    said = unanswered(CONFIG, KafkaException(KafkaError(KafkaError._TRANSPORT)))

    assert said.startswith("Kafka cannot be asked: ")
    assert "KafkaError{" not in said
    assert "(127.0.0.1:1); see that it runs and that [kafka] is right" in said


def test_a_person_hears_each_word_of_the_client_once() -> None:
    """A broker that is away brings hundreds of lines that differ in a time only; another cause is another line."""
    once = Once()
    said = [
        once.filter(logging.makeLogRecord({"msg": f"FAIL [rdkafka#consumer-{number}]: {what} ({number}ms)"}))
        for number, what in enumerate(("Connect failed", "Connect failed", "SSL handshake failed", "Connect failed"))
    ]

    assert said == [True, False, True, False]


def test_nothing_is_repeated_by_a_command_of_either_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a broker `ingest unmapped` wrote 150 lines, and the sentence that helps scrolled away."""
    record = logging.makeLogRecord({"msg": "FAIL [rdkafka#consumer-1]: Connect failed (1ms)", "name": "ingest.replay"})
    last = logging.lastResort
    assert last is not None

    def run(_: object) -> int:
        return [bool(last.filter(record)) for _ in range(3)].count(True)

    monkeypatch.setattr("ingest.unmapped_cli.run", run)
    monkeypatch.setattr("publishers.dlq_cli.run", run)
    assert (ingest_main(["unmapped"]), main(["dlq", "list"])) == (1, 1)
    assert run(None) == 3


def test_every_command_s_meaning_stands_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has to guess what `discard` does."""
    with pytest.raises(SystemExit):
        main(["command", "--help"])
    said = capsys.readouterr().out

    assert set(MEANINGS) == set(COMMANDS)
    assert all(meaning in said for meaning in MEANINGS.values())


@pytest.mark.parametrize("words", [["dlq"], ["reconcile"], ["adopt"]])
def test_a_command_s_help_names_its_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A script's author finds them where the arguments stand."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])

    assert "Exit codes: 0 " in capsys.readouterr().out


def test_a_reason_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt reason would find nothing, and look like an empty list."""
    with pytest.raises(SystemExit) as end:
        main(["dlq", "list", "--reason", "rejecte"])

    assert end.value.code == 2
    assert "ladder_exhausted" in capsys.readouterr().err


def test_a_channel_that_only_sends_orders_is_not_explained() -> None:
    """Nobody tells an ERP its levels: as "never told" it would stand over the answer for every SKU."""
    channels = tuple(Channel(name=name, kind=kind, since=0) for name, kind in (("erp", Kind.GENERIC), ("e", Kind.ETSY)))

    assert [channel.name for channel in told(Config(kafka=CONFIG.kafka, channels=channels))] == ["e"]


def test_a_command_that_nobody_can_take_says_so_soon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, with the address that was asked: not half a minute of a producer's patience."""
    monkeypatch.setattr(commands, "METADATA_S", 0.2)
    path = tmp_path / "config.toml"
    path.write_text(
        '[kafka]\nbootstrap = "127.0.0.1:1"\npartitions = 1\n'
        '[[channels]]\nname = "shop"\nkind = "woocommerce"\nsince = 2026-11-01T00:00:00Z\nbase_url = "http://shop"\n'
    )

    assert main(["command", "shop", "enable", "--config", str(path)]) == 1
    assert "the command was not written: no answer from Kafka at 127.0.0.1:1: " in capsys.readouterr().err


SHOP = (
    '[kafka]\nbootstrap = "127.0.0.1:1"\npartitions = 1\n'
    '[[channels]]\nname = "shop"\nkind = "woocommerce"\nsince = 2026-11-01T00:00:00Z\nbase_url = "http://shop"\n'
)


@pytest.mark.parametrize("what", [command for command in COMMANDS if command not in BY_SKU])
def test_a_command_of_the_whole_channel_takes_no_sku(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who means to enable, or to stop, one SKU must not do so to all of them: nothing is sent, exit code 2."""
    path = tmp_path / "config.toml"
    path.write_text(SHOP)

    assert main(["command", "shop", what, "--sku", "TEE", "--config", str(path)]) == 2
    assert "is of the whole channel, leave out --sku" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["command", "shop", "stop", "--reason", "x" * 1_001], "reason: 1001 bytes, want 0 to 1000"),
        (["command", "shop", "replay", "--sku", ""], "sku: 0 bytes, want 1 to 255"),
        (["command", "shop", "enable", "--actor", "x" * 1_001], "actor: 1001 bytes, want 0 to 1000"),
    ],
)
def test_words_that_fit_into_no_record_are_refused_before_anything_is_sent(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a sentence that names the word, exit code 2; no traceback, and Kafka is not even asked."""
    path = tmp_path / "config.toml"
    path.write_text(SHOP)

    assert main([*words, "--config", str(path)]) == 2
    assert f"the command was not written: PublisherCommand.{said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "shop", "--time-scale", "0"], "0 is not between 1 and 1000"),
        (["run", "shop", "--time-scale", "-5"], "-5 is not between 1 and 1000"),
        (["run", "shop", "--time-scale", "fast"], "'fast'"),
        (["reconcile", "shop", "--timeout", "-1"], "-1 is not between 0 and 86400 s"),
        (["reconcile", "shop", "--timeout", "nan"], "nan is not between 0 and 86400 s"),
        (["reconcile", "shop", "--dry-run", "--last"], "not allowed with"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A ladder without waits would hammer the channel; an answer cannot come in less than no time."""
    with pytest.raises(SystemExit) as end:
        main(words)

    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word() -> None:
    """`publishers limits | head -1`: the rest is nobody's, and no traceback is anybody's."""
    argv = [sys.executable, "-m", "publishers", "limits", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert (command.stderr.read(), command.wait()) == (b"", 141)


def test_who_gets_no_answer_is_told_what_may_keep_the_publisher(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that is down is read back when it answers: nobody has to look for a publisher that runs."""

    def incident(kind: IncidentKind, at: int, **more: Any) -> Incident:
        return Incident(incident_id=f"{kind}-{at}", channel="shop", kind=kind, since=at, at=at, **more)

    down, brake = IncidentKind.CHANNEL_DOWN, IncidentKind.BRAKE
    said = [
        incident(down, 1, err="HTTP 500", until=2),
        incident(brake, 3),
        incident(down, 4, err="HTTP 503\x1b[2J"),
        incident(brake, 3, until=5),
    ]
    elsewhere = Incident(incident_id="x", channel="other", kind=down, since=1, at=1)
    look = SimpleNamespace(from_start=lambda: None, rest=lambda: iter([*said, elsewhere]), close=lambda: None)
    monkeypatch.setattr(reconcile_cli, "Tail", lambda *_: look)

    first, *rest = reconcile_cli.silence(CONFIG, "shop", 5).splitlines()

    assert first.startswith("no publisher of shop has answered within 5 s")
    assert rest == ["its open incident:  channel_down  HTTP 503?[2J"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["command", "shop", "stop"], 1, "the command was not written: no answer from Kafka"),
        (["dlq", "list"], 3, "Kafka cannot be asked"),
        (["reconcile", "shop"], 2, "Kafka cannot be asked"),
    ],
)
def test_a_rule_that_is_refused_keeps_nobody_from_stopping_the_channel(
    words: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The publisher goes on by the older rules: the fault is named, and Kafka asked all the same."""
    monkeypatch.setattr(commands, "METADATA_S", 0.2)
    monkeypatch.setattr("publishers.tail.METADATA_S", 0.2)
    path = tmp_path / "config.toml"
    path.write_text(SHOP + "rules = { buffer = -1 }\nbrake_percent = 101\n")

    assert main([*words, "--config", str(path)]) == code
    heard = capsys.readouterr().err
    assert "rules.buffer: -1 is not between" in heard
    assert "brake_percent: 101 is not between" in heard
    assert said in heard


@pytest.mark.parametrize("text", ["channels = 3\n", "channels = [3]\n", "[kafka]\nbootstrap = 3\n", "x ="])
def test_a_file_of_any_other_shape_is_said(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a sentence, exit code 2, no traceback."""
    path = tmp_path / "config.toml"
    path.write_text(text)

    assert main(["command", "shop", "stop", "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(str(path))


@pytest.mark.parametrize("words", [["run", "shop"], ["adopt", "shop"], ["command", "shop", "stop"]])
def test_any_other_fault_keeps_every_command_back(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With all that is wrong in one message, and by what the configuration says itself: exit code 2."""
    path = tmp_path / "config.toml"
    path.write_text(SHOP + "rules = { buffer = -1 }\nlocation = 7\n")

    assert main([*words, "--config", str(path)]) == 2
    heard = capsys.readouterr().err
    assert "rules.buffer: -1 is not between" in heard
    assert "location" in heard
