"""What an operator may not decide, and what stops the look itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from processor.deck import Deck
from processor.marks import Mark
from processor.positions import Evidence
from processor.skip import Look, RefusedError, Stand, Word, check, check_age, look
from processor.sources import Source
from processor.stock import Settings
from schemas.topics import ORDER_CONFIRMED
from schemas.words import Policy
from tests.processor.decks import plain_deck

NOW, HORIZON = 1_000_000, 1_000


@dataclass(frozen=True)
class Record:
    """A record of a source or of the tables' topics."""

    offset: int
    timestamp: int
    value: bytes = b""


class Logs:
    """Stands in for the cluster: each source has ten records, appended 300 ms apart, the last one now."""

    def __init__(self, row: bytes) -> None:
        """Let the tables' topics have one row."""
        self._row = row

    @asynccontextmanager
    async def log(self, tps: Any, positions: Mapping[Any, int] | None = None) -> AsyncIterator[Any]:
        """Read a log."""

        async def shares() -> AsyncIterator[list[Record]]:
            if tps[0].topic == ORDER_CONFIRMED:
                assert positions is not None
                if found := [Record(offset, NOW - (9 - offset) * 300) for offset in range(positions[tps[0]], 10)]:
                    yield found
            else:
                yield [Record(0, NOW, self._row)]

        yield shares()


@pytest.fixture
def deck_with() -> Callable[[bytes], Deck]:
    """Return the maker of decks whose tables' topics have a row."""

    def make(row: bytes) -> Deck:
        reader: Any = Logs(row)
        return plain_deck(
            reader,
            settings=Settings(default_policy=Policy.REJECT, policies={}, since={}, horizon_ms=HORIZON),
            now=lambda: NOW,
        )

    return make


def found(in_state: int | None) -> Look:
    """Return a look at a partition that was decided up to an offset, inclusive."""
    known = Evidence(topic_id="T", committed=9, mark=Mark(topic_id="T"), in_state=in_state, start=0, end=10)
    return Look(partition=0, stands={Source.ORDERS: Stand(known=known, stopped="")}, positions={})


@pytest.mark.parametrize(
    ("to", "in_state", "refused"),
    [(0, 8, True), (5, 8, True), (6, 8, False), (9, 8, False), (10, 8, False), (0, None, False), (3, 2, False)],
)
async def test_nobody_goes_back_further_than_the_tables_remember(
    deck_with: Callable[[bytes], Deck], to: int, in_state: int | None, *, refused: bool
) -> None:
    """A line that was forgotten would be decided a second time; what was never decided is no way back."""
    word, looked = Word(actor="ann", reason="x", source=Source.ORDERS, to=to), found(in_state)
    check(looked, word)
    if refused:
        with pytest.raises(RefusedError, match="older than the horizon"):
            await check_age(deck_with(b""), looked, word)
    else:
        await check_age(deck_with(b""), looked, word)


async def test_a_row_that_cannot_be_read_refuses_the_command(deck_with: Callable[[bytes], Deck]) -> None:
    """In a sentence; it stops the partition's worker as well."""
    with pytest.raises(RefusedError, match="cannot be read"):
        await look(deck_with(b"junk"), 0, lambda _: None)
