"""The shell's small parts: dead letters, client options, tables' memory, the names we rely on, the endpoint."""

import base64
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from faust.tables import TableManager

from processor import options, private
from processor.dead import ORIGINAL_MAX, letter
from processor.metrics import Metrics
from processor.plan import Plan
from processor.store import LEVELS_CACHED, Change, Reach, View
from processor.store_memory import Memory
from processor.web import Health, address, serve
from processor.writer import Names
from schemas.codec import encode
from schemas.config import ConfigError
from schemas.records import Cause, Origin, StockLevel
from schemas.settings import Kafka
from schemas.words import CauseKind, Policy, Reason

ORIGIN = Origin(topic="order.confirmed", topic_id="id", partition=3, offset=9)


@dataclass(frozen=True)
class Record:
    """A fetched record."""

    key: bytes | None = b"S"
    value: bytes | None = b"original"
    offset: int = 9
    headers: tuple[tuple[str, bytes], ...] = ()


def level(sku: str, quantity: int = 1) -> StockLevel:
    """Return a level."""
    cause = Cause(kind=CauseKind.ORDER, delta=1, received_at=1)
    return StockLevel(
        sku=sku, quantity=quantity, version=1, paused=None, policy=Policy.REJECT, cause=cause, source={}, updated_at=1
    )


def change(levels: dict[bytes, bytes], lines: dict[bytes, bytes] | None = None) -> Change:
    """Return what a transaction has committed."""
    return Change(levels=levels, lines=lines or {}, at=1, reach=Reach())


def test_a_dead_letter_names_the_place_and_keeps_the_bytes() -> None:
    """Its id is its place, so the same record read again has the same id."""
    found = letter(Record(), ORIGIN, Reason.UNDECODABLE, "why", 5)
    assert (found.dead_letter_id, found.sku, found.err, found.at) == ("id-3-9", "S", "why", 5)
    assert base64.b64decode(found.original or "") == b"original"


def test_an_original_that_does_not_fit_is_left_in_its_topic() -> None:
    """The dead letter says how large it is; it can itself be written."""
    found = letter(Record(value=b"x" * (ORIGINAL_MAX + 1)), ORIGIN, Reason.UNDECODABLE, "why", 5)
    assert found.original is None
    assert f"{ORIGINAL_MAX + 1} bytes are only in the source topic" in found.err
    assert encode(letter(Record(value=b"x" * ORIGINAL_MAX), ORIGIN, Reason.UNDECODABLE, "é" * 2_000, 5))


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"x" * 256])
def test_a_key_that_is_no_sku_names_none(key: bytes | None) -> None:
    """Missing, empty, no text, too long."""
    assert letter(Record(key=key), ORIGIN, Reason.UNDECODABLE, "why", 5).sku is None


