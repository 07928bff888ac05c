"""What channels allow, as data: the shares of tells, read-backs and orders add up to no more than the limit."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from ingest.channels import amazon_poll, ebay_poll, etsy_poll, shopify_poll, woocommerce_poll
from publishers.__main__ import main
from publishers.channels import KINDS
from publishers.limiter import Window
from publishers.limits_cli import text
from publishers.presets import ORDERS, PRESETS, RULES_OF_THUMB, Preset
from publishers.push import READ, TELL
from publishers.refilling import LATE_MS
from publishers.windows import JITTER_MS
from schemas.settings import Channel, Kind
from schemas.settings import Window as Setting

POLLS = {
    "amazon": amazon_poll,
    "ebay": ebay_poll,
    "etsy": etsy_poll,
    "shopify": shopify_poll,
    "woocommerce": woocommerce_poll,
}
PAGE_POINTS = 300
"""What a full page of Shopify's orders costs; its poller counts pages, one at each poll and two at once."""
POLL_MS = Channel(name="any", kind=Kind.SHOPIFY, since=0).poll_every_ms
FIXED = [(kind, preset, window) for kind, presets in PRESETS.items() for preset in presets for window in preset.windows]


def polled(kind: str, *, points: bool) -> list[Window]:
    """Return the order poll's share."""
    settings: Sequence[Setting] = POLLS[kind].LIMIT
    if points:
        return [Window(amount=PAGE_POINTS, per_ms=POLL_MS, burst=settings[0].burst * PAGE_POINTS, points=True)]
    return [Window(amount=one.calls, per_ms=one.per_ms, burst=one.burst) for one in settings]


def most(window: Window, within_ms: int) -> Fraction:
    """Return how much of a share may arrive within so many ms, in whatever crowds it does so."""
    if window.rolling:
        return Fraction(window.amount * -(-within_ms // window.per_ms))
    return window.burst + Fraction(window.amount * within_ms, window.per_ms)


def tightest(windows: Sequence[Window], within_ms: int) -> int:
    """Return how much of the tightest of one bucket's windows may arrive within so many ms."""
    return int(min(most(window, within_ms) for window in windows))


def shares(kind: str, preset: Preset, window: Window) -> list[list[Window]]:
    """Return each purpose's windows that count like this one."""
    own = [KINDS[kind].LIMITS[bucket] for bucket in preset.buckets if bucket != ORDERS]
    found = [[one for one in windows if one.points == window.points and not one.per_listing] for windows in own]
    return found + ([polled(kind, points=window.points)] if ORDERS in preset.buckets else [])


@pytest.mark.parametrize(("kind", "preset", "window"), FIXED, ids=lambda value: getattr(value, "what", None))
def test_the_shares_of_all_purposes_add_up_to_no_more_than_the_vendor_allows(
    kind: str, preset: Preset, window: Window
) -> None:
    """In the long run and in a crowd: a second, a minute, a day.  Our own measures are meant for the long run."""
    if window.per_listing:
        (own,) = [one for one in KINDS[kind].LIMITS[TELL] if one.per_listing]
        assert (own.amount, own.per_ms, own.rolling) == (window.amount, window.per_ms, window.rolling)
        return
    parts = shares(kind, preset, window)
    assert all(parts)
    hour = sum(min(Fraction(one.amount, one.per_ms) for one in part) for part in parts)
    assert hour <= Fraction(window.amount, window.per_ms) or window.rolling
    if preset.ours:
        return
    polls = ORDERS in preset.buckets  # whose buckets hold nothing back for the jitter
    for within in (window.per_ms,) if window.rolling else (1, 1_000, 60_000, 3_600_000, 86_400_000):
        arrived = sum(tightest(part, within) for part in parts[: len(parts) - polls])
        arrived += sum(tightest(part, within + JITTER_MS) for part in parts[len(parts) - polls :])
        assert arrived <= most(window, within)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bucket_has_more_than_the_jitter_takes_of_it(kind: str) -> None:
    """Else the limiter lets a single call through all the same, and the vendor might refuse it."""
    for preset in PRESETS[kind]:
        for bucket in () if preset.ours else preset.buckets:
            for one in KINDS[kind].LIMITS.get(bucket, ()):
                kept = one.burst * one.per_ms - one.amount * JITTER_MS
                assert one.rolling or kept >= one.per_ms + one.amount * LATE_MS


def test_every_bucket_of_every_kind_is_documented_and_every_kind_has_its_rule_of_thumb() -> None:
    """What is charged somewhere is a share of something; eBay has no rule of thumb, for nobody states one."""
    assert set(PRESETS) == set(KINDS) == set(POLLS)
    assert set(RULES_OF_THUMB) == set(KINDS) - {"ebay"}
    for kind, presets in PRESETS.items():
        named = [bucket for preset in presets for bucket in preset.buckets]
        assert set(KINDS[kind].LIMITS) | {ORDERS} == set(named)
        assert all(preset.page and preset.what and preset.windows for preset in presets)


def test_a_share_that_says_of_what_says_what_is_documented() -> None:
    """A kind may name the whole itself; both are the vendor's number."""
    for kind, presets in PRESETS.items():
        for preset in presets:
            for bucket in set(preset.buckets) - {ORDERS}:
                for one in KINDS[kind].LIMITS[bucket]:
                    known = [w.amount * one.per_ms // w.per_ms for w in preset.windows if w.rolling == one.rolling]
                    assert one.whole == 0 or one.whole in known


def test_the_rules_of_thumb_are_those_of_the_issue() -> None:
    """Shopify 2/s; Amazon 2/s burst 30; Etsy 10/s; WooCommerce 5/s."""
    assert {kind: text(window) for kind, window in RULES_OF_THUMB.items()} == {
        "shopify": "2/s burst 40",
        "amazon": "2/s burst 30",
        "etsy": "10/s burst 10",
        "woocommerce": "5/s burst 5",
    }


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(amount=83, per_ms=10_000_000, burst=15), "0.0083/s burst 15"),
        (Window(amount=100, per_ms=1_000, burst=2_000, points=True), "100 points/s burst 2,000"),
        (Window(amount=5, per_ms=2_000, burst=2), "2.5/s burst 2"),
        (Window(amount=5_000, per_ms=86_400_000, burst=9), "5,000 in day burst 9"),
        (Window(amount=5, per_ms=300_000, burst=5, rolling=True), "5 in any 5 min"),
        (Window(amount=250, per_ms=86_400_000, burst=1, rolling=True, per_listing=True), "250 in any day per listing"),
    ],
)
def test_a_limit_is_written_as_one_says_it(window: Window, said: str) -> None:
    """A rate a second, or so many in a time."""
    assert text(window) == said


