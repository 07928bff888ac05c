"""Records to rows and batches."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from publishers.ledger.batch import Batch
from publishers.ledger.rows import Position, at, feeds
from publishers.ledger.tables import BY_NAME
from schemas import channel_records, records, topics, words
from schemas.codec import encode

T = 1_700_000_000_000
WHEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
CHANNEL_LEVEL = topics.channel_level("shop-a")
TOPICS = (topics.STOCK_LEVEL, topics.ORDER_OUTCOME, topics.SYNC_LOG, topics.LISTING, CHANNEL_LEVEL)


def batch() -> Batch:
    """Return an empty batch of a ledger that has read nothing."""
    return Batch(feeds(["shop-a"]), {(f"id-{topic}", 0): 0 for topic in TOPICS})


def put(batch: Batch, topic: str, offset: int, record: Any, key: bytes = b"A") -> None:
    """Add one record."""
    position = Position(topic_id=f"id-{topic}", partition=0, offset=offset)
    batch.add(topic, position, key, record if record is None or isinstance(record, bytes) else encode(record))


def named(batch: Batch, table: str) -> list[Mapping[str, Any]]:
    """Return a table's rows with their columns' names."""
    names = [name for name, _ in BY_NAME[table].columns] + ["topic_id", "topic_partition", "topic_offset"]
    return [dict(zip(names, row, strict=True)) for row in dict(batch.rows()).get(table, [])]


def level(quantity: int | None = 5, sku: str = "A", reason: str = "") -> records.StockLevel:
    """Return a level."""
    cause = records.Cause(
        kind=words.CauseKind.ADJUSTMENT, delta=-5, received_at=T, adjustment_id="a1", actor="eve", reason=reason
    )
    return records.StockLevel(
        sku=sku,
        quantity=quantity,
        version=3,
        paused=words.Pause.OVERSELL,
        policy=words.Policy.REJECT,
        waiting=(records.Waiting(order_id="o", shortfall=2),),
        cause=cause,
        source={"t": 4},
        updated_at=T,
    )


def test_a_level_becomes_a_product() -> None:
    """The quantity is named master_quantity; lists and causes are kept as JSON."""
    it = batch()
    put(it, topics.STOCK_LEVEL, 7, level())
    (row,) = named(it, "products")
    assert row["master_quantity"] == 5
    assert row["waiting"] == '[{"orderId":"o","shortfall":2}]'
    assert '"actor":"eve"' in row["cause"]
    assert (row["sku"], row["version"], row["paused"], row["updated_at"]) == ("A", 3, "oversell", WHEN)
    assert (row["topic_id"], row["topic_partition"], row["topic_offset"]) == ("id-stock.level", 0, 7)


def test_of_a_thousand_levels_of_a_sku_one_row_is_written() -> None:
    """Only the newest counts, and it is the one that stands last in the log."""
    it = batch()
    for quantity in range(1_000):
        put(it, topics.STOCK_LEVEL, quantity, level(quantity))
    assert [row["master_quantity"] for row in named(it, "products")] == [999]
    assert it.moves["id-stock.level", 0].next_offset == 1_000


def test_a_channel_has_a_row_for_each_listing() -> None:
    """Each listing says what it shows; what is the SKU's as a whole stands in each row."""
    it = batch()
    listings = {
        "1": channel_records.Shown(shown=3, shown_at=T),
        "2": channel_records.Shown(sent=4, sent_version=9, sent_at=T),
    }
    state = channel_records.ChannelLevel(sku="A", listings=listings, hidden=2, status=words.Status.SENDING, at=T)
    put(it, CHANNEL_LEVEL, 0, state)
    rows = named(it, "channel_state")
    assert [(row["listing_id"], row["shown"], row["sent"]) for row in rows] == [("1", 3, None), ("2", None, 4)]
    assert {(row["channel"], row["sku"], row["hidden"], row["status"]) for row in rows} == {
        ("shop-a", "A", 2, "sending")
    }
    assert dict(it.removals()) == {"channel_state": [("A", "shop-a", "id-channel.level.shop-a", 0, 0)]}


def test_a_sku_without_listings_has_one_row() -> None:
    """An error of a SKU that the channel does not know must not vanish with its listings."""
    it = batch()
    put(it, CHANNEL_LEVEL, 0, channel_records.ChannelLevel(sku="A", status=words.Status.DEAD, err="gone", at=T))
    assert [(row["listing_id"], row["err"]) for row in named(it, "channel_state")] == [("", "gone")]


