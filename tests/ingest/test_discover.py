"""A channel's own listings against ours: what is new, what has changed, what is gone, and what is worth saying."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ingest.channels import shopify_listings
from ingest.discover.found import Catalogue, Discovered, Wish, discovered
from ingest.discover.kind import Found, Listed
from ingest.discover.reading import TRIES, AccessDenied, Away, Means, read_all
from ingest.discover.skus import alike, remarks, several
from ingest.imports import listings
from ingest.imports.csvfile import parse
from ingest.imports.diff import Change
from ingest.imports.listings import World
from ingest.imports.report import document, text
from ingest.poll.kind import Answer, Denied, Instead, Later, Request
from schemas.channel_records import Component, Listing
from schemas.ids import listing_key
from schemas.partition import partition_of
from schemas.settings import Channel, Kind, Window

KINDS = {"woo": Kind.WOOCOMMERCE, "shop": Kind.SHOPIFY}
NOTHING = Wish()


def found(number: int, sku: str, *, tracked: bool = True) -> Found:
    return Found(listing_id=str(number), sku=sku, ids={"product": str(number)}, tracked=tracked)


def known(number: int, sku: str, **more: Any) -> Listing:
    return Listing(channel="woo", listing_id=str(number), sku=sku, ids={"product": str(number)}, **more)


def world(*some: Listing) -> World:
    present = {listing_key(one.channel, one.listing_id): {partition_of(one.sku.encode(), 4): one} for one in some}
    return World(present=present, kinds=KINDS, partitions=4)


def against(shown: Sequence[Found], *some: Listing, wish: Wish = NOTHING, unread: tuple[str, ...] = ()) -> Discovered:
    return discovered(Catalogue(channel="woo", found=tuple(shown), unread=unread), world(*some), wish)


def told(result: Discovered) -> dict[str, str]:
    return {str(entry.facts.get("listing_id", entry.why)): entry.change.value for entry in result.diff.entries}


def test_a_channel_s_listings_are_compared_as_an_import_would() -> None:
    """New, with another SKU, as known; another channel's listings are none of this one's."""
    other = Listing(channel="shop", listing_id="9", sku="X", ids={"variant": "9", "inventory_item": "8"})
    result = against([found(1, "A"), found(2, "B2"), found(3, "C")], known(2, "B"), known(3, "C"), other)

    assert told(result) == {"1": "new", "2": "changed", "3": "unchanged"}
    assert {write.key for write in result.diff.writes()} == {listing_key("woo", "1"), listing_key("woo", "2")}


def test_a_listing_without_a_sku_is_not_written_and_one_that_was_given_a_sku_keeps_it() -> None:
    """The first is shown with what to do; the second is as somebody mapped it."""
    result = against([found(1, ""), found(2, "")], known(2, "BY-HAND"))

    assert told(result) == {"1": "left", "2": "unchanged"}
    assert any("1  -  no SKU: fill it in" in line for line in text("woo", result.diff, 0))
    assert result.diff.writes() == []


def test_what_the_channel_does_not_count_is_left_unless_asked_for() -> None:
    """Asked for, or known already, it is a listing like any other."""
    shown = [found(1, "EBOOK", tracked=False), found(2, "FILM", tracked=False)]

    assert told(against(shown, known(2, "FILM"))) == {"1": "left", "2": "unchanged"}
    assert told(against(shown, known(2, "FILM"), wish=Wish(untracked=True))) == {"1": "new", "2": "unchanged"}


def test_a_listing_that_is_gone_is_reported_and_ended_only_when_asked_for() -> None:
    """Ended in every partition in which it stands."""
    result = against([found(1, "A")], known(1, "A"), known(2, "B"))
    assert told(result) == {"1": "unchanged", "2": "gone"}
    assert result.diff.writes() == []
    assert any("2" in line and "B" in line for line in text("woo", result.diff, 0))

    pruned = against([found(1, "A")], known(1, "A"), known(2, "B"), wish=Wish(prune=True))

    assert [(write.key, write.value) for write in pruned.diff.writes()] == [(listing_key("woo", "2"), None)]


def test_a_channel_that_shows_nothing_or_not_all_ends_nothing() -> None:
    """It is rather broken than empty; and what could not be read may be the very listing."""
    empty = against([], known(1, "A"), wish=Wish(prune=True))
    assert (told(empty), empty.diff.writes()) == ({"1": "gone"}, [])

    torn = against([found(2, "B")], known(1, "A"), wish=Wish(prune=True), unread=("product 1: sku: want text",))

    assert [write.key for write in torn.diff.writes()] == [listing_key("woo", "2")]
    assert [entry.why for entry in torn.diff.of(Change.REFUSED)] == ["product 1: sku: want text"]


def test_a_channel_that_never_shows_all_it_has_takes_nothing_for_gone() -> None:
    """Inventory APIs show what they made (eBay); a listing made in web pages is alive all the same."""
    shown = Catalogue(channel="woo", found=(found(1, "A"),), whole=False)
    result = discovered(shown, world(known(1, "A"), known(2, "B")), Wish(prune=True))
    assert told(result) == {"1": "unchanged"}
    assert result.diff.writes() == []


def test_a_bundle_and_a_retired_listing_stay_what_they_are() -> None:
    """A channel knows neither; a new listing of the bundle's SKU is the bundle too."""
    cups = (Component(sku="CUP", qty=2),)
    result = against(
        [found(1, "SET"), found(2, "OLD"), found(3, "SET")],
        known(1, "SET", components=cups),
        known(2, "OLD", retired=True),
    )

    assert told(result) == {"1": "unchanged", "2": "unchanged", "3": "new"}
    (new,) = result.diff.of(Change.NEW)
    assert new.facts["components"] == "2*CUP"


