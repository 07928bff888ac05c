"""The ledger's loop, without Kafka and PostgreSQL."""

import pytest

from publishers.ledger.app import Ledger
from publishers.ledger.writer import connected
from schemas.config import ConfigError, Secrets
from schemas.settings import Config, Kafka


async def test_a_missing_secret_suspends_the_ledger_and_does_not_end_it() -> None:
    """Its file is away for a moment while it is rotated; the next try finds it."""
    ledger = Ledger(Config(kafka=Kafka(bootstrap="127.0.0.1:1")), Secrets({}))
    ledger._source.assigned = (("stock.level", 0),)
    await ledger._turn()
    assert ledger.alive
    assert not ledger.ready
    assert str(ledger.state()["trouble"]).startswith("ConfigError: secret POSTGRES_DSN is missing")
    ledger.stopping.set()
    await ledger.run()


@pytest.mark.parametrize("password", ["hunter#2", "hunter/2", "hun:ter2"])
async def test_an_address_that_cannot_be_read_is_not_quoted(password: str) -> None:
    """The client takes a part of such a password for a port, and its error names it."""
    with pytest.raises(ConfigError) as caught:
        await connected(f"postgresql://u:{password}@127.0.0.1:x/db", 1)
    assert "hun" not in str(caught.value)
    assert caught.value.__suppress_context__
