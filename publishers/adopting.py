"""
A channel's numbers as the first levels: which SKU gets which, and who gets none.  Pure.

The rows are those of a stock count, `sku,qty`, which shows what it would change before anything is written.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from publishers.kind import Seen
from schemas.channel_records import Listing
from schemas.records import StockLevel

COLUMNS = ("sku", "qty", "reason")
Key = Callable[[Listing], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The numbers by SKU, and in words how many listings or SKUs gave none, or one that a person should look at."""

    numbers: Mapping[str, int]
    remarks: Mapping[str, int]


def adopt(
    listings: Iterable[Listing], shows: Iterable[Seen], key: Key, levels: Mapping[str, StockLevel], *, every: bool
) -> Adoption:
    """
    Return the first levels that a channel's numbers make.

    Args:
        listings: the channel's listings that we know.
        shows: what the channel shows.
        key: the kind's name of a listing in `shows`.
        levels: the levels that there are.
        every: also SKUs that have a level already.

    """
    remarks: Counter[str] = Counter()
    found: dict[str, list[int]] = {}
    left = {seen.key: seen for seen in shows}
    unmapped = dict(left)
    for listing in listings:
        seen = left.get(key(listing))
        unmapped.pop(key(listing), None)
        why = _unusable(listing, seen, levels, every=every)
        if why is None and seen is not None and seen.quantity is not None:
            found.setdefault(listing.sku, []).append(seen.quantity)
        elif why is not None:
            remarks[why] += 1
    if unmapped:
        remarks["listings of the channel are not mapped: discover them first"] = len(unmapped)
    return Adoption(numbers=_lowest(found, remarks), remarks=remarks)


def _unusable(listing: Listing, seen: Seen | None, levels: Mapping[str, StockLevel], *, every: bool) -> str | None:
    """Return why a listing gives no number."""
    level = levels.get(listing.sku)
    stocked = level is not None and level.quantity is not None
    reasons = (
        (listing.retired, "listings are retired"),
        (bool(listing.components), "listings are bundles: their components make their numbers"),
        (seen is None, "listings are not shown by the channel"),
        (seen is not None and seen.off, "listings are switched off at the channel"),
        (seen is not None and seen.quantity is None, "listings have no number at the channel"),
        (stocked and not every, "listings' SKUs have a level already: --all takes them too"),
    )
    return next((words for holds, words in reasons if holds), None)


def _lowest(found: Mapping[str, list[int]], remarks: Counter[str]) -> dict[str, int]:
    """Return one number a SKU: the lowest that its listings show, and none below 0."""
    remarks["SKUs have several listings with different numbers: the lowest is taken"] = sum(
        len({*numbers}) > 1 for numbers in found.values()
    )
    remarks["SKUs are below 0 at the channel: 0 is taken"] = sum(min(numbers) < 0 for numbers in found.values())
    return {sku: max(0, min(numbers)) for sku, numbers in found.items()}


def file(adoption: Adoption, channel: str) -> str:
    """Return the numbers as a stock file."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows((sku, number, f"adopted from {channel}") for sku, number in sorted(adoption.numbers.items()))
    return text.getvalue()


def summary(adoption: Adoption, channel: str) -> list[str]:
    """Return in words what there is to adopt."""
    said = [f"  {count} {remark}" for remark, count in sorted(adoption.remarks.items()) if count]
    return [f"{channel}: {len(adoption.numbers)} SKUs can take their first level from what the channel shows", *said]
