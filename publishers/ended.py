"""
What is forgotten of a listing when it ends: all that is kept beside the tables.  Pure.

Products come and go for years, and a publisher runs for months.  A listing that comes back is read, or told anew, as
one of which nothing is known.
"""

from publishers.tasks import Tasks


def forget(tasks: Tasks, sku: str, listing_id: str) -> None:
    """Forget a listing, unless it still sells the SKU; with its SKU's last one also what is kept of the SKU."""
    book, place = tasks.book, (sku, listing_id)
    listings = book.listings.get(sku, {})
    if listing_id in listings:
        return
    book.unknown.discard(place)
    book.trail.end(place)
    tasks.refusals.end(place)
    if not listings:
        book.sales.end(sku)
        tasks.overtaking.leave(sku)
        tasks.not_before.pop(sku, None)
