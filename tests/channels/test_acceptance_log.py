"""What stays out of logs and metrics: every captured delivery through the real application, logging everything."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from schemas.settings import Kind
from tests.channels import bodies
from tests.channels.bodies import Sample
from tests.channels.conftest import SECRETS, SIGN
from tests.fuzz.plan import CANARIES, Plan, of_another
from tests.fuzz.world import World, world

NAMES = frozenset({"orderId", "sku", "ce_id"})
"""What a line of the log may name of an order, in fields of their own."""
NOT_A_WORD = 8
"""Shorter texts are words such as "manual" or "paid", which stand anywhere."""
CUSTOMER = {"first_name": CANARIES[0], "email": CANARIES[1], "lines": [CANARIES[2]]}


def texts(body: Any) -> Iterator[str]:
    """Yield the texts that a body holds."""
    for path in bodies.places(body):
        leaf = bodies.at(body, path)
        if isinstance(leaf, str) and len(leaf) >= NOT_A_WORD:
            yield leaf


def without_names(line: str) -> str:
    """Return a line without the ids that a search needs."""
    told = json.loads(line)
    return json.dumps({name: value for name, value in told.items() if name not in NAMES}, ensure_ascii=False)


async def deliver(running: World, sample: Sample, *, proved: bool) -> set[bytes]:
    """Send a delivery with a customer in it to an account of its kind, and return what it became."""
    account = next(one for one in running.addresses.channels if one.kind is sample.kind)
    raw = bodies.raw(bodies.extended(sample.body, "customer", CUSTOMER))
    secret = SECRETS[sample.kind][0]
    proof = SIGN[sample.kind](raw, secret, running.now_ms())
    if not proved:
        proof = {name: f"{value[:-4]}AAA=" for name, value in proof.items()}
    headers = {**(sample.headers or {}), **proof}
    path = f"/webhooks/{account.name}/order"
    ours = not of_another(account, [*headers.items()], raw)
    plan = Plan(
        method="POST", path=path, headers=[*headers.items()], body=raw, kind=sample.kind, secret=secret, proved=proved,
        whole=ours,
    )  # fmt: skip
    reply, sent = await running.send(plan)
    assert (reply.status == 200) is (proved and ours) or b'"ping"' in reply.body, reply
    return {part for message in sent for part in (message.key, message.value)}


@pytest.mark.parametrize("proved", [True, False], ids=["proved", "forged"])
async def test_a_delivery_leaves_no_secret_and_no_text_of_its_body_in_the_log(kind: Kind, *, proved: bool) -> None:
    """Ids and SKUs may be named; what was signed with, who bought and what else was written are nobody's to read."""
    async with world() as running:
        for sample in (one for one in bodies.webhooks() if one.kind is kind):
            running.log.written.clear()
            became = b"\0".join(await deliver(running, sample, proved=proved))
            log = "\n".join(without_names(line) for line in running.log.written)
            private = [text for text in texts(sample.body) if text.encode() not in became]
            assert [text for text in private if text in log] == []
        assert running.log.found == []
        exposition = generate_latest().decode()

    for part in (*running.log.secrets, *CANARIES):
        assert part not in exposition


async def test_the_log_is_not_silent(kind: Kind) -> None:
    """What is refused and what is given up is told, with the channel's name: the test above reads something."""
    async with world() as running:
        for sample in (one for one in bodies.webhooks() if one.kind is kind):
            await deliver(running, sample, proved=False)
        lines = [line for line in running.log.written if '"logger":"ingest.receive"' in line]

    assert lines
    assert all(f"-{kind}" in line for line in lines)
