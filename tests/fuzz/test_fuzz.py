"""The fuzz: 20,000 requests in a run of all tests, a million with `python tests/fuzz/run.py --requests 1000000`."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.channels import WEBHOOKS, calls
from ingest.webhook import BadSignature
from schemas.settings import Kind
from tests.channels.conftest import LISTINGS
from tests.fuzz import judge
from tests.fuzz.calls import READERS, Calls
from tests.fuzz.engine import run
from tests.fuzz.material import materials
from tests.fuzz.world import World, world

REQUESTS = 20_000
SEED = 5


async def test_nothing_that_is_sent_brings_about_what_must_not_be() -> None:
    """
    Requests to every address, most of them signed, of every kind: an answer out of the list, and nothing else.

    No 5xx but the broker's, no trace, no secret and no customer in an answer, a record, a log line or a metric, no
    record without a proof, and every record within the contract.
    """
    report = await run(REQUESTS, SEED)

    assert report.findings == [], "\n\n".join(report.findings)
    assert report.proved >= REQUESTS / 2
    assert report.kinds.keys() >= {str(kind) for kind in Kind}
    assert {200, 202, 400, 401, 404, 405, 413, 415, 503} <= report.statuses.keys()
    assert report.statuses[200] > REQUESTS / 4
    assert report.records > REQUESTS / 4


def test_every_kind_and_every_reader_of_answers_is_driven() -> None:
    """What is registered is fuzzed: nobody has to add a kind or a module here."""
    assert materials().keys() == set(Kind)
    assert all(material.webhooks for material in materials().values())
    driven = {(table, kind) for table, kind, *_ in READERS}
    assert driven >= {("POLLS", kind) for kind in calls.POLLS}
    assert driven >= {("DISCOVERIES", kind) for kind in calls.DISCOVERIES}
    assert driven >= {("GRANTS", kind) for kind in calls.GRANTS}
    for table, kind, reader, _ in READERS:
        assert materials()[kind].answers, f"{table}: no captured answer of {kind} below tests/channels/{kind}"
        assert callable(reader.request)


@settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_a_surprise_is_made_small(random: Random) -> None:
    """The same requests with Hypothesis as the source of chance: a failing case comes out as small as it can be."""

    async def one() -> None:
        async with world() as running:
            for _ in range(3):
                await running.send(running.draw(random))

    asyncio.run(one())


@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_an_answer_of_an_api_raises_nothing(random: Random) -> None:
    """The same of what channels answer: every reader, in states that earlier answers led to."""
    steps = Calls(LISTINGS)
    for _ in range(5):
        steps.step(random)
    for _, message in steps.messages:
        judge.record(message)


@pytest.mark.parametrize(
    ("broken", "sort"),
    [
        ("verify", "without a proof"),
        ("parse", "503, and the broker takes everything"),
    ],
)
async def test_the_fuzz_notices(broken: str, sort: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature that is not checked, or a parser that falls over a line, is found within a few hundred requests."""

    def nothing(*_: Any) -> None:
        return None

    def raising(*_: Any) -> None:
        raise KeyError("line_items")

    for kind in WEBHOOKS.values():
        monkeypatch.setattr(kind, broken, nothing if broken == "verify" else raising)

    report = await run(400, SEED)

    assert any(sort in finding for finding in report.findings), report.findings


@pytest.mark.parametrize("kind", list(Kind), ids=str)
async def test_a_kind_that_lets_nothing_in_is_noticed(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed, and refused all the same: found for every kind by itself, whatever its accounts must have."""

    def refusing(*_: Any) -> None:
        raise BadSignature("nothing is good enough")

    monkeypatch.setattr(WEBHOOKS[kind], "verify", refusing)

    report = await run(150, SEED)

    assert any("signed, and answered 401" in finding for finding in report.findings), report.findings


async def test_a_number_brings_its_request_about_again() -> None:
    """A request depends on the seed and its own number, and on the time only where a signature does."""
    async with world() as running:
        again = [_known(running, number) for number in (0, 1, 700)]
        assert again == [_known(running, number) for number in (0, 1, 700)]


def _known(running: World, number: int) -> tuple[str, bytes]:
    request = running.draw(Random(f"{SEED}:{number}"))
    return request.path, request.body
