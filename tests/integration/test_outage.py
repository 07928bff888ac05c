"""A channel that is down: briefly, and for longer than the ladder; and a change that would empty its shop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compose.runner.child import Child
from compose.runner.processes import HOME
from schemas import channel_records, records, topics, words
from schemas.cluster import now_ms
from tests.integration import test_publisher as base

rig_of = base.rig_of
SKUS = [f"S{n:02}" for n in range(20)]
TOKEN = "xoxb-test"
BRIEF, LONG = "100", "1"
"""A second stands for 10 s, or for 1,000 s."""
HEALED_MS = 6_000
"""What stands for 60 s of a brief outage."""
INCIDENT_MS = 6_000
"""Likewise: an outage that lasts so long is told of."""
LATER_PROBES_S = (1.5, 3.5, 6.5, 9.5, 12.5, 15.5, 18.5)
"""How long after the third failure of a brief outage each probe but the first is due."""


@dataclass
class Sale:
    """A shop of twenty listings in step, its publisher, and a Slack channel."""

    rig: base.Rig
    publisher: Child
    slack: Child
    path: Path

    def metric(self, name: str) -> float:
        """Return one of the publisher's metrics."""
        return self.rig.metric(self.publisher, f"lastunit_publisher_{name}")

    def shows(self, number: int) -> bool:
        """Return whether every listing shows this, and the record of each says that it is in step."""
        if set(self.rig.shows().values()) != {number}:
            return False
        return {record.status for record in self.rig.observed().values()} == {words.Status.IN_STEP}

    def sells(self, number: int) -> None:
        """Bring every SKU to a level."""
        self.rig.levels(dict.fromkeys(SKUS, number))

    def letters(self) -> list[records.DeadLetter]:
        """Return all dead letters and their ends."""
        return self.rig.read(topics.STOCK_DEADLETTER, records.DeadLetter)

    def messages(self) -> list[dict[str, Any]]:
        """Return what stands in the Slack channel."""
        said: list[dict[str, Any]] = base.http(f"http://{self.slack.address}/_control/messages")["messages"]
        return said

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the publishers, with the configuration as it was at the start."""
        full = (sys.executable, "-m", "publishers", *argv, "--config", str(self.path))
        env = {**os.environ, **base.ENV}
        return subprocess.run(full, check=False, cwd=HOME, env=env, capture_output=True, text=True)


SaleOf = Callable[[str], Sale]


@pytest.fixture
def sale_of(rig_of: base.RigOf, service: base.Service, eventually: base.Eventually) -> SaleOf:
    """Return a maker of sales: the argument is the publisher's scale of time."""

    def make(scale: str) -> Sale:
        rig = rig_of("woocommerce", call_timeout_ms=2_000)
        slack = service("slack", sys.executable, "-m", "compose.fakes.slack", env={"FAKE_TOKEN": TOKEN})
        said = f"\n[publishers]\nslack_channel = '#stock'\nslack_api_url = 'http://{slack.address}/api'\n"
        rig.path.write_text(rig.path.read_text() + said)
        rig.catalogue([{"sku": sku} for sku in SKUS])
        argv = (sys.executable, "-m", "publishers", "run", "shop", "--config", str(rig.path), "--time-scale", scale)
        publisher = service("publisher", *argv, env={**base.ENV, "LASTUNIT_SLACK_BOT_TOKEN": TOKEN})
        sale = Sale(rig, publisher, slack, rig.path.with_suffix(".first.toml"))
        sale.path.write_text(rig.path.read_text())
        sale.sells(50)
        eventually(lambda: sale.shows(50))
        return sale

    return make


