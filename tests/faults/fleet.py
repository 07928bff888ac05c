"""The workers under test: each has a place, and something that starts it again whenever it has ended."""

import json
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from compose.runner.child import Child
from compose.runner.errors import CannotRun
from compose.runner.processes import Supervisor

RESTART_S = 0.5
READY_S = 90.0
POLL_S = 0.2
HTTP_S = 2.0


@dataclass(slots=True, kw_only=True)
class Slot:
    """
    One worker's place.

    Args:
        name: of its process and its link.
        config: its own configuration: its way to the brokers, its store.
        instance: its lasting name in the group, "" for none.
        store: what keeps its tables.
        state: the folder for them.
        home: whether it belongs to the fleet from the start, rather than coming and going in a storm.
        supervisor: who runs the process.

    """

    name: str
    config: Path
    instance: str
    store: str
    state: Path
    home: bool = True
    supervisor: Supervisor
    wanted: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def child(self) -> Child | None:
        """The worker's process, the last one if it has ended."""
        return self.supervisor.children.get(self.name)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process."""
        if self.child is not None:
            self.child.kill(number)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask the worker's own endpoint; status 0 when it does not answer."""
        if self.child is None or self.child.address is None:
            return 0, {}
        try:
            url = f"http://{self.child.address}{path}"
            with urllib.request.urlopen(url, timeout=HTTP_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())
        except OSError:
            return 0, {}


class Fleet:
    """
    All workers; use as a context.

    Args:
        slots: their places.
        program: what runs a worker, in front of its own arguments.
        note: is told what the workers do.

    """

    def __init__(self, slots: Sequence[Slot], program: Sequence[str], note: Callable[[str], None]) -> None:
        """Start nothing yet."""
        self.slots, self._program, self._note = list(slots), tuple(program), note
        self._closed = threading.Event()
        self._keepers = [threading.Thread(target=self._keep, args=(slot,), name=slot.name) for slot in self.slots]
        self.exits: Counter[str] = Counter()
        self.unasked: Counter[int] = Counter()

    def __enter__(self) -> Self:
        """Begin to keep workers running where they are wanted."""
        for keeper in self._keepers:
            keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all workers."""
        self._closed.set()
        for slot in self.slots:
            slot.wanted = False
            slot.send(signal.SIGKILL)
        for keeper in self._keepers:
            keeper.join()

    @property
    def homes(self) -> list[Slot]:
        """The slots that are always wanted while faults happen."""
        return [slot for slot in self.slots if slot.home]

    def muster(self, slots: Sequence[Slot]) -> None:
        """Want exactly these, and end the others as an operator does."""
        for slot in self.slots:
            slot.wanted = slot in slots
            if not slot.wanted:
                slot.send(signal.SIGTERM)

    def gone(self, within_s: float = 30.0) -> bool:
        """Wait until every worker that is not wanted has ended."""
        deadline = time.monotonic() + within_s
        while any(slot.child is not None and slot.child.running for slot in self.slots if not slot.wanted):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def wedged(self) -> dict[int, str]:
        """Return the partitions that workers have stopped, with their reasons."""
        answers = [slot.ask("/readyz")[1].get("wedged", {}) for slot in self.slots if slot.wanted]
        return {int(partition): reason for answer in answers for partition, reason in answer.items()}

    def ready(self, within_s: float) -> bool:
        """Wait until all wanted workers are ready."""
        deadline = time.monotonic() + within_s
        while not all(slot.ask("/readyz")[0] == 200 for slot in self.slots if slot.wanted):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _keep(self, slot: Slot) -> None:
        while not self._closed.is_set():
            if slot.wanted:
                self._live(slot)
            self._closed.wait(RESTART_S)

    def _live(self, slot: Slot) -> None:
        """Start a worker and wait for its end, however it comes."""
        argv = (*self._program, "--config", str(slot.config), "--instance", slot.instance)
        try:
            slot.supervisor.start(slot.name, argv, ready_s=READY_S)
        except CannotRun as error:
            self._note(f"{slot.name}: {str(error).splitlines()[0]}")
        child = slot.child
        assert child is not None
        code = child.wait()
        self.exits[str(code)] += 1
        if code not in (0, -signal.SIGKILL, -signal.SIGTERM):
            self.unasked[code] += 1
            self._note(f"{slot.name} ended with code {code}: {child.tail().splitlines()[-1:]}")


def program(mutant: str) -> tuple[str, ...]:
    """Return what runs a worker: the product, or one that lacks exactly what `mutant` names."""
    if mutant:
        return (sys.executable, "-m", f"tests.faults.mutant_{mutant}")
    return (sys.executable, "-m", "processor")
