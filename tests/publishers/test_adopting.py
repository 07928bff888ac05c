"""A channel's numbers as the first levels."""

import csv
from typing import Any

from publishers.adopting import adopt, file, summary
from publishers.kind import Seen
from schemas.channel_records import Component, Listing
from schemas.records import Cause, StockLevel
from schemas.words import CauseKind, Policy


def listing(name: str, sku: str, **more: Any) -> Listing:
    """Make a listing."""
    return Listing(channel="shop", listing_id=name, sku=sku, **more)


def level(sku: str, quantity: int | None) -> StockLevel:
    """Make a level."""
    cause = Cause(kind=CauseKind.ADJUSTMENT, delta=0, received_at=0)
    more: dict[str, Any] = {"version": 1, "paused": None, "policy": Policy.REJECT, "cause": cause, "source": {}}
    return StockLevel(sku=sku, quantity=quantity, updated_at=0, **more)


def seen(**numbers: int | None) -> list[Seen]:
    """Make what a channel shows."""
    return [Seen(key=key, quantity=number, at=1) for key, number in numbers.items()]


def key(one: Listing) -> str:
    """Name a listing as the sweep does."""
    return one.listing_id


LISTINGS = [
    listing("a", "A"),
    listing("b", "B"),
    listing("b2", "B"),
    listing("c", "C"),
    listing("d", "D", retired=True),
    listing("e", "E", components=(Component(sku="A", qty=2),)),
    listing("f", "F"),
    listing("g", "G"),
    listing("h", "H"),
    listing("i", "I"),
]
SHOWS = [*seen(a=7, b=5, b2=3, c=4, d=9, e=9, f=None, h=-2, x=1, y=2), Seen(key="i", quantity=5, at=1, off=True)]
LEVELS = {"C": level("C", 1), "A": level("A", None)}


def test_a_sku_without_a_level_takes_what_the_channel_shows() -> None:
    """The lowest of several listings, so that no unit is offered twice; never less than nothing."""
    adoption = adopt(LISTINGS, SHOWS, key, LEVELS, every=False)
    assert adoption.numbers == {"A": 7, "B": 3, "H": 0}


def test_a_sku_with_a_level_is_taken_only_when_it_is_wished() -> None:
    """The hub knows better than one channel."""
    assert adopt(LISTINGS, SHOWS, key, LEVELS, every=True).numbers == {"A": 7, "B": 3, "C": 4, "H": 0}


def test_everything_that_gives_no_number_is_counted_with_its_reason() -> None:
    """Nothing is left out without a word."""
    lines = summary(adopt(LISTINGS, SHOWS, key, LEVELS, every=False), "shop")
    assert lines == [
        "shop: 3 SKUs can take their first level from what the channel shows",
        "  1 SKUs are below 0 at the channel: 0 is taken",
        "  1 SKUs have several listings with different numbers: the lowest is taken",
        "  1 listings are bundles: their components make their numbers",
        "  1 listings are not shown by the channel",
        "  1 listings are retired",
        "  1 listings are switched off at the channel",
        "  1 listings have no number at the channel",
        "  2 listings of the channel are not mapped: discover them first",
        "  1 listings' SKUs have a level already: --all takes them too",
    ]


def test_the_file_is_one_that_the_import_takes() -> None:
    """Columns by the names of a stock count, SKUs as they are, whatever they hold."""
    odd = [listing("a", 'TEE, "M"'), listing("b", " ü ")]
    rows = [*csv.DictReader(file(adopt(odd, seen(a=1, b=2), key, {}, every=False), "shop").splitlines())]
    assert rows == [
        {"sku": " ü ", "qty": "2", "reason": "adopted from shop"},
        {"sku": 'TEE, "M"', "qty": "1", "reason": "adopted from shop"},
    ]
