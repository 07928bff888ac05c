"""Reconciliation against a real Kafka and the stand-ins: what drifted is found, named and put right."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from compose.runner.child import Child
from compose.runner.processes import HOME
from schemas import channel_records, topics
from schemas.cluster import now_ms
from schemas.ids import listing_key
from schemas.words import Status
from tests.integration import test_publisher as base

rig_of = base.rig_of
"""The fixture: pytest finds it by this name."""
KINDS = ("shopify", "woocommerce")
MARGIN_MS = 5_100
"""How long after our last write a look counts, and a little."""
Rigs = Mapping[str, base.Rig]
OURS = ("RAISED", "LOWERED", "MISSED", "QUIET")
BEFORE = {"RAISED": 50, "LOWERED": 4, "MISSED": 8, "QUIET": 10, "STRANGER": 0}
SEEN = {
    ("RAISED", 50, "edited_by_hand"),
    ("LOWERED", 4, "missed_order"),
    ("MISSED", 8, "missed_order"),
    (None, 0, "unmapped"),
    ("GONE", None, "not_shown"),
}


@pytest.fixture
def rigs(rig_of: base.RigOf) -> Rigs:
    """Return a rig of each kind; a sale's way to us is shortened."""
    made = {kind: rig_of(kind) for kind in KINDS}
    for rig in made.values():
        with rig.path.open("a") as file:
            file.write("\n[publishers]\ntime_scale = 50\n")
    return made


