"""Which jumps in a log are explained by what stands there."""

import asyncio
from typing import Any

import pytest

from processor import gaps as module
from processor.gap import Batch, Gap, reason

MARKER, ABORTED, RECORDS = Batch(5, 6, shown=False), Batch(6, 9, shown=False), Batch(9, 12, shown=True)


@pytest.mark.parametrize(
    ("gaps", "batches"),
    [
        ([Gap(5, 6)], [MARKER]),
        ([Gap(5, 9)], [MARKER, ABORTED]),
        ([Gap(7, 9)], [ABORTED]),
        ([Gap(5, 9)], [MARKER, ABORTED, RECORDS]),
        ([Gap(5, 9), Gap(12, 13)], [MARKER, ABORTED, RECORDS, Batch(12, 13, shown=False)]),
    ],
)
def test_markers_and_aborted_records_explain_a_jump(gaps: list[Gap], batches: list[Batch]) -> None:
    """However they are cut into batches, and with records in between that were handed over."""
    assert reason(gaps, batches) == ""


@pytest.mark.parametrize(
    ("gaps", "batches", "why"),
    [
        ([Gap(9, 10)], [RECORDS], "records from 9 to 11 were not handed over"),
        ([Gap(5, 10)], [MARKER, ABORTED, RECORDS], "were not handed over"),
        ([Gap(5, 9)], [MARKER, Batch(7, 9, shown=False)], "offsets 6 to 6 are not in the log"),
        ([Gap(4, 6)], [MARKER], "offsets 4 to 4 are not in the log"),
        ([Gap(5, 9)], [MARKER], "the log ends at 6"),
        ([Gap(5, 6)], [], "the log ends at 5"),
    ],
)
def test_anything_else_does_not(gaps: list[Gap], batches: list[Batch], why: str) -> None:
    """Records that nobody was handed, offsets that are gone, and a log that ends before."""
    assert why in reason(gaps, batches)


async def test_lanes_that_look_at_once_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one would never be closed."""
    made = []

    class Client:
        def __init__(self, **_: Any) -> None:
            made.append(self)

        async def bootstrap(self) -> None:
            await asyncio.sleep(0.01)

        async def add_topic(self, _: str) -> None:
            """Know it already."""

    monkeypatch.setattr(module, "AIOKafkaClient", Client)
    inspector = module.Inspector({})
    clients = await asyncio.gather(*(inspector._connected("order.confirmed") for _ in range(3)))
    assert clients == made * 3
    assert len(made) == 1
