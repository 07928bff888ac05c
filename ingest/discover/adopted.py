"""
Listings that were mapped by a number that their channel has given up, and the same listings as they are called today.

Pure.  A record keeps its own id, under which the channel's publisher knows what was told, and is given the name that
stays (`variation`).  So nothing is mapped twice, and a SKU that somebody gave by hand is kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ingest.discover.kind import Found
from schemas.channel_records import Listing
from schemas.variations import ONLY

Places = Mapping[int, Listing]


def adopted(found: Sequence[Found], known: Iterable[Places]) -> tuple[Found, ...]:
    """Return the channel's listings with the ids under which they are known; `known` are the records in force."""
    if not any(one.number for one in found):
        return tuple(found)
    search = _Search([[*places.values()][-1] for places in known if places])
    sure = [search.surely(one) for one in found]
    taken = {record.listing_id for record in sure if record is not None}
    taken |= {one.number for one in found}
    return tuple(_as(one, record or search.likely(one, taken)) for one, record in zip(found, sure, strict=True))


def _as(one: Found, record: Listing | None) -> Found:
    return one if record is None else replace(one, listing_id=record.listing_id, ids={**record.ids, **one.ids})


class _Search:
    """The records of one channel, by all that they are known by."""

    def __init__(self, records: Sequence[Listing]) -> None:
        self.by_id = {record.listing_id: record for record in records}
        self.by_name = {_name(record.ids): record for record in records if "variation" in record.ids}
        self.unnamed: dict[str, list[Listing]] = {}
        for record in records:
            if "variation" not in record.ids:
                self.unnamed.setdefault(record.ids.get("listing", ""), []).append(record)

    def surely(self, one: Found) -> Listing | None:
        """Return a listing's record by its id, its name, or the number that it still has."""
        if not one.number:
            return None
        return self.by_id.get(one.listing_id) or self.by_name.get(_name(one.ids)) or self.by_id.get(one.number)

    def likely(self, one: Found, taken: set[str]) -> Listing | None:
        """Return the record of the same Etsy listing that has the same SKU, or is the only one; it is taken then."""
        record = next(self._alike(one, taken), None) if one.number else None
        taken |= {record.listing_id} if record else set()
        return record

    def _alike(self, one: Found, taken: set[str]) -> Iterator[Listing]:
        records = [record for record in self.unnamed.get(one.ids["listing"], ()) if not record.retired]
        alone = one.ids["variation"] == ONLY and len(records) == 1
        for record in records:
            if (alone or record.sku == one.sku) and record.listing_id not in taken:
                yield record


def _name(ids: Mapping[str, str]) -> tuple[str | None, str | None]:
    return ids.get("listing"), ids.get("variation")
