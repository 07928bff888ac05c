"""Kafka as it is on a real network: TLS and passwords; every client of ours, and what it says when one is wrong."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives import serialization

from schemas.config import load
from schemas.topics import STOCK_LEVEL

PASSWORD = "a-password"
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def folder(run_folder: Path) -> Path:
    """Return the folder of certificates and passwords."""
    made = run_folder / "secured"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def broker(supervisor: Any, run_folder: Path, folder: Path) -> Iterator[Any]:
    """Yield a broker behind TLS with a user for each mechanism."""
    from compose.runner.image import prepare
    from compose.runner.jars import fetch
    from compose.runner.secured import SecuredKafka
    from compose.runner.stack import default_cache

    image = prepare(supervisor, fetch(default_cache(), sys.stderr), sys.stderr)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other-ca.pem")
    issued = authority.issue_cert("127.0.0.1", "localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "broker.pem").write_bytes(plain + b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (folder / "right").write_text(PASSWORD + "\n")
    (folder / "wrong").write_text("wrong")
    running = SecuredKafka(
        supervisor, image, run_folder / "kafka-secured", certificate=folder / "broker.pem", users={"plain": PASSWORD}
    )
    running.start()
    admin = AdminClient({"bootstrap.servers": running.bootstrap})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion("scram", scram, PASSWORD.encode())
    for future in admin.alter_user_scram_credentials([wanted]).values():
        future.result(20)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def write(broker: Any, folder: Path) -> Write:
    """Return what writes a deployment's file: the right one, unless told otherwise."""
    from compose.runner.deployment import write_config

    def make(prefix: str, mechanism: str = "SCRAM-SHA-512", ca: str = "ca.pem", word: str = "right") -> Path:
        options = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": mechanism,
            "sasl.username": "plain" if mechanism == "PLAIN" else "scram",
            "sasl.password": f"file:{folder / word}",
            "ssl.ca.location": str(folder / ca),
        }
        kafka = {"prefix": prefix, "partitions": 1, "options": options}
        return write_config(folder / f"{prefix}toml", bootstrap=broker.secured, sections={"kafka": kafka})

    return make


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands."""
    return subprocess.run([sys.executable, "-m", *argv], capture_output=True, text=True, timeout=60, check=False)


def test_every_client_works_behind_tls_and_a_password(
    write: Write, service: Any, eventually: Any, tmp_path: Path
) -> None:
    """Topics are made, a count is imported, decided and read back; the operator's command works as well."""
    path = write("right.")
    made = run("schemas", "topics", "--create", "--config", str(path))
    assert made.returncode == 0, made.stderr
    service("processor", sys.executable, "-m", "processor", "--config", str(path), "--instance", "w")
    stock = tmp_path / "stock.csv"
    stock.write_text("sku,qty\nMUG,7\n")
    done = run("ingest", "import", str(stock), "--config", str(path), "--apply")
    assert done.returncode == 0, done.stderr
    config = load(path)
    consumer = Consumer(config.kafka.consumer("reader"))
    consumer.assign([TopicPartition(config.kafka.topic(STOCK_LEVEL), 0, 0)])
    message = eventually(lambda: consumer.poll(1), 30)
    assert json.loads(message.value())["quantity"] == 7
    consumer.close()
    shown = run("processor", "skip", "--partition", "0", "--json", "--config", str(path))
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["sources"]["stock.adjusted"]["committed"] == 1


def test_plain_passwords_work_behind_tls_too(write: Write) -> None:
    """For librdkafka and for aiokafka."""
    path = write("plain.", "PLAIN")
    assert run("schemas", "topics", "--create", "--config", str(path)).returncode == 0
    assert run("processor", "skip", "--partition", "0", "--config", str(path)).returncode == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [({"ca": "other-ca.pem"}, "ssl.ca.location"), ({"word": "wrong"}, "Authentication failed")],
)
@pytest.mark.parametrize(
    "command",
    [("schemas", "topics", "--check"), ("processor",), ("processor", "skip", "--partition", "0"), ("ingest", "serve")],
    ids=" ".join,
)
def test_a_wrong_authority_or_password_is_named(
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    wrong: Mapping[str, str],
    sentence: str,
    command: tuple[str, ...],
) -> None:
    """The command ends, and its last words say which of the two it is, not that nobody answers."""
    module = importlib.import_module(f"{command[0]}.__main__")
    if hasattr(module, "setup"):
        monkeypatch.setattr(module, "setup", lambda *_: None)  # pytest's own handlers stay
    code = module.main([*command[1:], "--config", str(write("wrong.", **wrong))])
    assert code != 0
    said = capsys.readouterr().err
    assert sentence in said.splitlines()[-1]
    assert PASSWORD not in said
