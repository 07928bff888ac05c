"""Listings whose channel has given up the numbers by which they were mapped: they stay mapped, and once."""

from typing import Any

from ingest.discover.found import Catalogue, Discovered, Wish, discovered
from ingest.discover.kind import Found
from ingest.imports.listings import World
from schemas.channel_records import Component, Listing
from schemas.codec import decode
from schemas.ids import listing_key
from schemas.partition import partition_of
from schemas.settings import Kind


def found(size: str, sku: str, number: int, listing: str = "900") -> Found:
    """Show a product as the channel does today."""
    ids = {"listing": listing, "variation": size}
    return Found(listing_id=f"{listing}/{size}", sku=sku, ids=ids, number=str(number))


def mapped(number: int, sku: str, **more: Any) -> Listing:
    """Map a product by the number that it had once."""
    return Listing(channel="e", listing_id=str(number), sku=sku, ids={"listing": "900", "product": str(number)}, **more)


def against(shown: list[Found], *some: Listing) -> Discovered:
    """Compare what is shown with what stands in `listing`."""
    present = {listing_key("e", one.listing_id): {partition_of(one.sku.encode(), 4): one} for one in some}
    world = World(present=present, kinds={"e": Kind.ETSY}, partitions=4)
    return discovered(Catalogue(channel="e", found=tuple(shown)), world, Wish())


def told(result: Discovered) -> dict[str, str]:
    """Return what happens to each listing."""
    return {str(entry.facts["listing_id"]): entry.change.value for entry in result.diff.entries}


def written(result: Discovered) -> list[Listing]:
    """Return the records that would be written."""
    return [decode(Listing, write.value) for write in result.diff.writes() if write.value is not None]


def test_a_product_that_was_mapped_by_hand_keeps_its_record_and_its_sku() -> None:
    """Its number is still the one that was mapped: the record gets the name that stays, and nothing is mapped twice."""
    result = against([found("100=M", "", 7001)], mapped(7001, "BY-HAND"))
    assert told(result) == {"7001": "changed"}
    (one,) = written(result)
    assert (one.listing_id, one.sku) == ("7001", "BY-HAND")
    assert one.ids == {"listing": "900", "product": "7001", "variation": "100=M"}
    again = against([found("100=M", "", 7999)], one)
    assert (told(again), again.diff.writes()) == ({"7001": "unchanged"}, [])


def test_a_product_whose_number_has_changed_is_known_by_its_sku() -> None:
    """In the same Etsy listing; what is in force there goes on, bundles and all."""
    parts = (Component(sku="CUP", qty=2),)
    old = mapped(7001, "SET", components=parts)
    result = against([found("100=M", "SET", 7501), found("100=L", "OTHER", 7502)], old)
    assert told(result) == {"7001": "changed", "900/100=L": "new"}
    assert {one.listing_id: one.components for one in written(result)} == {"7001": parts, "900/100=L": ()}
    elsewhere = against([found("100=M", "SET", 7501, listing="901")], old)
    assert told(elsewhere) == {"901/100=M": "new", "7001": "gone"}


def test_the_only_product_of_a_listing_is_the_one_that_was_mapped() -> None:
    """Without variations there is one, whatever its number is and without a SKU."""
    assert told(against([found("-", "", 7501)], mapped(7001, "BY-HAND"))) == {"7001": "changed"}
    two = against([found("-", "", 7501)], mapped(7001, "A"), mapped(7002, "B"))
    assert told(two) == {"900/-": "left", "7001": "gone", "7002": "gone"}


def test_a_record_is_taken_by_one_product_and_never_by_another_s() -> None:
    """A number that is shown outranks a SKU; a retired record is nobody's but its number's."""
    result = against([found("100=M", "A", 7501), found("100=L", "A", 7001)], mapped(7001, "A"))
    assert told(result) == {"900/100=M": "new", "7001": "changed"}
    twice = against([found("100=M", "A", 7501), found("100=L", "A", 7502)], mapped(7001, "A"))
    assert told(twice) == {"7001": "changed", "900/100=L": "new"}
    retired = against([found("100=M", "A", 7501)], mapped(7001, "A", retired=True))
    assert told(retired) == {"900/100=M": "new", "7001": "gone"}


def test_a_record_of_today_is_left_as_it_is() -> None:
    """By its own id first."""
    own = Listing(channel="e", listing_id="900/100=M", sku="A", ids={"listing": "900", "variation": "100=M"})
    result = against([found("100=M", "A", 7001)], own, mapped(7001, "A"))
    assert told(result) == {"900/100=M": "unchanged", "7001": "gone"}