def test_options_spelt_for_librdkafka_reach_aiokafka() -> None:
    """SASL over TLS, and several bootstrap servers."""
    kafka = Kafka(
        bootstrap="a:1,b:2",
        options={
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "u",
            "sasl.password": "p",
            "client.id": "x",
        },
    )
    found = options.client(kafka)
    assert found["bootstrap_servers"] == ["a:1", "b:2"]
    assert (found["security_protocol"], found["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("u", "p")
    assert found["ssl_context"].check_hostname


def test_an_option_that_aiokafka_does_not_know_is_refused_by_name() -> None:
    """Nothing is dropped in silence."""
    with pytest.raises(ConfigError, match=r"does not know socket\.nagle\.disable"):
        options.client(Kafka(bootstrap="a:1", options={"socket.nagle.disable": "true"}))


def test_tls_files_that_cannot_be_read_are_a_fault_of_the_configuration() -> None:
    """With the reason."""
    chosen = {"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"}
    with pytest.raises(ConfigError, match="TLS files cannot be used"):
        options.client(Kafka(bootstrap="a:1", options=chosen))


def test_the_view_decodes_what_the_tables_hold_and_follows_commits() -> None:
    """A level is decoded once, then kept; a commit replaces it."""
    view = View(Memory())
    view.store.take(change({b"S": encode(level("S"))}))
    first = view.level("S")
    assert first == level("S")
    assert view.level("S") is first
    assert view.level("T") is None
    assert view.line(b"x") is None
    newer = level("S", 7)
    view.commit({"S": newer}, change({b"S": encode(newer)}, {b"o|S": b"{}"}))
    assert view.level("S") is newer
    assert view.lines.get(b"o|S") == b"{}"


def test_decoded_levels_are_bounded_and_still_right_when_forgotten() -> None:
    """Beyond the bound all are forgotten and decoded again from the bytes."""
    view = View(Memory())
    many = {f"S{number}": level(f"S{number}", number) for number in range(LEVELS_CACHED + 1)}
    view.commit(many, change({b"S5": encode(many["S5"])}))
    found = view.level("S5")
    assert found == many["S5"]
    assert found is not many["S5"]


def test_every_private_name_we_rely_on_is_there() -> None:
    """With the pinned versions nothing is missing."""
    assert private.missing() == []


@pytest.mark.parametrize("table", ["OVERRIDDEN", "CALLED", "ASSIGNED"])
def test_a_renamed_private_name_is_noticed_at_start_up(monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """By its owner and name."""
    monkeypatch.setattr(private, table, ((TableManager, "_no_such_name"),))
    (fault,) = private.missing()
    assert "TableManager" in fault
    assert "_no_such_name" in fault


def test_another_version_than_the_proven_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell leans on private names, so a new version must be proven first."""
    monkeypatch.setattr(private, "PROVEN", {"aiokafka": "0.0.1"})
    (fault,) = private.missing()
    assert "was proven with 0.0.1" in fault


def test_a_codec_that_cannot_be_read_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are compressed by their producers; finding out at the first of them would be too late."""
    monkeypatch.setattr(private, "has_lz4", lambda: False)
    assert private.missing() == ["records compressed with lz4 cannot be read: install cramjam"]


def test_names_carry_the_deployments_prefix() -> None:
    """Transactional ids belong to partitions, not to workers."""
    names = Names(group="p.processor", prefix="p.")
    assert names.transactional_id(3) == "p.processor-3"
    assert names.topic("stock.level") == "p.stock.level"


def test_metrics_count_what_a_transaction_made_true() -> None:
    """Results, what was ignored, dead letters and oversells."""
    metrics = Metrics()
    done = Plan()
    done.results.update({"accepted": 3, "insufficient": 2})
    done.ignored.update({"duplicate": 1})
    done.dead.update({"undecodable": 1})
    metrics.committed(done, 7, 0.01)
    read: Any = metrics.registry.get_sample_value
    assert read("lastunit_processor_decisions_total", {"result": "accepted"}) == 3
    assert read("lastunit_processor_oversell_detected_total") == 2
    assert read("lastunit_processor_ignored_total", {"reason": "duplicate"}) == 1
    assert read("lastunit_processor_dead_letters_total", {"reason": "undecodable"}) == 1
    assert read("lastunit_processor_batch_records_sum") == 7


@pytest.mark.parametrize(
    ("health", "healthz", "readyz"),
    [
        (Health(progressing=True, ready=True, lanes={"open": 2}, wedged={}), 200, 200),
        (Health(progressing=True, ready=False, lanes={"opening": 2}, wedged={}), 200, 503),
        (Health(progressing=True, ready=False, lanes={"wedged": 1}, wedged={3: "truncated"}), 200, 503),
        (Health(progressing=False, ready=True, lanes={"open": 2}, wedged={}), 503, 200),
    ],
)
async def test_the_endpoint_tells_alive_from_ready(health: Health, healthz: int, readyz: int) -> None:
    """A wedged partition makes a worker unready and is named; only a worker that hangs is unhealthy."""
    runner = await serve("127.0.0.1", 0, lambda: health, Metrics().registry)
    host, port = address(runner)
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        for path, status in (("/healthz", healthz), ("/readyz", readyz)):
            async with session.get(path) as answer:
                assert answer.status == status
                body = await answer.json()
                assert body["wedged"] == {str(partition): reason for partition, reason in health.wedged.items()}
        async with session.get("/metrics") as answer:
            assert "lastunit_processor_decisions" in await answer.text()
    await runner.cleanup()
