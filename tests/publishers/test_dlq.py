"""What people see of dead letters, and which of them a command means."""

from pathlib import Path
from typing import Any

import pytest

from publishers import tail
from publishers.__main__ import main
from publishers.dlq import UNSENT, Wish, age, beside, dead, duration, story, text, wanted
from schemas.channel_records import ChannelLevel, Shown, SyncLog
from schemas.words import Status

HOUR = 3_600_000


def record(sku: str, err: str, at: int, status: Status = Status.DEAD, **more: Any) -> ChannelLevel:
    """Make a record of a channel."""
    return ChannelLevel(sku=sku, status=status, err=err, at=at, listings={"1": Shown(sent=7)}, **more)


FOUND = dead(
    "shop",
    [
        record("NEW", "rejected: no such product", 9 * HOUR, attempt=0),
        record("OLD", "ladder_exhausted: HTTP 503", HOUR, attempt=5),
        record("SHUT", "discarded: by ann: sold no more; it was rejected: x", 2 * HOUR),
        record("FINE", "", HOUR, Status.IN_STEP),
        record("SOON", "retry: HTTP 500", HOUR, Status.RETRYING),
    ],
)
NOW = 10 * HOUR


def test_what_is_dead_comes_longest_dead_first_with_its_reason() -> None:
    """And nothing else."""
    assert [(one.sku, one.reason, one.words, one.attempts, one.told) for one in FOUND] == [
        ("OLD", "ladder_exhausted", "HTTP 503", 5, 7),
        ("SHUT", "discarded", "by ann: sold no more; it was rejected: x", 0, 7),
        ("NEW", "rejected", "no such product", 0, 7),
    ]


@pytest.mark.parametrize(
    ("wish", "skus"),
    [
        (Wish(), ["OLD", "NEW"]),
        (Wish(closed=True), ["OLD", "SHUT", "NEW"]),
        (Wish(reason="rejected"), ["NEW"]),
        (Wish(reason="discarded"), ["SHUT"]),
        (Wish(older_ms=2 * HOUR), ["OLD"]),
        (Wish(sku="SHUT"), ["SHUT"]),
        (Wish(sku="SHUT", reason="rejected"), []),
        (Wish(sku="FINE"), []),
    ],
)
def test_filters_are_all_to_hold_and_closed_letters_are_meant_only_by_name(wish: Wish, skus: list[str]) -> None:
    """A replay of all leaves alone what a person has closed."""
    assert [one.sku for one in wanted(FOUND, wish, NOW)] == skus


@pytest.mark.parametrize(("given", "ms"), [("90s", 90_000), ("15min", 900_000), ("5m", 300_000), ("2h", 7_200_000)])
def test_durations_are_read_as_people_write_them(given: str, ms: int) -> None:
    """A number and a unit."""
    assert duration(given) == ms


@pytest.mark.parametrize("given", ["", "2", "h", "2 h", "-2h", "2w", "1e3s", "2h30m"])
def test_anything_else_is_no_duration(given: str) -> None:
    """It is said how to write one."""
    with pytest.raises(ValueError, match="write 90s, 15min, 2h or 1d"):
        duration(given)


def test_the_table_has_a_row_a_sku_and_says_what_is_next() -> None:
    """Long words are cut, an empty table says so."""
    lines = [*text(FOUND, NOW)]
    assert lines[0].split() == ["CHANNEL", "SKU", "REASON", "ATTEMPTS", "AGE", "TOLD", "WORDS"]
    assert lines[1].split() == ["shop", "OLD", "ladder_exhausted", "5", "9", "h", "7", "HTTP", "503"]
    assert "dlq replay" in lines[-1]
    (long,) = dead("shop", [record("A", f"rejected: {'x' * 200}", 0)])
    assert [*text([long], NOW)][1].endswith(f" {'x' * 77}...")
    (just,) = dead("shop", [record("A", f"rejected: {'y' * 80}", 0)])
    assert [*text([just], NOW)][1].endswith(f" {'y' * 80}")
    assert [*text([], NOW)] == ["nothing is dead"]


def test_what_the_filters_leave_out_is_said() -> None:
    """An empty list must not read as if nothing were dead, and a closed letter is still a listing that is not told."""
    old, shut, new = FOUND
    assert beside(FOUND, FOUND) == ""
    assert beside(FOUND, [old, new]) == "1 closed by a person (--all)"
    assert beside(FOUND, []) == "2 dead that the filters leave out, 1 closed by a person (--all)"
    (nothing,) = text([], NOW, beside([new], []))
    assert nothing == "nothing is dead that is meant; besides 1 dead that the filters leave out"
    assert [*text([old], NOW, beside([old, shut], [old]), UNSENT)][-1] == (
        "1 in all; besides 1 closed by a person (--all); a dry run: nothing was sent"
    )


def test_a_script_reads_how_long_each_has_been_dead() -> None:
    """In ms, beside the time at which it was given up."""
    row = FOUND[0].document(NOW)
    assert (row["at"], row["ageMs"]) == (HOUR, 9 * HOUR)


def test_one_of_them_is_shown_with_its_calls() -> None:
    """Each with what was told and answered."""
    call = SyncLog(
        call_id="c",
        channel="shop",
        sku="OLD",
        listing_id="1",
        quantity=7,
        version=3,
        response_code=503,
        verdict="channel_down",
        err="HTTP 503",
        started_at=0,
        duration_ms=12,
        lag_ms=1,
    )
    lines = [*story(FOUND[0], [call], NOW)]
    assert lines[0] == "OLD at shop: ladder_exhausted 9 h ago, after 5 failures in a row"
    assert lines[-1].split() == ["1970-01-01", "00:00:00", "7", "HTTP", "503", "channel_down", "12", "HTTP", "503"]
    assert "No call" in [*story(FOUND[0], [], NOW)][-1]
    assert next(story(FOUND[2], [], NOW)) == "NEW at shop: rejected 1 h ago"


@pytest.mark.parametrize(("ms", "said"), [(0, "0 s"), (59_000, "59 s"), (61_000, "1 min"), (25 * HOUR, "1 d")])
def test_ages_have_one_unit(ms: int, said: str) -> None:
    """The largest that fits."""
    assert age(ms) == said


CONFIG = """
[kafka]
bootstrap = "127.0.0.1:1"
[[channels]]
name = "shop"
kind = "woocommerce"
since = 0
[[channels]]
name = "till"
kind = "generic"
since = 0
"""


@pytest.mark.parametrize("channel", ["nope", "till"])
def test_a_channel_that_takes_no_levels_has_no_dead_letters(
    channel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said which there are; exit code 2."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    assert main(["dlq", "list", "--config", str(path), "--channel", channel]) == 2
    assert "there are: shop" in capsys.readouterr().err


def test_what_is_asked_wrongly_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A duration that is none, a verb that is missing."""
    for argv in (["dlq", "list", "--older-than", "2 weeks"], ["dlq"]):
        with pytest.raises(SystemExit) as end:
            main(argv)
        assert end.value.code == 2
    assert "write 90s, 15min, 2h or 1d" in capsys.readouterr().err


@pytest.mark.parametrize("verb", [["list"], ["show", "A"], ["replay"], ["discard", "--why", "sold no more"]])
def test_kafka_that_does_not_answer_is_said(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3, and no traceback."""
    monkeypatch.setattr(tail, "METADATA_S", 0.2)
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    assert main(["dlq", *verb, "--config", str(path)]) == 3
    assert capsys.readouterr().err.startswith("Kafka cannot be asked")
