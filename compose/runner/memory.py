"""How much memory all of it takes: the sum of PSS, so that shared pages count once."""

import threading
from collections.abc import Callable, Iterable

from compose.runner import procfs

KIB_PER_MIB = 1024
SAMPLE_S = 1.0


def total_mib(roots: Iterable[procfs.Identity]) -> float:
    """Return the proportional share of memory (MiB) of these processes and everything below them."""
    return sum(procfs.pss_kib(one.pid) for one in procfs.with_descendants(roots)) / KIB_PER_MIB


class PeakMemory:
    """Sample the memory of a changing set of processes and keep the peak."""

    def __init__(self, roots: Callable[[], Iterable[procfs.Identity]]) -> None:
        """Prepare to sample what `roots` returns each time."""
        self._roots = roots
        self._peak_mib = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    @property
    def peak_mib(self) -> float:
        """The highest sum so far, one fresh sample included."""
        self._sample()
        return self._peak_mib

    def start(self) -> None:
        """Begin to sample once a second."""
        self._thread.start()

    def stop(self) -> None:
        """End sampling; the peak stays readable."""
        self._stopped.set()
        self._thread.join()

    def _sample(self) -> None:
        self._peak_mib = max(self._peak_mib, total_mib(self._roots()))

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_S):
            self._sample()
