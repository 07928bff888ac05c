"""The index on disk: the same answers as in memory, nothing half written, and never another topic's lines."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.poll.held import Held, InMemory, Rows
from ingest.poll.held_disk import Disk, Foreign, InUse, opened
from tests.ingest.test_poll_core import outcome

WHO = "t.order.outcome AAAA woo"

Step = tuple[str, int, int, str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "forget", "old"]),
        st.integers(1, 3),
        st.integers(1, 3),
        st.sampled_from(["A", "B|x", "ü"]),
        st.integers(1, 5),
        st.integers(0, 2),
    ),
    max_size=30,
)


def play(held: Held, steps: list[Step]) -> None:
    """Let decisions, tombstones and time come over an index."""
    for at, (step, order, line, sku, revision, units) in enumerate(steps):
        order_id = f"woo_{order}_{line}"
        if step == "take":
            held.take(outcome(order_id, sku, revision=revision, qty=units, held=units, timestamp=at))
        elif step == "forget":
            held.forget(f"{order_id}|{sku}".encode())
        else:
            held.forget_before(at - 5 * units)


def view(held: Held) -> object:
    """Return all that an index answers."""
    lines = {str(order): dict(held.lines(str(order))) for order in range(1, 4)}
    return lines, {*held.torn()}, len(held)


@given(steps=STEPS, loading=st.booleans(), cut=st.integers(0, 30))
def test_the_disk_answers_as_the_memory_does(
    steps: list[Step], cut: int, *, loading: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever comes in, whether it is opened anew in between, whether torn orders are looked for late or at once."""
    folder = tmp_path_factory.mktemp("index")
    plain, disk = Held("woo", InMemory()), Disk(folder / "a", WHO)
    kept = Held("woo", disk, loading=loading)
    play(plain, steps[:cut])
    play(kept, steps[:cut])
    disk.commit({0: cut})
    disk.close()
    disk = Disk(folder / "a", WHO)
    kept = Held("woo", disk, loading=True)
    plain = Held("woo", plain.rows, loading=True)
    for held in (plain, kept):
        held.loaded()
        play(held, steps[cut:])
    assert view(kept) == view(plain)
    assert disk.offsets() == {0: cut}
    disk.close()


@pytest.mark.parametrize("make", [InMemory, None])
def test_torn_orders_are_found_among_all_lines_when_loading_is_over(make: type[Rows] | None, tmp_path: Path) -> None:
    """While loading nothing is looked for; then one look finds what stands there, and each line after it counts."""
    rows: Rows = Disk(tmp_path / "a", WHO) if make is None else make()
    held = Held("woo", rows, loading=True)
    held.take(outcome("woo_7_1", revision=20))
    held.take(outcome("woo_7_2", revision=10))
    assert [*held.torn()] == []
    held.loaded()
    assert [*held.torn()] == ["woo_7_"]
    held.forget_before(11)
    assert ([*held.torn()], len(held)) == ([], 0)
    if isinstance(rows, Disk):
        rows.close()


def test_rows_and_offsets_are_committed_together_or_not_at_all(tmp_path: Path) -> None:
    """SIGKILL after a commit and in the middle of the next batch: the file holds the first one, whole."""
    script = f"""
import os, signal
from pathlib import Path
from ingest.poll.held import Held, Known
from ingest.poll.held_disk import Disk
disk = Disk(Path({str(tmp_path / "a")!r}), {WHO!r})
for batch in (1, 2):
    for line in range(1000):
        disk.put(f"woo_{{batch}}_", (f"woo_{{batch}}_{{line}}", "A"), Known(1, 1, 1, True, 1, 1))
    if batch == 1:
        disk.commit({{0: 1000, 3: 7}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert killed.returncode == -9
    disk = Disk(tmp_path / "a", WHO)
    assert (len(disk), disk.offsets()) == (1_000, {0: 1_000, 3: 7})
    assert disk.order("woo_2_") == {}
    disk.close()


def test_a_copy_of_another_topic_is_refused_and_put_aside(tmp_path: Path) -> None:
    """Another topic id, another channel: nothing of it is believed, and the file is kept for whoever looks."""
    disk = Disk(tmp_path / "poll-woo.sqlite", "t.order.outcome BBBB woo")
    Held("woo", disk).take(outcome())
    disk.commit({0: 1})
    disk.close()
    with pytest.raises(Foreign):
        Disk(tmp_path / "poll-woo.sqlite", WHO)
    found = opened(tmp_path, "woo", WHO)
    assert found is not None
    assert (len(found), found.offsets()) == (0, {})
    found.close()
    aside = sqlite3.connect(tmp_path / "poll-woo.sqlite.aside")
    assert aside.execute("SELECT count(*) FROM lines").fetchone() == (1,)
    aside.close()


@pytest.mark.parametrize("damage", ["text", "middle", "cut"])
def test_a_damaged_file_is_put_aside_and_made_anew(damage: str, tmp_path: Path) -> None:
    """No database at all, a page of noise within, half a file: the poller begins with an empty index."""
    path = tmp_path / "poll-woo.sqlite"
    disk = Disk(path, WHO)
    held = Held("woo", disk)
    for line in range(2_000):
        held.take(outcome(f"woo_7_{line}"))
    disk.commit({0: 2_000})
    disk.close()
    body = path.read_bytes()
    half = len(body) // 2
    path.write_bytes(
        {"text": b"not a database " * 100, "middle": body[:half] + b"\xff" * 4_096 + body[half + 4_096 :]}.get(
            damage, body[:half]
        )
    )
    found = opened(tmp_path, "woo", WHO)
    assert found is not None
    assert (len(found), found.offsets()) == (0, {})
    assert (tmp_path / "poll-woo.sqlite.aside").exists()
    found.close()


def test_a_file_that_another_process_holds_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`poll --since 2h` beside a serving poller: it keeps its index in memory and disturbs nothing."""
    monkeypatch.setattr("ingest.poll.held_disk.BUSY_S", 0.1)
    disk = opened(tmp_path, "woo", WHO)
    assert disk is not None
    with pytest.raises(InUse):
        Disk(tmp_path / "poll-woo.sqlite", WHO)
    assert opened(tmp_path, "woo", WHO) is None
    assert "another process" in caplog.text
    disk.commit({0: 1})
    disk.close()


def test_a_folder_that_cannot_be_used_costs_memory_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file stands where the folder should be: said as an error, and the poller goes on."""
    (tmp_path / "state").write_text("", encoding="utf-8")
    assert opened(tmp_path / "state", "woo", WHO) is None
    assert "kept in memory" in caplog.text
