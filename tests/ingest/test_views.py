"""What the service keeps in memory of `listing` and of `order.outcome`, record by record."""

import asyncio
from dataclasses import replace

from ingest.listings import Listings
from ingest.outcomes import Outcomes
from schemas.channel_records import Listing
from schemas.codec import encode
from schemas.config import parse
from schemas.ids import line_key, listing_key
from schemas.records import OrderOutcome
from schemas.words import Result

CONFIG = parse({"kafka": {"bootstrap": "127.0.0.1:1"}})
KEY = listing_key("uk", "9")
OUTCOME = OrderOutcome(
    sku="A",
    order_id="adj_1",
    channel=None,
    revision=1,
    seen_at=1,
    qty=5,
    held=0,
    shortfall=0,
    delta=-5,
    result=Result.APPLIED,
    new_qty=5,
    version=1,
    ordered_at=1,
    timestamp=1,
    source={},
)


def test_the_newest_listing_counts_until_its_end() -> None:
    """A later record replaces an earlier one; a null value takes the listing away, also one that never was."""
    view = Listings(CONFIG)
    first, second = (Listing(channel="uk", listing_id="9", sku=sku) for sku in "AB")
    view.apply(0, KEY, encode(first))
    assert view.find("uk", "9") == first
    view.apply(0, KEY, encode(second))
    assert view.find("uk", "9") == second
    assert view.find("us", "9") is None
    view.apply(0, KEY, None)
    view.apply(0, KEY, None)
    assert view.find("uk", "9") is None


def test_a_listing_is_found_by_its_variation_whatever_its_own_id_is() -> None:
    """As long as it has that variation; its own id finds it too, and of another listing's variation nobody hears."""
    view = Listings(CONFIG)
    ids = {"listing": "900", "product": "9", "variation": "100=M"}
    old = Listing(channel="uk", listing_id="9", sku="A", ids=ids)
    view.apply(0, KEY, encode(old))
    assert (view.find("uk", "900/100=M"), view.find("uk", "9")) == (old, old)
    assert (view.find("us", "900/100=M"), view.find("uk", "901/100=M")) == (None, None)
    renamed = replace(old, ids={**ids, "variation": "100=Medium"})
    view.apply(0, KEY, encode(renamed))
    assert (view.find("uk", "900/100=M"), view.find("uk", "900/100=Medium")) == (None, renamed)
    view.apply(1, KEY, encode(replace(renamed, sku="B")))
    view.apply(0, KEY, None)
    assert getattr(view.find("uk", "900/100=Medium"), "sku", None) == "B"
    view.apply(1, KEY, None)
    assert view.find("uk", "900/100=Medium") is None


def test_the_end_of_one_of_two_listings_of_a_variation_leaves_the_other() -> None:
    """The one that came last is found, until its end."""
    view = Listings(CONFIG)
    ids = {"listing": "900", "variation": "100=M"}
    for name in ("9", "900/100=M"):
        view.apply(0, listing_key("uk", name), encode(Listing(channel="uk", listing_id=name, sku="A", ids=ids)))
    view.apply(0, KEY, None)
    assert getattr(view.find("uk", "900/100=M"), "listing_id", None) == "900/100=M"


def test_the_only_product_of_a_listing_is_found_by_that_when_it_was_mapped_by_its_number() -> None:
    """The channel gives it another number with each update; of several that were mapped so nobody knows which it is."""
    view = Listings(CONFIG)
    one, two = (
        Listing(channel="uk", listing_id=name, sku=name, ids={"listing": "900", "product": name}) for name in ("9", "8")
    )
    view.apply(0, KEY, encode(one))
    assert (view.find("uk", "900/-"), view.find("uk", "900/100=M")) == (one, None)
    view.apply(0, listing_key("uk", "8"), encode(two))
    assert (view.find("uk", "900/-"), view.find("uk", "9"), view.find("uk", "8")) == (None, one, two)
    view.apply(0, KEY, None)
    assert view.find("uk", "900/-") == two


def test_a_listing_that_moved_to_another_partition_outlives_its_old_place() -> None:
    """Its new SKU stands in partition 2; the end in partition 1 may be read before that record or after it."""
    old, new = (encode(Listing(channel="uk", listing_id="9", sku=sku)) for sku in "AB")
    for records in (
        [(1, old), (2, new), (1, None)],
        [(2, new), (1, old), (1, None)],
        [(1, old), (1, None), (2, new)],
    ):
        view = Listings(CONFIG)
        for partition, value in records:
            view.apply(partition, KEY, value)
        found = view.find("uk", "9")
        assert found is not None, records
        assert found.sku == "B"
        view.apply(2, KEY, None)
        assert view.find("uk", "9") is None


def test_a_listing_that_cannot_be_read_leaves_the_older_one_in_force() -> None:
    """One bad record neither unmaps a product nor ends the view."""
    view = Listings(CONFIG)
    good = Listing(channel="uk", listing_id="9", sku="A")
    view.apply(0, KEY, encode(good))

    view.apply(0, KEY, b'{"v": 2}')

    assert view.find("uk", "9") == good


def test_closing_an_unloaded_view_lets_go_of_who_waits() -> None:
    """SIGTERM before the topic is read does not hang."""
    view = Listings(CONFIG)
    view.close()

    view.wait()

    assert not view.loaded


async def test_everybody_who_waits_for_a_line_is_told_once() -> None:
    """Two callers may wait for the same adjustment; other lines, and records nobody reads, tell them nothing."""
    outcomes = Outcomes(CONFIG)
    first, second, other = outcomes.expect([("adj_1", "A"), ("adj_1", "A"), ("adj_2", "A")])
    outcomes.apply(line_key("adj_1", "A"), b"not JSON")
    outcomes.apply(line_key("adj_1", "A"), None)
    outcomes.apply(line_key("adj_3", "A"), encode(OUTCOME))
    assert not first.done()

    outcomes.apply(line_key("adj_1", "A"), encode(OUTCOME))
    outcomes.apply(line_key("adj_1", "A"), encode(OUTCOME))

    assert [await first, await second] == [OUTCOME, OUTCOME]
    assert not other.done()
    other.cancel()


async def test_whoever_stops_waiting_is_forgotten() -> None:
    """Waiting costs memory only while it lasts."""
    outcomes = Outcomes(CONFIG)
    futures = outcomes.expect([("adj_1", "A"), ("adj_1", "A")])
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)

    assert outcomes._waiters == {}
    outcomes.close()


def test_a_view_whose_thread_has_ended_keeps_nobody_waiting() -> None:
    """Who waits for the listings goes on when they will never come, and sees that they are not there."""

    class Broken(Listings):
        def _run(self) -> None:
            """End at once."""

    view = Broken(parse({"kafka": {"bootstrap": "127.0.0.1:1"}}))
    view.start()
    view.wait()
    assert (view.loaded, view.alive) == (False, False)
