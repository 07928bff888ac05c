"""Where reading begins, and how far it has come."""

import pytest

from publishers.ledger.batch import Taken
from publishers.ledger.places import Place, place
from publishers.ledger.progress import Progress
from publishers.ledger.rows import feeds
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL


def progress() -> Progress:
    """Return the progress of two partitions."""
    return Progress(
        feeds=feeds([]),
        ids={STOCK_LEVEL: "s", ORDER_OUTCOME: "o"},
        next_offset={(STOCK_LEVEL, 0): 5, (ORDER_OUTCOME, 0): 7},
        seen_s={(STOCK_LEVEL, 0): 100.0, (ORDER_OUTCOME, 0): 100.0},
    )


def item(topic: str, offset: int, *, end: bool = False) -> Taken:
    """Return a tombstone, or the end."""
    return Taken(topic=topic, partition=0, offset=offset, key=b"A", value=None, end=end)


@pytest.mark.parametrize(
    ("stored", "low", "high", "offset", "expired"),
    [(0, 0, 0, 0, 0), (5, 0, 9, 5, 0), (9, 0, 9, 9, 0), (5, 5, 9, 5, 0), (4, 5, 9, 5, 1), (0, 30, 30, 30, 30)],
)
def test_reading_begins_where_the_database_says(stored: int, low: int, high: int, offset: int, expired: int) -> None:
    """Unless Kafka has deleted those records: then at the first that is left, and the rest is counted."""
    assert place(stored, low, high) == Place(offset=offset, expired=expired)


def test_a_log_that_ends_before_our_position_is_not_read() -> None:
    """Records that we have written are gone from Kafka: reading on would take other records for them."""
    assert place(10, 0, 9).refused


def test_a_written_batch_moves_the_positions_it_names() -> None:
    """What was not in the batch stays; the end is known where it was seen last."""
    it = progress()
    batch = it.batch([item(STOCK_LEVEL, 5), item(STOCK_LEVEL, 7, end=True)], tick=False)
    assert {at: (move.expected, move.next_offset) for at, move in batch.moves.items()} == {("s", 0): (5, 7)}
    it.written(batch, 130.0)
    assert it.next_offset == {(STOCK_LEVEL, 0): 7, (ORDER_OUTCOME, 0): 7}
    assert it.lag({(STOCK_LEVEL, 0): 8, (ORDER_OUTCOME, 0): 12}) == {STOCK_LEVEL: 0, ORDER_OUTCOME: 5}
    assert it.behind_s(131.0) == 31.0


def test_a_tick_says_that_quiet_partitions_are_at_their_end() -> None:
    """So that an answer can say how old it is, though nothing happens; a record ends the quiet."""
    it = progress()
    it.written(it.batch([item(STOCK_LEVEL, 5, end=True), item(ORDER_OUTCOME, 7, end=True)], tick=False), 130.0)
    assert it.batch([], tick=False).moves == {}
    batch = it.batch([item(ORDER_OUTCOME, 7)], tick=True)
    assert {at: move.at_end for at, move in batch.moves.items()} == {("o", 0): False, ("s", 0): True}
    it.written(batch, 140.0)
    assert it.at_end == {(STOCK_LEVEL, 0)}
    assert it.behind_s(140.0) == 10.0


def test_expired_records_move_the_position_to_what_is_left() -> None:
    """From the offset that the table has, so that the move is compared like any other."""
    it = progress()
    batch = it.expired({(STOCK_LEVEL, 0): Place(offset=9, expired=4), (ORDER_OUTCOME, 0): Place(offset=7)})
    assert {at: (move.expected, move.next_offset) for at, move in batch.moves.items()} == {("s", 0): (5, 9)}
