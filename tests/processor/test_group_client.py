"""The group's client says so when the library's own routine ends."""

import asyncio
from types import SimpleNamespace

from processor.group_client import GroupClient


async def test_a_membership_that_ends_with_an_error_is_told() -> None:
    """Not one that ends in order, nor one that is cancelled."""
    told: list[BaseException] = []

    async def ends() -> None:
        return

    async def fails() -> None:
        raise AssertionError("Did we not perform bootstrap?")

    for routine, expected in ((ends, []), (fails, ["Did we not perform bootstrap?"])):
        client = GroupClient.__new__(GroupClient)
        client._lost = told.append
        client._closed = True
        client._coordinator = SimpleNamespace(_coordination_task=asyncio.create_task(routine()))
        client._coordinator._coordination_task.add_done_callback(client._left)
        await asyncio.wait({client._coordinator._coordination_task})
        await asyncio.sleep(0)
        assert [str(error) for error in told] == expected
