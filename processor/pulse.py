"""
Ends a worker whose event loop stands still.

Heartbeats to the group come from a thread of their own, so a worker that is stuck in a computation or in a call that
blocks would keep its partitions for ever: neither its own watchdog nor its endpoint runs any more.
"""

import threading
from collections.abc import Callable

LOOK_S = 1.0
SILENT_LOOKS = 60
"""Looks, not seconds: a process that was paused as a whole must not be ended for it when it wakes up."""


class Pulse:
    """Calls `stopped` once when `beat` has not been called for so many looks on end."""

    def __init__(self, stopped: Callable[[], None], *, look_s: float = LOOK_S, looks: int = SILENT_LOOKS) -> None:
        """Start to look at once, in a thread that ends with the process or with `end`."""
        self._stopped = stopped
        self._look_s, self._looks = look_s, looks
        self._beaten = False
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="pulse", daemon=True).start()

    def beat(self) -> None:
        """Say that the loop runs."""
        self._beaten = True

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    def _watch(self) -> None:
        silent = 0
        while not self._ended.wait(self._look_s):
            silent = 0 if self._beaten else silent + 1
            self._beaten = False
            if silent >= self._looks:
                self._stopped()
                return