def commands(rigs: Rigs, *more: str) -> dict[str, tuple[int, str, str]]:
    """Run `reconcile` for all at once; returns exit codes, outputs and complaints by kind."""
    argv = (sys.executable, "-m", "publishers", "reconcile", "shop", *more)
    begun = {
        kind: subprocess.Popen(
            (*argv, "--config", str(rig.path)), cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for kind, rig in rigs.items()
    }
    ended = {kind: (child, *child.communicate(timeout=60)) for kind, child in begun.items()}
    return {kind: (child.returncode, out, err) for kind, (child, out, err) in ended.items()}


def found(document: Mapping[str, Any]) -> set[tuple[str | None, int | None, str, str]]:
    """Return the drifts of a report in short."""
    return {(one["sku"], one["shown"], one["cause"], one["action"]) for one in document["drifts"]}


def prepare(rig: base.Rig) -> None:
    """List and level four SKUs, one of them is not at the channel, and one of the channel's is not with us."""
    rig.catalogue([{"sku": sku} for sku in OURS])
    rig.control("catalogue", {"products": [{"sku": "STRANGER"}]})
    quiet = rig.listings["QUIET"]
    gone = channel_records.Listing(
        channel="shop", listing_id="999", sku="GONE", ids=dict.fromkeys(quiet.ids, "999"), retired=False
    )
    rig.write(topics.LISTING, listing_key("shop", "999"), gone)
    rig.levels(dict.fromkeys(OURS, 10))


def drift(rig: base.Rig) -> None:
    """Let two numbers be edited by hand, and one unit sold without a word to us."""
    rig.control("level", {"sku": "RAISED", "qty": 50})
    rig.control("level", {"sku": "LOWERED", "qty": 4})
    rig.control("sell", {"sku": "MISSED", "qty": 2, "order_id": "1"})


def polled(rig: base.Rig) -> None:
    """Let the order poll pass, with the missed order."""
    rig.ordered("MISSED", 8, 2, "shop_1_1", ordered_at=now_ms() - 2_000)
    mark = channel_records.Watermark(channel="shop", through=now_ms() + 60_000, at=now_ms())
    rig.write(topics.INGEST_WATERMARK, b"shop", mark)
    rig.producer.flush()


def in_step(rig: base.Rig) -> bool:
    """Return whether every SKU that the channel shows is told."""
    records = rig.observed()
    return all(records[sku].status is Status.IN_STEP for sku in OURS)


def written(rig: base.Rig) -> int:
    """Return when the channel was told last."""
    return max(one.sent_at or 0 for record in rig.observed().values() for one in record.listings.values())


def test_drifts_are_found_named_and_put_right(rigs: Rigs, eventually: base.Eventually) -> None:
    """
    A dry run shows all and changes nothing.  The next lowers at once what was raised; what is too low waits for the
    order poll: a missed order then explains one number, and the other is raised again.
    """
    publishers = {}
    for kind, rig in rigs.items():
        prepare(rig)
        publishers[kind] = rig.start()
    for rig in rigs.values():
        eventually(partial(rig.show, {**BEFORE, **dict.fromkeys(OURS, 10)}))
        eventually(partial(in_step, rig))
    for (
        rig
    ) in rigs.values():  # the run that each publisher makes soon after its start; by then the writes are old enough
        eventually(partial(rig.read, topics.SYNC_RUN, channel_records.Reconciliation))
        time.sleep(max(0, MARGIN_MS - (now_ms() - written(rig))) / 1_000)
    _adopt_nothing(rigs["shopify"])
    for rig in rigs.values():
        drift(rig)
    _dry_run(rigs)
    _run(rigs, eventually)
    for rig in rigs.values():
        polled(rig)
    wanted = {**BEFORE, "RAISED": 10, "LOWERED": 10}
    for kind, rig in rigs.items():
        eventually(partial(rig.show, wanted))
        _settled(rig, publishers[kind], eventually)


def _adopt_nothing(rig: base.Rig) -> None:
    """Beside its publisher the channel is not read by another process: both would do it by one share."""
    argv = (sys.executable, "-m", "publishers", "adopt", "shop", "--config", str(rig.path))
    done = subprocess.run(argv, check=False, cwd=HOME, env={**os.environ, **base.ENV}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (3, "")
    assert "shop cannot be read: a publisher of it is running" in done.stderr


def _dry_run(rigs: Rigs) -> None:
    pushes = {kind: rig.pushes() for kind, rig in rigs.items()}
    records = {kind: rig.observed() for kind, rig in rigs.items()}
    for kind, (code, out, err) in commands(rigs, "--dry-run", "--json").items():
        assert (code, err) == (1, "")
        report, rig = json.loads(out), rigs[kind]
        assert report["run"]["dryRun"]
        assert {row[:3] for row in found(report)} == SEEN
        assert {row[3] for row in found(report)} == {"none", "waits"}
        assert report["run"]["drifts"] == {"edited_by_hand": 1, "missed_order": 2, "unmapped": 1, "not_shown": 1}
        assert (rig.shows(), rig.pushes(), rig.observed()) == (BEFORE, pushes[kind], records[kind])


def _run(rigs: Rigs, eventually: base.Eventually) -> None:
    ended = commands(rigs)
    for kind, (code, out, err) in ended.items():
        assert (code, err) == (1, "")
        assert ["RAISED", "50", "10", "10", "edited_by_hand", "corrected"] in [
            [cell for number, cell in enumerate(line.split()) if number != 1] for line in out.splitlines()
        ]
        eventually(partial(rigs[kind].show, {**BEFORE, "RAISED": 10}))
    code, again, _ = commands({"shopify": rigs["shopify"]}, "--last", "--json")["shopify"]
    report = json.loads(again)
    assert code == 1
    assert {row[:3] for row in found(report)} == SEEN
    assert not report["run"]["dryRun"]
    assert report["run"]["runId"] in ended["shopify"][1]


def _settled(rig: base.Rig, publisher: Child, eventually: base.Eventually) -> None:
    """Look at the last words about what waited, and at the metric that counts all: two of them in the first run."""

    def last() -> dict[str, tuple[str, str]]:
        drifts = sorted(rig.read(topics.SYNC_DRIFT, channel_records.Drift), key=lambda one: one.at)
        return {one.sku: (one.cause, one.action) for one in drifts if one.sku in ("LOWERED", "MISSED")}

    eventually(lambda: last() == {"LOWERED": ("edited_by_hand", "corrected"), "MISSED": ("missed_order", "none")})
    assert rig.metric(publisher, "lastunit_publisher_drifts_total") == 2 * len(SEEN) + 2 + 2


def test_without_a_publisher_nobody_answers_and_numbers_can_be_adopted(rig_of: base.RigOf, tmp_path: Path) -> None:
    """
    `reconcile` says what to do, with a code of its own; so it does where no run is on record.  `adopt` reads by itself:
    its file is one that `import` takes, and a SKU that has a level is left as it is.
    """
    rig, told = rig_of("shopify"), tmp_path / "stock.csv"
    rig.catalogue([{"sku": "A", "quantity": 7}, {"sku": "B", "quantity": 3}, {"sku": "STOCKED", "quantity": 9}])
    rig.levels({"STOCKED": 2})
    argv = (sys.executable, "-m", "publishers", "adopt", "shop", "--config", str(rig.path), "--csv", str(told))
    adopting = subprocess.Popen(argv, cwd=HOME, env={**os.environ, **base.ENV}, stdout=subprocess.PIPE, text=True)
    one = {"shopify": rig}
    waited, last = commands(one, "--timeout", "1")["shopify"], commands(one, "--last")["shopify"]
    assert (waited[0], last[0]) == (3, 3)
    assert "see that one is running and active" in waited[2]
    assert "leave out --last" in last[2]
    assert "2 SKUs can take their first level" in adopting.communicate(timeout=60)[0]
    assert told.read_text() == "sku,qty,reason\nA,7,adopted from shop\nB,3,adopted from shop\n"
    count = (sys.executable, "-m", "ingest", "import", str(told), "--config", str(rig.path), "--json")
    diff = json.loads(subprocess.run(count, check=True, cwd=HOME, capture_output=True, text=True).stdout)
    assert {(row["sku"], row["count"], row["change"]) for row in diff["diff"]} == {("A", 7, "new"), ("B", 3, "new")}
    assert rig.shows() == {"A": 7, "B": 3, "STOCKED": 9}
