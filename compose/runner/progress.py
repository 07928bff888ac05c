"""What a person sees while something is fetched: a bar on a terminal, plain lines elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

PLAIN_STEPS = 4
"""Plain output says so many times how far it is."""
MIB = 1024 * 1024


class Meter(Protocol):
    """Where a download reports its bytes; may be called from several threads."""

    def __call__(self, count: int) -> None:
        """Record `count` more bytes."""


@contextmanager
def download_meter(title: str, total: int, stream: TextIO) -> Iterator[Meter]:
    """Show the progress of `total` bytes on `stream` while the block runs."""
    if stream.isatty():
        columns = (TextColumn(title), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(file=stream), transient=True) as bar:
            task = bar.add_task(title, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _PlainMeter(title, total, stream)


class _PlainMeter:
    """A line at the start and at each quarter."""

    def __init__(self, title: str, total: int, stream: TextIO) -> None:
        self._title, self._total, self._stream = title, total, stream
        self._done = self._said = 0
        self._lock = threading.Lock()
        self._say(f"{title}: {total / MIB:.1f} MiB")

    def __call__(self, count: int) -> None:
        """Record bytes; print when another quarter is done."""
        with self._lock:
            self._done += count
            step = min(PLAIN_STEPS, self._done * PLAIN_STEPS // self._total)
            if step > self._said:
                self._said = step
                self._say(f"{self._title}: {100 * step // PLAIN_STEPS} %")

    def _say(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()
