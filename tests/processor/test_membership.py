"""Whether a worker that the group does not know any more may join again under its name."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from processor.exits import Exit, FatalError
from processor.membership import check_name


@dataclass
class Worker:
    """A worker's lanes, as far as they are asked: named w, in a group with these names."""

    holders: dict[str, str]
    joined: bool = True
    failed: list[FatalError] = field(default_factory=list)

    @property
    def deck(self) -> Any:
        """Return its fixed parts."""
        return SimpleNamespace(instance="w", holders=lambda: self.holders)

    def fail(self, error: FatalError) -> None:
        """Note why it ends."""
        self.failed.append(error)


@pytest.mark.parametrize("holders", [{}, {"v": "v-1"}, {"w": "w-1", "v": "v-1"}])
async def test_a_worker_whose_name_is_free_or_its_own_joins_again(holders: dict[str, str]) -> None:
    """The group keeps the entry of a static member that has missed a generation: that is no other worker."""
    worker: Any = Worker(holders)
    await asyncio.wait_for(check_name(worker, "w-1"), 5)
    assert worker.failed == []


async def test_a_worker_whose_name_another_has_taken_ends() -> None:
    """The two would take it from each other for ever."""
    worker: Any = Worker({"w": "w-2"})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(check_name(worker, "w-1"), 0.5)
    assert [error.code for error in worker.failed] == [Exit.FENCED]
