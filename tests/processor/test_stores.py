"""The two stores: one behaviour, whatever is written, dropped, swept and opened again; and where databases stand."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rocksdict import WriteBatch

from processor.store import Change, Reach, Store, StoreError
from processor.store_folder import ASIDE, Folder
from processor.store_memory import Memory, MemoryShelf
from processor.store_rocksdb import DAMAGED, Rocks
from schemas.topics import ORDER_OUTCOME, STOCK_LEVEL

IDS = {STOCK_LEVEL: "levels/id", ORDER_OUTCOME: "lines+id"}
FOOTER_BYTES = 53
"""At the end of each of RocksDB's table files."""
KEYS = [f"c_{number}_1|S".encode() for number in range(6)]


def row(at: int, held: int = 0) -> bytes:
    """Return a line's row that was decided at a time."""
    return json.dumps({"v": 1, "held": held, "timestamp": at, "source": {"T": at}}).encode()


def change(lines: dict[bytes, bytes | None], at: int, read: int = 0, levels: dict[bytes, Any] | None = None) -> Change:
    """Return what a transaction brings."""
    return Change(levels=levels or {}, lines=lines, at=at, reach=Reach(read={ORDER_OUTCOME: read}, highest={"T": at}))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Return what opens a worker's database; all are closed afterwards."""
    opened: list[Store] = []

    def open_(partition: int = 0, ids: dict[str, str] | None = None, instance: str = "w") -> Store:
        opened.append(Folder(str(tmp_path), "g", instance).open(partition, ids or IDS))
        return opened[-1]

    yield open_
    for store in opened:
        if "levels" in vars(store):
            store.close()


def found(tmp_path: Path) -> list[Path]:
    """Return the folders of the worker's databases."""
    return sorted((tmp_path / "g" / "w").iterdir())


steps = st.one_of(
    st.tuples(
        st.just("take"),
        st.dictionaries(st.sampled_from(KEYS), st.booleans(), max_size=4),
        st.dictionaries(st.sampled_from([b"S", b"T"]), st.one_of(st.none(), st.binary(min_size=1, max_size=5))),
    ),
    st.tuples(st.just("sweep"), st.integers(0, 6), st.integers(1, 5)),
    st.tuples(st.just("open"), st.none(), st.none()),
    st.tuples(st.just("kill"), st.none(), st.none()),
    st.tuples(st.just("clear"), st.none(), st.none()),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(steps, max_size=25))
def test_both_stores_hold_the_same_whatever_happens(tmp_path_factory: pytest.TempPathFactory, script: Any) -> None:
    """
    Batches, sweeps, re-openings, kills between the commit and the local write.

    The log is a list; a store that was behind it reads on from its reach, a memory store from the start.  What is
    older than the last sweep may still be there or not; everything else is the log's newest row of its key.
    """
    home = Folder(str(tmp_path_factory.mktemp("state")), "g", "w")
    disk, memory, log, now, swept = home.open(0, IDS), Memory(IDS), list[Change](), 0, 0
    for what, one, two in script:
        if what == "take":
            now += 1
            rows = {key: row(now) if kept else None for key, kept in one.items()}
            log.append(change(rows, now, len(log) + 1, two))
            disk.take(log[-1])
            memory.take(log[-1])
        elif what == "sweep":
            swept = max(swept, now - one)
            while disk.sweep(swept, two) >= two:
                pass
            while memory.sweep(swept, two) >= two:
                pass
        elif what == "clear":
            disk.clear()
            read_on(disk, log)
        else:
            if what == "kill":  # committed, but neither store was told
                now += 1
                log.append(change({KEYS[0]: row(now)}, now, len(log) + 1))
            disk.close()
            disk, memory = home.open(0, IDS), Memory(IDS)
            read_on(disk, log)
            read_on(memory, log)
        check(disk, memory, log, swept)
    disk.close()


def read_on(store: Store, log: list[Change]) -> None:
    """Read what the store lacks, as a recovery does."""
    for one in log[store.reach.read.get(ORDER_OUTCOME, 0) :]:
        store.take(one)