def test_a_tombstone_takes_the_product_away_and_no_history() -> None:
    """A deleted key ends a state; what was decided was decided."""
    it = batch()
    put(it, topics.STOCK_LEVEL, 0, level())
    put(it, topics.STOCK_LEVEL, 1, None)
    put(it, topics.ORDER_OUTCOME, 0, None)
    assert named(it, "products") == named(it, "order_events") == []
    assert dict(it.removals()) == {"products": [("A", "id-stock.level", 0, 1)]}
    assert it.moves["id-order.outcome", 0].next_offset == 1


@pytest.mark.parametrize(
    ("value", "key", "kind"),
    [
        (b"no json", b"A", "unreadable"),
        (b'{"v":2}', b"A", "unreadable"),
        (level(), b"B", "unreadable"),
        (level(), b"\xff", "unreadable"),
        (level(sku="A\0"), b"A\0", "unstorable"),
        (level(reason="\0"), b"A", "unstorable"),
    ],
)
def test_what_cannot_be_written_is_a_fault(value: Any, key: bytes, kind: str) -> None:
    """A record that would stop the ledger for ever is written down instead, and the position moves on."""
    it = batch()
    put(it, topics.STOCK_LEVEL, 4, value, key)
    (row,) = named(it, "ledger_faults")
    assert (row["topic"], row["kind"], row["topic_offset"], row["through_offset"]) == ("stock.level", kind, 4, 4)
    assert "\0" not in row["err"]
    assert named(it, "products") == []
    assert it.moves["id-stock.level", 0].next_offset == 5


def test_a_listing_has_a_row_in_each_partition_that_it_stands_in() -> None:
    """A listing whose SKU has changed is ended in its old partition: the end takes that row, whatever comes first."""
    it = Batch(feeds(["shop-a"]), {("id-listing", 0): 0, ("id-listing", 1): 0})
    parts = (channel_records.Component(sku="CUP", qty=2),)
    moved = channel_records.Listing(channel="shop-a", listing_id="1", sku="SET", components=parts, retired=True)
    it.add(topics.LISTING, Position(topic_id="id-listing", partition=1, offset=4), b"shop-a|1", encode(moved))
    it.add(topics.LISTING, Position(topic_id="id-listing", partition=0, offset=9), b"shop-a|1", None)
    (row,) = named(it, "listings")
    assert [row[name] for name in ("channel", "listing_id", "place", "sku", "retired")] == [
        "shop-a",
        "1",
        "1",
        "SET",
        True,
    ]
    assert row["components"] == '[{"sku":"CUP","qty":2}]'
    assert dict(it.removals()) == {"listings": [("shop-a", "1", "0", "id-listing", 0, 9)]}


@pytest.mark.parametrize("key", [b"shop-a", b"shop-b|1", b"shop-a|2"])
def test_a_listing_under_another_key_is_a_fault(key: bytes) -> None:
    """It would stay for ever: its end comes under its own."""
    it = batch()
    put(it, topics.LISTING, 0, channel_records.Listing(channel="shop-a", listing_id="1", sku="A"), key)
    assert [row["kind"] for row in named(it, "ledger_faults")] == ["unreadable"]
    assert named(it, "listings") == []


def test_an_escaped_backslash_is_no_nul() -> None:
    """Six harmless characters: a backslash, a letter and four digits."""
    it = batch()
    put(it, topics.STOCK_LEVEL, 0, level(reason=r"\u0000"))
    assert len(named(it, "products")) == 1


def test_expired_records_are_written_down() -> None:
    """Offsets that Kafka deleted before they were read leave a row that names them."""
    it = batch()
    it.expire(topics.SYNC_LOG, Position(topic_id="id-sync.log", partition=0, offset=0), 9)
    (row,) = named(it, "ledger_faults")
    assert (row["kind"], row["topic_offset"], row["through_offset"]) == ("expired", 0, 8)
    assert it.moves["id-sync.log", 0].next_offset == 9


def test_the_end_of_a_partition_moves_past_transaction_markers() -> None:
    """The last record may stand before the end; a record after the end was seen takes the news back."""
    it = batch()
    put(it, topics.STOCK_LEVEL, 4, level())
    it.end(topics.STOCK_LEVEL, Position(topic_id="id-stock.level", partition=0, offset=6))
    move = it.moves["id-stock.level", 0]
    assert (move.expected, move.next_offset, move.at_end) == (0, 6, True)
    put(it, topics.STOCK_LEVEL, 6, level())
    assert (move.next_offset, move.at_end) == (7, False)


@pytest.mark.parametrize("ms", [0, T, 2**53])
def test_every_time_on_the_wire_has_a_time_in_the_table(ms: int) -> None:
    """Times beyond the year 9999 are written as its end."""
    assert at(ms).year <= 9999
    assert at(T) == WHEN
