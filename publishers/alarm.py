"""
Between a publisher's state and people: incidents are found in the one, written down, and told to the others.

What is told is written down first, by the owner of the channel only: a process that has lost it tells nobody anything
new.
"""

import asyncio

from publishers.controller import Controller
from publishers.incidents import Incidents, State
from publishers.metrics import Metrics
from publishers.slack import Messenger
from publishers.watch import Watcher
from publishers.work import Gate
from schemas.channel_records import Incident
from schemas.words import IncidentKind, Reason


def state(controller: Controller, rules: str | None) -> State:
    """Return what an incident may be found in; `rules` says why the newest configuration is refused."""
    calling, letters, brake = controller.calling, controller.tasks.letters, controller.book.brake
    return State(
        down=calling.circuit.err if calling.circuit.is_open else None,
        refused=calling.refused,
        answered=calling.answered,
        rejected=len(letters[Reason.REJECTED]),
        exhausted=len(letters[Reason.LADDER_EXHAUSTED]),
        # Not `held`: a new owner has not found yet what the one before it held.
        zeros=brake.zeros if brake.engaged and controller.gate is Gate.PUSH else 0,
        rules=rules,
    )


class Alarm:
    """One life's incidents and who is told of them."""

    def __init__(self, incidents: Incidents, messenger: Messenger, watcher: Watcher | None) -> None:
        """Start with nothing known; `watcher` follows the configuration."""
        self.incidents = incidents
        self.watcher = watcher
        self._messenger = messenger
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str | None:
        """Return why the newest configuration is refused."""
        return self.watcher.fault if self.watcher is not None else None

    def begin(self, controller: Controller) -> None:
        """Go on where the owner before us was: a change that it held stays held.  Before the first look at any SKU."""
        held = self.incidents.open(IncidentKind.BRAKE)
        if held is not None:
            controller.book.brake.resume(held.skus)
        if self._messenger.configured:
            self._task = asyncio.create_task(self._messenger.run())

    def look(self, controller: Controller, now: int) -> None:
        """Leave the records of what has changed in `tasks.out`."""
        while self._messenger.told:
            told, message = self._messenger.told.popleft()
            record = self.incidents.told(told, message, now)
            if record is not None:
                controller.tasks.out.append(record)
        controller.tasks.out.extend(self.incidents.look(state(controller, self.fault), now))

    def offer(self, now: int) -> None:
        """Let the messenger tell what is written down."""
        self._messenger.offer(self.incidents.untold(now))

    def load(self, record: Incident) -> None:
        """Take up what an owner before us wrote, or we did."""
        if self._task is None:
            self.incidents.load(record)

    def measure(self, metrics: Metrics, now: int) -> None:
        """Say what is open, and what nobody has been told of."""
        opened = [kind for kind in IncidentKind if self.incidents.open(kind) is not None]
        untold = sum(1 for _ in self.incidents.untold(now))
        metrics.incidents(opened, untold, refused=self.fault is not None, by_slack=self._messenger.refused)

    async def end(self) -> None:
        """Stop telling; what is left is told by the next owner."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
