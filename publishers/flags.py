"""What is written of listings without a call: retired, of another SKU, on sale again.  Pure."""

from collections.abc import Iterable
from dataclasses import replace

from publishers import ladder
from publishers.book import Book
from publishers.tasks import Tasks
from schemas.channel_records import ChannelLevel, Listing
from schemas.words import Status


def note_retired(tasks: Tasks, skus: Iterable[str]) -> None:
    """Write the flag of listings that were told before it changed: nothing else may ever be said of them."""
    for sku in skus:
        observed, listings = tasks.book.observed.get(sku), tasks.book.listings.get(sku, {})
        told = {
            name: replace(shown, retired=listings[name].retired)
            for name, shown in (observed.listings.items() if observed else ())
            if name in listings and listings[name].retired != shown.retired
        }
        if observed is not None and told:
            tasks.store(replace(observed, listings={**observed.listings, **told}))


def note_moved(tasks: Tasks, skus: Iterable[str]) -> None:
    """Hand on how a pause is undone to the record of the SKU that a listing sells now: only that one is asked."""
    for sku in skus:
        for name in tasks.book.listings.get(sku, ()):
            before = tasks.book.trail.undos.get(name, sku)
            if before == sku or (undo := tasks.book.shown(before, name).undo) is None:
                continue
            old, own = tasks.book.observed[before], tasks.book.observed.get(sku)
            own = own or ChannelLevel(sku=sku, status=Status.SENDING, at=old.at)
            shown = replace(tasks.book.shown(sku, name), undo=undo)
            left = {other: one for other, one in old.listings.items() if other != name}
            tasks.store(ladder.summed(replace(old, listings=left)))
            tasks.store(replace(own, listings={**own.listings, name: shown}))
            tasks.book.unknown.add((sku, name))


def undo_of(book: Book, listing: Listing) -> str | None:
    """Return how the pause of a listing is undone; of a serial group, whichever of its SKUs' records says it."""
    if not book.kind.SERIAL:
        return book.shown(listing.sku, listing.listing_id).undo
    undos = (book.shown(sku, name).undo for name, sku in book.siblings(listing).items())
    return next((undo for undo in undos if undo), None)


def undone(tasks: Tasks, listing: Listing) -> None:
    """Write that the pause of a serial group is taken back, in the records of all its SKUs."""
    for name, sku in tasks.book.siblings(listing).items():
        observed, shown = tasks.book.observed.get(sku), tasks.book.shown(sku, name)
        if observed is not None and shown.undo is not None:
            tasks.store(replace(observed, listings={**observed.listings, name: replace(shown, undo=None)}))