def check(disk: Store, memory: Store, log: list[Change], swept: int) -> None:
    """Compare both with the log."""
    lines: dict[bytes, bytes | None] = {}
    levels: dict[bytes, bytes | None] = {}
    for one in log:
        lines.update(one.lines)
        levels.update(one.levels)
    for key in KEYS:
        newest = lines.get(key)
        old = newest is not None and json.loads(newest)["timestamp"] < swept
        for store in (disk, memory):
            assert store.lines.get(key) == newest or (old and store.lines.get(key) is None)
    for key in (b"S", b"T"):
        assert disk.levels.get(key) == memory.levels.get(key) == levels.get(key)
    assert disk.reach == memory.reach
    assert disk.reach.read.get(ORDER_OUTCOME, 0) == len(log)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, folder: Callable[..., Store]) -> Store:
    """Return an empty store of each kind."""
    return MemoryShelf().open(0, IDS) if request.param == "memory" else folder()


def test_a_sweep_forgets_what_is_old_and_nothing_that_was_decided_since(store: Store) -> None:
    """A line that was decided again is young, wherever it stood before."""
    store.take(change({KEYS[0]: row(1), KEYS[1]: row(1)}, 1))
    store.take(change({KEYS[2]: row(2)}, 2))
    store.take(change({KEYS[0]: row(3)}, 3))
    while store.sweep(3, 2) >= 2:
        pass
    assert [store.lines.get(key) for key in KEYS[:3]] == [row(3), None, None]


def test_a_row_of_a_clock_that_is_ahead_leaves_in_its_time(store: Store) -> None:
    """The worker that has written it was early, and its successor's clock is another."""
    store.take(change({KEYS[0]: row(5)}, 1))
    assert [store.sweep(3, 9), store.lines.get(KEYS[0])] in ([1, row(5)], [0, row(5)])
    while store.sweep(6, 9):
        pass
    assert store.lines.get(KEYS[0]) is None


def test_a_sweep_is_bounded_and_looks_at_each_row_once(store: Store) -> None:
    """However many rows are old, one call looks at about as many as it may; a second sweep finds nothing to do."""
    for at in range(100):
        store.take(change({f"c_{at}_1|S".encode(): row(at)}, at))
    looked = [store.sweep(90, 20) for _ in range(6)]
    assert sum(looked) == 90
    assert max(looked) <= 20
    assert store.sweep(90, 20) == 0


def test_the_reach_never_forgets_what_a_change_does_not_name(store: Store) -> None:
    """And a source offset never falls: records are read again after a kill."""
    store.take(Change(levels={}, lines={}, at=0, reach=Reach(read={STOCK_LEVEL: 4}, highest={"T": 7})))
    store.take(change({}, 5, 9))
    assert store.reach == Reach(read={STOCK_LEVEL: 4, ORDER_OUTCOME: 9}, highest={"T": 7})


def test_a_change_is_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, what they will grow old by, and the reach: a kill finds all of it or nothing."""
    store, written = Rocks(tmp_path / "db", IDS), list[int]()
    write = store._write

    def counted(batch: WriteBatch) -> None:
        written.append(len(batch))
        write(batch)

    monkeypatch.setattr(store, "_write", counted)
    store.take(change({KEYS[0]: row(1), KEYS[1]: row(1)}, 1, 5, {b"S": b"1"}))
    assert written == [5]
    store.close()


KILLED = """
import os, sys
from processor.store import Change, Reach
from processor.store_folder import Folder
store = Folder(sys.argv[1], "g", "w").open(0, {"stock.level": "levels/id", "order.outcome": "lines+id"})
for number in range(500):
    rows = {f"{number}-{part}".encode(): b"x" * 500 for part in range(20)}
    store.take(Change(levels=rows, lines=rows, at=number, reach=Reach(read={"order.outcome": number + 1})))
    print(number, flush=True)
    if number == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("at", [0, 137])
def test_a_killed_worker_leaves_whole_changes(tmp_path: Path, folder: Callable[..., Store], at: int) -> None:
    """Everything up to the reach is there, and nothing of a change that is not."""
    argv = [sys.executable, "-c", KILLED, str(tmp_path), str(at)]
    assert subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, check=False).returncode == -9
    store = folder()
    assert store.reach.read == {ORDER_OUTCOME: at + 1}
    assert store.levels.get(f"{at}-19".encode()) == store.lines.get(f"{at}-0".encode()) == b"x" * 500
    assert store.lines.get(f"{at + 1}-0".encode()) is None


