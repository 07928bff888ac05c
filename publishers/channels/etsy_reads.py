"""
What Etsy shows: of some listings, and of all of the shop.

Facts: Open API v3 `getListingsByShop` (`state`, `includes=Inventory`, 100 a page, by `offset`).  There is no key to
read on from, so pages overlap by one listing: where the next one does not begin with the listing that was read last,
one before it has left this state, and the state is read again, `ANEW_MAX` times.

A shop may have ten times as many listings that are sold out or expired as are on sale, so the whole shop is what is on
sale, and those of the others that we know, by their ids.
"""

from collections.abc import Generator, Iterator, Sequence
from typing import Any

from publishers.channels.etsy_batch import missing, once, rows_of, together
from publishers.channels.etsy_calls import IDS_MAX, answered, asked, hints, page, shown
from publishers.channels.etsy_inventory import OFF, Inventory, OddError, inventory
from publishers.channels.etsy_plan import gone as lost
from publishers.channels.etsy_plan import off_by_us
from publishers.kind import Conversation, Seen, Sweep, Swept
from publishers.push import (
    READ,
    Account,
    Answer,
    Credentials,
    Rejected,
    Request,
    Response,
    Row,
    Shows,
    Verdict,
)
from schemas.channel_records import Listing

PER_PAGE = 100
"""The API's own maximum."""
ANEW_MAX = 2
"""What slips through even so is asked for by its id where we know it; what we do not know is found the next time."""
PAGES_MAX = 5_000
ACTIVE = "active"

Rows = list[dict[str, Any]]
Reading = Generator[Request, Response, Swept | None]


def listing_of(listing: Listing) -> str:
    """Return the id of the Etsy listing that a product belongs to."""
    return listing.ids.get("listing", listing.listing_id)


def key(listing: Listing) -> str:
    """Return the product's id as we know it; a bulk read-back finds the product though Etsy has changed its number."""
    return listing.ids.get("product", listing.listing_id)


def read(rows: Sequence[Row], _account: Account) -> Conversation:
    """Ask what these rows show; several listings are asked for at once."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(listing_of(row.listing), []).append(row)
    found: dict[str, tuple[Any, Any] | Verdict | None]
    if len(by_name) == 1:
        response = yield shown(next(iter(by_name)), READ)
        document = answered(response, wrote=False)
        alone = (document, document.get("listing")) if isinstance(document, dict) else document
        found = dict.fromkeys(by_name, alone)
    else:
        shop, failed, response = yield from together([*by_name], once)
        found = {name: (shop[name].get("inventory"), shop[name]) if name in shop else failed for name in by_name}
    verdicts: dict[str, Iterator[Verdict]] = {
        name: iter(_shows(found[name], own, response.at)) for name, own in by_name.items()
    }
    return Answer(verdicts=tuple(next(verdicts[listing_of(row.listing)]) for row in rows), hints=hints(response))


def gone(verdict: Verdict, rows: Sequence[Row]) -> tuple[Verdict, ...]:
    """Return what an answer about a listing means by row; a retired one that is gone shows 0."""
    away = missing(verdict)
    return tuple(Shows(0) if away and row.listing.retired else verdict for row in rows)


def _shows(found: tuple[Any, Any] | Verdict | None, rows: Sequence[Row], at: int) -> tuple[Verdict, ...]:
    """Return what rows of one listing show; what a person has switched off shows its number."""
    if not isinstance(found, tuple):
        return gone(found or Rejected("HTTP 404: Etsy shows no such listing"), rows)
    try:
        known = inventory(*found)
    except OddError as error:
        return (Rejected(str(error)),) * len(rows)
    ours = off_by_us(rows)
    return tuple(
        Shows(max(known.shows(place, ours=ours) for place in places), at)
        if places
        else Shows(0, at)
        if row.listing.retired
        else lost(row)
        for row, places in zip(rows, known.places(rows), strict=True)
    )


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for all that is on sale, mapped or not, and for those that we know and that are not."""
    reading = _Whole(account, listings)
    ended = yield from reading.on_sale()
    if ended is None:
        ended = yield from reading.others()
    return ended or Swept(seen=tuple(reading.seen))


class _Whole:
    """What has been read so far."""

    def __init__(self, account: Account, listings: Sequence[Listing]) -> None:
        """Begin with nothing."""
        self.account = account
        self.seen = list[Seen]()
        self.known: dict[str, list[Listing]] = {}
        self._read = set[str]()
        for listing in listings:
            self.known.setdefault(listing_of(listing), []).append(listing)

    def on_sale(self) -> Reading:
        """Read what is on sale, page by page; returns why it could not be read."""
        offset, last, anew, pages = 0, "", 0, 0
        while True:
            document, response = yield from asked(page(self.account, ACTIVE, max(0, offset - 1), PER_PAGE))
            rows = rows_of(document)
            if not isinstance(rows, list):
                return _refused(rows, response)
            pages += 1
            if pages > PAGES_MAX:
                return Swept(seen=(), err="the shop shows page after page without an end")
            if offset and anew < ANEW_MAX and (not rows or str(rows[0].get("listing_id")) != last):
                offset, last, anew = 0, "", anew + 1
                continue
            self._take(rows, response.at)
            if len(rows) < PER_PAGE:
                return None
            offset, last = max(0, offset - 1) + len(rows), str(rows[-1].get("listing_id"))

    def others(self) -> Reading:
        """Read the listings that we know and that are not on sale; what is not shown even so is gone."""
        names = [name for name in self.known if name not in self._read]
        for start in range(0, len(names), IDS_MAX):
            found, failed, response = yield from together(names[start : start + IDS_MAX], asked)
            self._take([*found.values()], response.at)
            if failed is not None:
                return _refused(failed, response)
        return None

    def _take(self, rows: Rows, at: int) -> None:
        for row in rows:
            name = str(row.get("listing_id"))
            # A listing whose inventory is left out of a page is asked for by its id, where we know it.
            if name not in self._read and row.get("inventory") is not None:
                self._read.add(name)
                self.seen += _seen(row, self.known.get(name, []), at)


def _seen(row: dict[str, Any], known: Sequence[Listing], at: int) -> Iterator[Seen]:
    """Yield a listing's products by the ids that we know them by, the unknown ones by those that they would get."""
    try:
        found = inventory(row.get("inventory"), row)
    except OddError:
        return
    rows = [Row(sku=one.sku, listing=one, quantity=0, version=0) for one in known]
    left = dict(enumerate(found.products))
    for one, places in zip(known, found.places(rows), strict=True):
        for place in places:
            left.pop(place, None)
        if places:
            yield _product(found, max(places, key=lambda place: found.shows(place, ours=False)), key(one), at)
    names = {place: f"{row.get('listing_id')}/{name}" for name, place in found.variations.items()}
    for place, product in left.items():
        yield _product(found, place, names.get(place, product.number), at)


def _product(found: Inventory, place: int, name: str, at: int) -> Seen:
    product = found.products[place]
    off = found.state in OFF or not product.enabled
    return Seen(key=name, quantity=found.shows(place, ours=False), at=at, sku=product.sku[:255], off=off)


def _refused(verdict: Verdict, response: Response) -> Swept:
    reason = str(getattr(verdict, "reason", "throttled again and again"))
    return Swept(seen=(), err=reason, hints=hints(response), credentials=isinstance(verdict, Credentials))
