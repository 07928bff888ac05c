"""How the queue process is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.queue.reader import Reader

STILL_MS = 180_000
"""A reader that has done nothing for so long (it asks every 20 s, and backs off up to 60 s) stands still."""


@dataclass(slots=True, kw_only=True)
class Health:
    """How the process is: its threads, and its readers once the listings are in memory (None before)."""

    threads: Callable[[], bool]
    now_ms: Callable[[], int]
    readers: Sequence[Reader] | None = field(default=None)

    @property
    def alive(self) -> bool:
        """Say whether the threads are at work and no reader stands still; a broker that is away stops none of them."""
        now = self.now_ms()
        return self.threads() and all(now - reader.moved_at < STILL_MS for reader in self.readers or ())

    @property
    def unready(self) -> str:
        """Return why no messages are being taken, "" where they are."""
        if self.readers is None:
            return "loading listings"
        refused = sorted({reader.source.name for reader in self.readers if reader.denied})
        return f"AWS refuses the credentials for {', '.join(refused)}" if refused else ""