def test_the_state_of_a_topic_that_was_made_anew_is_never_taken(tmp_path: Path, folder: Callable[..., Store]) -> None:
    """Its id is in the name; what belongs to the old one is removed."""
    old = folder()
    old.take(change({KEYS[0]: row(1)}, 1, 5))
    old.close()
    new = folder(ids=IDS | {ORDER_OUTCOME: "another"})
    assert new.lines.get(KEYS[0]) is None
    assert new.reach == Reach()
    assert len(found(tmp_path)) == 1


def test_workers_and_partitions_have_databases_of_their_own(tmp_path: Path, folder: Callable[..., Store]) -> None:
    """One is not another's foreign state: partition 1 is not 10."""
    for partition, instance in ((1, "w"), (10, "w"), (1, "v/..")):
        folder(partition, instance=instance).take(change({KEYS[0]: row(partition)}, 1, 5))
    assert len(found(tmp_path)) == 2
    assert {path.name for path in (tmp_path / "g").iterdir()} == {"w", "v%2F.."}


@pytest.mark.parametrize("damage", ["CURRENT", "MANIFEST", DAMAGED])
def test_a_database_that_cannot_be_used_is_put_aside(tmp_path: Path, folder: Callable[..., Store], damage: str) -> None:
    """An empty one takes its place; the newest of them is kept for whoever wants to look."""
    for _ in range(2):
        store = folder()
        store.take(change({KEYS[0]: row(1)}, 1, 5))
        store.close()
        (path,) = [path for path in found(tmp_path) if not path.name.endswith(ASIDE)]
        for file in [*path.glob(f"{damage}*")] or [path / damage]:
            file.write_bytes(b"junk")
        store = folder()
        assert store.lines.get(KEYS[0]) is None
        assert store.reach == Reach()
        assert len(found(tmp_path)) == 2
        store.close()


def test_a_damaged_block_is_no_lock(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """RocksDB's words for the commonest damage, in whatever folder: the worker goes on, and does not end for ever."""
    home = Folder(str(tmp_path / "lock hold"), "g", "w")
    store = home.open(0, IDS)
    store.take(change({key: row(1) for key in KEYS}, 1, 5))
    store.close()
    home.open(0, IDS).close()  # what was in the database's own log is in a table's file now
    (path,) = (tmp_path / "lock hold" / "g" / "w").iterdir()
    for file in path.glob("*.sst"):
        raw = bytearray(file.read_bytes())
        flipped = slice(len(raw) // 2, -FOOTER_BYTES)
        raw[flipped] = bytes(byte ^ 0xFF for byte in raw[flipped])
        file.write_bytes(raw)
    store = home.open(0, IDS)
    assert "block checksum mismatch" in caplog.text
    assert store.lines.get(KEYS[0]) is None
    store.close()


def test_a_database_that_another_process_uses_is_left_alone(tmp_path: Path, folder: Callable[..., Store]) -> None:
    """It is as sound as can be: this worker ends instead."""
    folder().take(change({KEYS[0]: row(1)}, 1, 5))
    with pytest.raises(StoreError, match=r"[Ll]ock"):
        folder()
    assert len(found(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_ends_the_worker(tmp_path: Path) -> None:
    """Nothing is put aside, nothing is decided on what could not be kept."""
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError):
        Folder(str(tmp_path / "state"), "g", "w").open(0, IDS)


def test_rows_that_are_found_damaged_mark_the_database(tmp_path: Path) -> None:
    """The worker ends, and the next opening puts it aside."""
    store = Rocks(tmp_path / "db", IDS)
    rows = {os.urandom(8): os.urandom(500) for _ in range(20_000)}
    for start in range(0, 20_000, 1_000):
        part = list(rows)[start : start + 1_000]
        store.take(Change(levels={}, lines={key: rows[key] for key in part}, at=1, reach=Reach()))
    store.close()
    for file in (tmp_path / "db").glob("*.sst"):
        if file.stat().st_size < 100_000:
            continue
        raw = bytearray(file.read_bytes())
        raw[1_000 : len(raw) // 2] = bytes(len(raw) // 2 - 1_000)
        file.write_bytes(raw)
    store = Rocks(tmp_path / "db", IDS)
    with pytest.raises(StoreError, match="Corruption"):
        _ = [store.lines.get(key) for key in rows]
    assert (tmp_path / "db" / DAMAGED).exists()
    store.close()
