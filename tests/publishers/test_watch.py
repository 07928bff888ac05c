"""The rules change with the file, and never to something invalid."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from publishers import watch
from publishers.watch import Watcher
from schemas.config import load
from schemas.settings import Order

HEAD = """
[kafka]
bootstrap = "localhost:1"
[[channels]]
name = "shop"
kind = "woocommerce"
since = 0
base_url = "http://shop.test"
"""


def watcher(tmp_path: Path, more: str = "rules = {buffer = 1}") -> Watcher:
    """Make a watcher of a file with these settings of the channel."""
    path = tmp_path / "config.toml"
    path.write_text(HEAD + more)
    config = load(path)
    return Watcher(path, config, config.channel("shop"), asyncio.Event())


def fault(one: Watcher) -> str:
    """Return why the newest file is refused, "" where it is not."""
    return one.fault or ""


def said(more: str) -> bytes:
    """Return a file's content."""
    return (HEAD + more).encode()


def test_rules_are_taken_up_and_only_when_they_change(tmp_path: Path) -> None:
    """What the process started with is no change, however often it is read."""
    one = watcher(tmp_path)
    one.look(said("rules = {buffer = 1}"))
    one.look(said("rules = {buffer = 1}  # a comment"))
    assert one.taken == 0
    one.look(said("rules = {buffer = 3}\nsku_rules = {A = {paused = true}}\norder = 'fifo'\nbrake_percent = 5"))
    assert (one.taken, one.channel.rules.buffer, one.channel.rules_for("A").paused) == (1, 3, True)
    assert (one.channel.order, one.channel.brake_percent) == (Order.FIFO, 5)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[kafka",
        b"",
        said("rules = {percent = 101}"),
        said("rules = {max = 1, floor = 2}"),
        said("rules = {bufer = 1}"),
        said("rules = {buffer = 3}\n[[channels]]\nname = 'other'\nkind = 'nonsense'\nsince = 0"),
    ],
)
def test_an_invalid_file_is_refused_whole_and_the_old_rules_stay(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where its fault is another channel's; once it is right it counts."""
    one = watcher(tmp_path)
    one.look(content)
    assert fault(one).startswith(str(tmp_path))
    assert (one.taken, one.channel.rules.buffer) == (0, 1)
    assert "the old rules stay" in caplog.text
    one.look(said("rules = {buffer = 2}"))
    assert (fault(one), one.taken, one.channel.rules.buffer) == ("", 1, 2)


def test_every_fault_is_named(tmp_path: Path) -> None:
    """In one message."""
    one = watcher(tmp_path)
    one.look(said("rules = {percent = 101, floor = -1}"))
    assert one.fault is not None
    assert "rules.percent" in one.fault
    assert "rules.floor" in one.fault


def test_a_file_that_is_gone_for_a_moment_is_no_fault(tmp_path: Path) -> None:
    """Twice in a row it is; when it is back, unchanged, all is well."""
    one = watcher(tmp_path)
    one.look(said("rules = {buffer = 1}"))
    one.missed("gone")
    one.look(said("rules = {buffer = 1}"))
    one.missed("gone")
    assert fault(one) == ""
    one.missed("gone")
    assert fault(one) == "gone"
    one.look(said("rules = {buffer = 1}"))
    assert (fault(one), one.taken) == ("", 0)


def test_the_rest_needs_a_restart_and_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The rules of the same file count."""
    one = watcher(tmp_path)
    with caplog.at_level(logging.WARNING):
        one.look(said("mode = 'push'\ncall_timeout_ms = 500\nrules = {buffer = 7}\n[publishers]\nslack_channel = '#x'"))
    assert "publishers, channels[shop].mode, channels[shop].call_timeout_ms" in caplog.text
    assert (one.channel.rules.buffer, one.channel.call_timeout_ms) == (7, 10_000)
    caplog.clear()
    one.look(b"[kafka]\nbootstrap = 'other:1'")
    assert "kafka, channels[shop] (it is gone)" in caplog.text
    assert one.channel.rules.buffer == 7


async def test_a_swapped_link_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually_async: Any
) -> None:
    """As Kubernetes does it: the same path, another file, whatever its times say."""
    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    one = watcher(tmp_path)
    for name, buffer in (("a", 1), ("b", 4)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.toml").write_text(HEAD + f"rules = {{buffer = {buffer}}}")
    one._path.unlink()
    (tmp_path / "data").symlink_to("a")
    one._path.symlink_to("data/config.toml")
    task = asyncio.create_task(one.run())
    await asyncio.sleep(0.05)
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").rename(tmp_path / "data")

    async def taken() -> bool:
        return one.channel.rules.buffer == 4

    await eventually_async(taken)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert one.taken == 1