def test_the_file_that_is_written_is_the_file_that_is_taken() -> None:
    """Same rows, same numbers, SKUs with blanks, quotes and line ends included; one without a SKU waits for one."""
    shown = [found(1, ' t"e,e\n '), found(2, ""), found(3, "ÄPFEL")]
    result = against(shown)
    table = parse(result.csv)
    again = listings.diff(table, {}, KINDS, 4)

    assert [(entry.row, entry.change.value) for entry in again.entries] == [(2, "new"), (3, "refused"), (4, "new")]
    assert [write.value for write in again.writes()] == [write.value for write in result.diff.writes()]
    assert result.diff.sha256 == table.sha256


def test_a_sku_that_no_record_can_hold_is_refused_as_in_a_file() -> None:
    """Nothing is written as long as it is so; the row is that of the file."""
    result = against([found(1, "A"), found(2, "é" * 200)])

    assert [(entry.row, "bytes" in entry.why) for entry in result.diff.of(Change.REFUSED)] == [(3, True)]


def test_skus_that_only_look_the_same_are_named_and_never_made_equal() -> None:
    """Case, blanks, composed and decomposed letters, full-width digits; also against what is known already."""
    result = against([found(1, "tee "), found(2, "A"), found(3, "é1")], known(9, "TEE"), known(8, "e\u0301\uff11"))

    assert [set(group) for group in result.alike] == [{"tee ", "TEE"}, {"é1", "e\u0301\uff11"}]
    assert alike(["A", "A", "B"]) == ()
    assert told(result)["1"] == "new"


def test_several_listings_of_one_sku_are_fine_and_said_so() -> None:
    """Each is told the same level."""
    result = against([found(1, "A"), found(2, "A"), found(3, "B")])

    assert (told(result)["1"], told(result)["2"], dict(result.several)) == ("new", "new", {"A": 2})
    assert any("'A' 2 times" in line for line in remarks(result.alike, result.several))


def test_remarks_are_bounded() -> None:
    """Twenty of each for people; programs have them all."""
    many = [*remarks([(f"a{i}", f"A{i}") for i in range(30)], several(str(i) for i in [*range(30), *range(30)]))]

    assert len(many) == 22
    assert "10 more" in many[-1]
    assert "10 more" in many[-2]


def test_the_document_counts_what_only_a_channel_can_show() -> None:
    """Gone and left beside an import's five."""
    told_of = document("woo", against([found(1, "")], known(2, "B")).diff, 0, applied=False)

    assert (told_of["left"], told_of["gone"], told_of["new"], told_of["rows"]) == (1, 1, 0, 2)


CHANNEL = Channel(
    name="shop", kind=Kind.SHOPIFY, since=0, base_url="http://shop", orders_limit=(Window(calls=1, per_ms=1, burst=99),)
)


class Script:
    """A kind whose answers are written down; time passes only when somebody sleeps."""

    LIMIT = CHANNEL.orders_limit
    SECRETS = ("ACCESS_TOKEN",)
    WHOLE = True

    def __init__(self, *verdicts: Any) -> None:
        self.verdicts, self.now, self.slept = [*verdicts], 0, list[int]()

    def start(self) -> int:
        """Begin."""
        return 1

    def request(self, channel: Channel, secrets: Sequence[str], state: int) -> Request:
        """Ask."""
        return shopify_listings.request(channel, secrets, shopify_listings.State(row=state))

    def read(self, _state: int, _answer: Answer) -> Any:
        """Say the next verdict."""
        return self.verdicts.pop(0)

    async def sleep(self, ms: int) -> None:
        """Let time pass."""
        self.slept.append(ms)
        self.now += ms

    async def call(self, _request: Request) -> Answer:
        """Answer."""
        return Answer(status=200, headers={}, body=b"")

    def run(self) -> tuple[Catalogue, list[int]]:
        """Read everything; returns what was found and the steps that were told."""
        steps: list[int] = []
        means = Means(call=self.call, secrets=lambda: ["t"], now_ms=lambda: self.now, sleep_ms=self.sleep)
        return asyncio.run(read_all(CHANNEL, self, means, steps.append)), steps


def test_a_reading_follows_the_pages_and_counts_each_listing_once() -> None:
    """A page that is asked for differently, a pause that the channel wants, a listing that is met twice."""
    first, second = found(1, "A"), found(2, "B")
    moved = replace(first, sku="A2")
    script = Script(
        Listed(found=(first, second), next=2, pause_ms=70),
        Instead(next=3),
        Listed(found=(moved,), next=None, unread=("x",)),
    )
    catalogue, steps = script.run()

    assert catalogue == Catalogue(channel="shop", found=(moved, second), unread=("x",))
    assert (steps, script.slept) == ([2, 1], [70])


def test_a_channel_that_asks_for_patience_gets_it_and_one_that_is_away_is_given_up() -> None:
    """Its own time where it names one; failures count in a row only."""
    script = Script(*[Later(why="busy", after_ms=9)] * (TRIES - 1), Listed(found=(), next=None))
    script.run()
    assert script.slept == [9] * (TRIES - 1)

    with pytest.raises(Away, match="busy, 5 times in a row"):
        Script(*[Later(why="busy")] * TRIES).run()


def test_refused_credentials_end_the_reading_with_the_channel_s_words() -> None:
    """Nothing is compared then: half a catalogue would look like listings that are gone."""
    with pytest.raises(AccessDenied, match="no scope"):
        Script(Listed(found=(found(1, "A"),), next=2), Denied(why="no scope")).run()
