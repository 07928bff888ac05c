"""A topic that a thread of its own reads to its end and then follows."""

import threading
from abc import ABC, abstractmethod

LOOK_S = 0.1
"""How often who waits looks whether the thread has ended."""


class Follower(ABC):
    """The thread, and what others may ask of it."""

    def __init__(self, name: str) -> None:
        """Make the thread; `start` begins."""
        self._stopped, self._loaded = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @abstractmethod
    def _run(self) -> None:
        """Read until `_stopped` is set; set `_loaded` once all that stood in the topic at the start has been read."""

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def wait(self) -> None:
        """Block until loaded, or until the thread has ended (`close`, or a fault that its log tells of)."""
        while self._thread.is_alive() and not self._loaded.wait(LOOK_S):
            pass

    @property
    def loaded(self) -> bool:
        """Say whether all that stood in the topic at the start has been read."""
        return self._loaded.is_set()

    @property
    def alive(self) -> bool:
        """Say whether the topic is being followed."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