def rows(out: str) -> list[list[str]]:
    """Return a table's cells."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in out.splitlines()]


def test_the_command_prints_every_kind_where_there_is_no_configuration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old rule, what is documented and what is given, bucket by bucket; orders are the poller's own affair."""
    monkeypatch.delenv("LASTUNIT_CONFIG", raising=False)
    assert main(["limits"]) == 0
    shown = rows(capsys.readouterr().out)
    assert shown[0] == ["channel", "kind", "bucket", "rule of thumb", "documented", "given"]
    by_bucket = {(row[1], row[2]): row[3:] for row in shown[1:]}
    assert by_bucket["shopify", "tells"][:2] == ["2/s burst 40", "100 points/s burst 2,000"]
    assert by_bucket["amazon", "tells"] == ["2/s burst 30", "5/s burst 5", "5/s burst 5"]
    assert by_bucket["etsy", "orders"] == ["10/s burst 10", "10 in any s, 10,000 in any day", "the poller's own"]
    assert by_bucket["woocommerce", "tells"][1] == "none; in all 5/s burst 5"
    assert by_bucket["ebay", "tells"][:2] == ["-", "250 in any day per listing"]
    assert len(shown) == 1 + sum(len(kind.LIMITS) + 1 for kind in KINDS.values())


def test_the_command_prints_what_a_configuration_gives(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Two shops of one app halve its share; what is configured stands as it is, orders too."""
    path = tmp_path / "lastunit.toml"
    path.write_text(
        """
        [kafka]
        bootstrap = "127.0.0.1:1"
        [[channels]]
        name = "etsy-a"
        kind = "etsy"
        since = 1
        app = "one"
        orders_limit = [{calls = 1, per_ms = 1000, burst = 1}]
        [[channels]]
        name = "etsy-b"
        kind = "etsy"
        since = 1
        app = "one"
        read_limit = [{calls = 7, per_ms = 60000, burst = 7, rolling = true}]
        orders_limit = [{calls = 1, per_ms = 1000, burst = 2}]
        [[channels]]
        name = "erp"
        kind = "generic"
        since = 1
        """,
        encoding="utf-8",
    )
    assert main(["limits", "--config", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    given = {(one["channel"], one["bucket"]): one["given"] for one in found}
    assert set(given) == {(name, bucket) for name in ("etsy-a", "etsy-b") for bucket in (TELL, READ, ORDERS)}
    day = KINDS["etsy"].LIMITS[TELL][1]
    assert given["etsy-a", TELL][1]["amount"] == day.amount // 2
    assert [(one["amount"], one["per_ms"]) for one in given["etsy-b", READ]] == [(7, 60_000)]
    assert given["etsy-b", ORDERS][0]["burst"] == 2
    assert all(one["page"] == "developers.etsy.com/documentation/essentials/rate-limits" for one in found)
    assert main(["limits", "--config", str(path)]) == 0
    assert ["etsy-b", "etsy", "read-backs", "10/s burst 10", "10 in any s, 10,000 in any day", "7 in any min"] in rows(
        capsys.readouterr().out
    )
