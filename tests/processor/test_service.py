"""A worker that cannot start ends with the code that says whose fault it is."""

from typing import Any, NoReturn

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from processor import service
from processor.exits import Exit, FatalError

NOTHING: Any = None


class Ended(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KafkaConnectionError("Unable to bootstrap"), Exit.CLUSTER),
        (TimeoutError(), Exit.CLUSTER),
        (TopicAuthorizationFailedError(), Exit.CRASHED),
        (ValueError("a bug"), Exit.CRASHED),
        (FatalError(Exit.UPGRADE, "a name is gone"), Exit.UPGRADE),
    ],
)
async def test_brokers_that_go_away_while_a_worker_starts_are_no_crash(
    monkeypatch: pytest.MonkeyPatch, error: Exception, code: Exit
) -> None:
    """The check before found them; whoever looks at the code must not look for a bug."""
    ends: list[FatalError] = []

    async def fail(*_: object) -> NoReturn:
        raise error

    def end(fatal: FatalError) -> NoReturn:
        ends.append(fatal)
        raise Ended

    monkeypatch.setattr(service, "_work", fail)
    monkeypatch.setattr(service, "end", end)
    with pytest.raises(Ended):
        await service.run(NOTHING, NOTHING)
    assert [fatal.code for fatal in ends] == [code]
