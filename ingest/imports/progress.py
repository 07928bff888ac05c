"""A progress bar for people; silence for pipes and logs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ingest.replay import Advance


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Advance]:
    """
    Show a bar on standard error while the block runs, where that is a terminal.

    Args:
        label: what is being done.
        total: how many steps there are; None where nobody knows, and the bar counts.

    """
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)