def test_a_short_outage_in_a_flash_sale_leaves_no_trace(sale_of: SaleOf, eventually: base.Eventually) -> None:
    """
    Three failures open the circuit, whatever sells meanwhile; no dead letter, no message.

    Once the channel is back all is in step within what stands for 60 s.
    """
    sale = sale_of(BRIEF)
    sale.rig.control("faults", {"outage_s": 60})
    begun, begun_ms = time.monotonic(), now_ms()
    calls = sale.rig.control("state")["calls"]["calls"]
    for number in range(49, 29, -1):
        sale.sells(number)
        time.sleep(0.05)
        if sale.metric("circuit_open"):
            break
    tried = sale.rig.control("state")["calls"]["calls"] - calls
    assert tried <= 4 + sum(time.monotonic() - begun > at_s for at_s in LATER_PROBES_S)  # 3 failures, a probe by then
    for number in range(29, 19, -1):
        sale.sells(number)
        time.sleep(0.1)
    assert sale.metric("circuit_open") == 1
    cleared = now_ms()
    sale.rig.control("faults", {"clear": True})
    eventually(lambda: sale.shows(20))
    rows = sale.rig.read(topics.SYNC_LOG, channel_records.SyncLog)
    told = {row.sku: row.started_at for row in rows if (row.verdict, row.quantity) == ("delivered", 20)}
    assert told.keys() == set(SKUS)
    assert max(told.values()) - cleared <= HEALED_MS  # by the publisher's clock: our own looks are no part of it
    assert sale.letters() == []
    brief = max(told.values()) - begun_ms < INCIDENT_MS  # a machine that is too busy makes another outage of it
    assert not brief or (sale.messages(), sale.rig.read(topics.SYNC_INCIDENT, channel_records.Incident)) == ([], [])


def test_an_outage_beyond_the_ladder_and_a_shop_that_would_be_emptied(
    sale_of: SaleOf, eventually: base.Eventually
) -> None:
    """
    Every SKU is dead-lettered once, people get one message that is updated at the end, a replay heals all.

    Then the rules would show 0 for everything: held, told, and done once it is released; an invalid file is refused.
    """
    sale = sale_of(LONG)
    sale.rig.control("faults", {"outage_s": 600})
    sale.sells(9)
    eventually(lambda: {letter.sku for letter in sale.letters()} == set(SKUS), timeout_s=30)
    (message,) = eventually(sale.messages)
    assert "shop does not answer: HTTP 503" in message["text"]
    assert {letter.reason for letter in sale.letters()} == {words.Reason.LADDER_EXHAUSTED}
    listed = json.loads(sale.run("dlq", "list", "--channel", "shop", "--json").stdout)
    assert len(SKUS) - 5 <= len(listed) <= len(SKUS)  # some are alive again, as probes
    assert {one["reason"] for one in listed} == {"ladder_exhausted"}
    shown = sale.run("dlq", "show", listed[-1]["sku"])
    assert "ladder_exhausted" in shown.stdout
    assert "503" in shown.stdout
    sale.rig.control("faults", {"clear": True})
    replayed = sale.run("dlq", "replay")
    assert replayed.returncode in (0, 1)  # 1: the channel's first answer has healed all before the command came
    eventually(lambda: sale.shows(9))
    eventually(lambda: sale.messages()[0]["edits"] == 1)
    assert [(one["text"].startswith(":white_check_mark: Over"), one["edits"]) for one in sale.messages()] == [(True, 1)]
    letters = sale.letters()
    opened = {letter.dead_letter_id for letter in letters if letter.resolves is None}
    assert {letter.resolves for letter in letters if letter.resolves is not None} == opened

    right = sale.rig.path.read_text()
    emptied, invalid = (f"[[channels]]\nrules = {{percent = {percent}}}" for percent in (0, 200))
    sale.rig.path.write_text(right.replace("[[channels]]", emptied, 1))
    eventually(lambda: len(sale.messages()) == 2)
    assert "one change would show 0 for 20 listings, it is held" in sale.messages()[1]["text"]
    assert (set(sale.rig.shows().values()), sale.metric("held_count")) == ({9}, 20)
    sale.rig.path.write_text(right.replace("[[channels]]", invalid, 1))
    eventually(lambda: sale.metric("rules_refused") == 1)
    assert sale.metric("held_count") == 20
    assert sale.run("command", "shop", "brake_release").returncode == 0
    eventually(lambda: sale.shows(0))
    sale.rig.path.write_text(right)
    eventually(lambda: sale.shows(9))
    assert sale.metric("rules_refused") == 0
