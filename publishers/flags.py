"""What is written of listings without a call: that they are retired, that a pause of theirs is taken back.  Pure."""

from collections.abc import Iterable
from dataclasses import replace

from publishers.tasks import Tasks
from schemas.channel_records import Listing


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


def undone(tasks: Tasks, listing: Listing) -> None:
    """Write that the pause of a serial group is taken back, in the records of all its SKUs."""
    for name, sku in tasks.book.siblings(listing).items():
        observed, shown = tasks.book.observed.get(sku), tasks.book.shown(sku, name)
        if observed is not None and shown.undo is not None:
            tasks.store(replace(observed, listings={**observed.listings, name: replace(shown, undo=None)}))
