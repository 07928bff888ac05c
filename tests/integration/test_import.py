"""The import against a real Kafka: what it shows, what it writes, what it never writes twice."""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from ingest import import_cli
from schemas.channel_records import Listing
from schemas.codec import decode, encode
from schemas.config import Config, load
from schemas.ids import adjustment_order_id, line_key, listing_key
from schemas.partition import partition_of
from schemas.records import Cause, OrderOutcome, StockAdjusted, StockLevel
from schemas.topics import LISTING, ORDER_OUTCOME, STOCK_ADJUSTED, STOCK_LEVEL
from schemas.words import CauseKind, Policy, Result
from tests.integration.outside import AT_ONCE

CHANNELS = (
    {"name": "shop", "kind": "shopify", "since": 1},
    {"name": "woo", "kind": "woocommerce", "since": 1},
    {"name": "till", "kind": "generic", "since": 1},
)


class Bench:
    """A deployment of one test's own: run the command, play the processor, read the topics."""

    def __init__(self, config: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.folder, self.capsys = config, folder, capsys
        self.config: Config = load(config)

    def file(self, text: str, name: str = "stock.csv") -> Path:
        """Write a file to import."""
        path = self.folder / name
        path.write_bytes(text.encode())
        return path

    def run(self, *argv: str | Path) -> tuple[int, dict[str, Any]]:
        """Run the command with `--json`; returns its exit code and what it says."""
        code, out, _ = self.say(*argv, "--json")
        return code, json.loads(out) if out else {}

    def say(self, *argv: str | Path) -> tuple[int, str, str]:
        """Run the command; returns its exit code, standard output and standard error."""
        parser = argparse.ArgumentParser()
        import_cli.add_arguments(parser)
        code = import_cli.run(parser.parse_args([str(part) for part in (*argv, "--config", self.path)]))
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def put(self, topic: str, records: Sequence[tuple[bytes, str, bytes]]) -> None:
        """Write (key, SKU, value) records where the processor or an older import would."""
        producer = Producer(self.config.kafka.producer())
        for key, sku, value in records:
            partition = partition_of(sku.encode(), self.config.kafka.partitions)
            producer.produce(self.config.kafka.topic(topic), key=key, value=value, partition=partition)
        assert producer.flush(20) == 0

    def read(self, topic: str) -> list[tuple[int, bytes, bytes | None]]:
        """Return everything in a topic, by partition."""
        name = self.config.kafka.topic(topic)
        consumer = Consumer(self.config.kafka.consumer("check", **AT_ONCE))
        found: list[tuple[int, bytes, bytes | None]] = []
        consumer.assign([TopicPartition(name, part, OFFSET_BEGINNING) for part in range(self.config.kafka.partitions)])
        ends = 0
        while ends < self.config.kafka.partitions:
            message = consumer.poll(20)
            assert message is not None, "no answer from Kafka"
            if message.error():
                ends += 1
            else:
                found.append((message.partition() or 0, message.key() or b"", message.value()))
        consumer.close()
        return found


@pytest.fixture
def bench(config_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(config_file(CHANNELS), tmp_path, capsys)


def level(sku: str, quantity: int) -> StockLevel:
    cause = Cause(kind=CauseKind.ADJUSTMENT, delta=-quantity, received_at=1)
    return StockLevel(
        sku=sku,
        quantity=quantity,
        version=1,
        paused=None,
        policy=Policy.REJECT,
        cause=cause,
        source={},
        updated_at=1,
    )


def outcome(sku: str, order_id: str, delta: int, at: int, result: Result = Result.ACCEPTED) -> OrderOutcome:
    return OrderOutcome(
        sku=sku,
        order_id=order_id,
        channel=None if order_id.startswith("adj_") else "shop",
        revision=1,
        seen_at=1,
        qty=delta,
        held=delta,
        shortfall=0,
        delta=delta,
        result=result,
        new_qty=1,
        version=1,
        ordered_at=1,
        timestamp=at,
        source={},
    )


def adjustments(bench: Bench) -> dict[str, StockAdjusted]:
    found = [decode(StockAdjusted, value or b"") for _, _, value in bench.read(STOCK_ADJUSTED)]
    assert len({record.adjustment_id for record in found}) == len(found), "an adjustment was written twice"
    return {record.sku: record for record in found}


def test_a_dry_run_shows_the_difference_and_writes_nothing(bench: Bench) -> None:
    """New, changed and equal counts are told apart, sales since the count are named, and no record is written."""
    now = int(time.time() * 1000)
    bench.put(STOCK_LEVEL, [(sku.encode(), sku, encode(level(sku, 7))) for sku in ("B", "C")])
    sales = [outcome("B", "shop_1_1", 3, now + 5_000), outcome("B", "shop_2_1", -1, now + 6_000)]
    sales.append(outcome("B", "shop_3_1", 50, now - 3_600_000))
    bench.put(ORDER_OUTCOME, [(line_key(o.order_id, o.sku), o.sku, encode(o)) for o in sales])
    code, told = bench.run(bench.file("sku,qty\nA,1\nB,5\nC,7\n"))
    assert code == 0
    assert {name: told[name] for name in ("new", "changed", "equal", "unchanged", "refused", "applied")} == {
        "new": 1,
        "changed": 1,
        "equal": 1,
        "unchanged": 0,
        "refused": 0,
        "applied": False,
    }
    row = next(row for row in told["diff"] if row["sku"] == "B")
    assert (row["level"], row["count"], row["sold_since"]) == (7, 5, 2)
    assert bench.read(STOCK_ADJUSTED) == []
    code, out, _ = bench.say(bench.folder / "stock.csv")
    assert out.endswith("nothing written; --apply to write\n")


def test_an_applied_count_is_one_set_per_row_in_its_skus_partition(bench: Bench) -> None:
    """Each row is a `set` with the id `{sha256}:{row}`, with who did it, where the processor looks for the SKU."""
    file = bench.file("\ufeffSKU;qty;reason\r\nÄpfel;5;shelf 3\r\n\r\nB;0;\r\n")
    code, told = bench.run(file, "--apply", "--actor", "ann")
    assert (code, told["applied"], told["written"]) == (0, True, 2)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    found = adjustments(bench)
    apples, b = found["Äpfel"], found["B"]
    assert (apples.kind, apples.qty, apples.adjustment_id, apples.reason, apples.actor) == (
        "set",
        5,
        f"{digest}:2",
        "shelf 3",
        "ann",
    )
    assert (b.qty, b.adjustment_id, b.reason) == (0, f"{digest}:4", "import stock.csv")
    homes = {key: part for part, key, _ in bench.read(STOCK_ADJUSTED)}
    assert homes["Äpfel".encode()] == partition_of("Äpfel".encode(), 4)


def test_the_same_file_again_changes_nothing_whatever_was_sold_meanwhile(bench: Bench) -> None:
    """Rows whose adjustment the processor has decided are unchanged and are not written again."""
    file = bench.file("sku,qty\nA,5\nB,6\n")
    assert bench.run(file, "--apply")[0] == 0
    ids = {sku: record.adjustment_id for sku, record in adjustments(bench).items()}
    decided = [outcome(sku, adjustment_order_id(ids[sku]), 0, 1, Result.APPLIED) for sku in ("A", "B")]
    bench.put(ORDER_OUTCOME, [(line_key(o.order_id, o.sku), o.sku, encode(o)) for o in decided])
    bench.put(STOCK_LEVEL, [(b"A", "A", encode(level("A", 2)))])
    code, told = bench.run(file, "--apply")
    assert (code, told["unchanged"], told["written"]) == (0, 2, 0)
    assert len(adjustments(bench)) == 2


def test_one_refused_row_keeps_the_whole_file_from_being_written(bench: Bench) -> None:
    """Every fault is named with its row; nothing is written, and the exit code is 1."""
    file = bench.file("sku,qty\nA,5\nA,6\nB,-1\nC,1.5\n,4\nD\nE,7\n")
    code, told = bench.run(file, "--apply")
    assert (code, told["applied"], told["refused"]) == (1, False, 5)
    why = {row["row"]: row["why"] for row in told["diff"] if row["change"] == "refused"}
    assert why[3] == "the SKU stands in row 2 already"
    assert "-1" in why[4]
    assert "1.5" in why[5]
    assert why[6].startswith("sku: 0 bytes")
    assert why[7] == "1 cells, the header has 2"
    assert bench.read(STOCK_ADJUSTED) == []


def test_listings_are_written_once_in_their_skus_partition(bench: Bench) -> None:
    """The first import writes each listing, the second one nothing."""
    text = (
        "channel,listing_id,sku,variant,inventory_item,product,variation,components\n"
        "shop,11,TEE,11,21,,,\nwoo,93,TEE,,,93,,\nwoo,94,MUG,,,90,94,\ntill,SET,SET,,,,,2*CUP|1*SAUCER\n"
    )
    file = bench.file(text, "listings.csv")
    code, told = bench.run(file, "--apply")
    assert (code, told["new"], told["written"]) == (0, 4, 4)
    found = {key: (part, decode(Listing, value or b"")) for part, key, value in bench.read(LISTING)}
    part, tee = found[listing_key("shop", "11")]
    assert (tee.sku, dict(tee.ids), part) == ("TEE", {"variant": "11", "inventory_item": "21"}, partition_of(b"TEE", 4))
    assert [(c.sku, c.qty) for c in found[listing_key("till", "SET")][1].components] == [("CUP", 2), ("SAUCER", 1)]
    code, told = bench.run(file, "--apply")
    assert (code, told["unchanged"], told["written"]) == (0, 4, 0)


def test_a_listing_that_gets_another_sku_is_closed_in_its_old_partition(bench: Bench) -> None:
    """The new record stands in the new SKU's partition and a tombstone in the old one's."""
    old, new = _apart(4)
    assert bench.run(bench.file(f"channel,listing_id,sku,product\nwoo,93,{old},93\n"), "--apply")[0] == 0
    code, told = bench.run(bench.file(f"channel,listing_id,sku,product\nwoo,93,{new},93\n"), "--apply")
    assert (code, told["changed"], told["written"]) == (0, 1, 2)
    assert told["diff"][0]["was_sku"] == old
    newest = {(part, key): value for part, key, value in bench.read(LISTING)}
    key = listing_key("woo", "93")
    assert newest[partition_of(old.encode(), 4), key] is None
    assert decode(Listing, newest[partition_of(new.encode(), 4), key] or b"").sku == new


def test_a_file_of_bundles_rewrites_the_listings_that_sell_them(bench: Bench) -> None:
    """Known by its header; dry first, then written for each listing of the SKU, and once only."""
    text = "channel,listing_id,sku,product,retired\nwoo,93,SET,93,true\nwoo,94,SET,94,\nwoo,95,MUG,95,\n"
    assert bench.run(bench.file(text, "listings.csv"), "--apply")[0] == 0
    file = bench.file("bundle_sku,component,qty\nSET,CUP,2\nSET,SAUCER,1\n", "bundles.csv")
    code, told = bench.run(file)
    assert (code, told["kind"], told["changed"], told["written"]) == (0, "bundles", 2, 0)
    code, told = bench.run(file, "--apply")
    assert (code, told["written"]) == (0, 2)

    newest = {key: decode(Listing, value or b"") for _, key, value in bench.read(LISTING)}
    made = {name: [(c.sku, c.qty) for c in newest[listing_key("woo", name)].components] for name in ("93", "94", "95")}
    assert made == {"93": [("CUP", 2), ("SAUCER", 1)], "94": [("CUP", 2), ("SAUCER", 1)], "95": []}
    assert newest[listing_key("woo", "93")].retired is True
    assert bench.run(file, "--apply")[1]["written"] == 0


def test_listings_that_no_channel_of_the_kind_could_have_are_refused(bench: Bench) -> None:
    """Unknown channels, missing ids, foreign ids and two rows for one listing are named with their rows."""
    text = (
        "channel,listing_id,sku,variant,inventory_item,product,components\n"
        "ebay,1,A,,,,\nshop,11,A,11,,,\nwoo,93,A,,,94,\ntill,X,A,,,,\nshop,12,A,12,gid://1,,\n"
        "woo,95,A,,,95,\nwoo,95,B,,,95,\nwoo,96,A,,,96,3 CUP\n"
    )
    code, told = bench.run(bench.file(text, "listings.csv"), "--apply")
    assert (code, told["refused"], told["new"]) == (1, 7, 1)
    assert {row["row"] for row in told["diff"] if row["change"] == "refused"} == {2, 3, 4, 5, 6, 8, 9}
    assert bench.read(LISTING) == []


def test_a_file_that_cannot_be_read_is_a_sentence_and_exit_code_2(bench: Bench) -> None:
    """A missing file, a foreign header and an unknown column each say what is wanted."""
    code, out, err = bench.say(bench.folder / "none.csv")
    assert (code, out) == (2, "")
    assert "No such file" in err
    assert "want sku,qty" in bench.say(bench.file("a,b\n1,2\n"))[2]
    assert "unknown column color" in bench.say(bench.file("sku,qty,color\n1,2,3\n"))[2]


def test_a_cluster_that_does_not_answer_is_exit_code_3(
    config_file: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody listens: one sentence, no traceback, no partial write."""
    from schemas import cluster

    monkeypatch.setattr(cluster, "ANSWER_S", 1.0)
    path = config_file(CHANNELS, {"kafka": {"bootstrap": "127.0.0.1:9"}}, topics=False)
    bench = Bench(path, tmp_path, capsys)
    code, out, err = bench.say(bench.file("sku,qty\nA,1\n"), "--apply")
    assert (code, out) == (3, "")
    assert "127.0.0.1:9" in err


def test_five_hundred_rows_take_about_a_second(bench: Bench) -> None:
    """The whole command, reading included, stays under 3 s for 500 rows, or three times as long as one row takes."""
    began = time.monotonic()
    assert bench.run(bench.file("sku,qty\nFIRST,1\n"), "--apply")[0] == 0
    single = time.monotonic() - began
    rows = "".join(f"SKU-{i},{i}\n" for i in range(500))
    began = time.monotonic()
    code, told = bench.run(bench.file(f"sku,qty\n{rows}"), "--apply")
    took = time.monotonic() - began
    print(f"500 rows: {took:.2f} s")  # noqa: T201 - the measure
    assert (code, told["written"]) == (0, 500)
    assert took < max(3, 3 * single)


def _apart(partitions: int) -> tuple[str, str]:
    """Return two SKUs of different partitions."""
    skus = [f"SKU-{i}" for i in range(50)]
    home = partition_of(skus[0].encode(), partitions)
    return skus[0], next(sku for sku in skus if partition_of(sku.encode(), partitions) != home)
