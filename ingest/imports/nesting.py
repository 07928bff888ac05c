"""
What every SKU is made of, and why a bundle inside a bundle is refused: an order's line is split once, into components.
"""

from collections.abc import Iterable, Iterator, Mapping

from schemas.channel_records import Component, Listing

Present = Mapping[bytes, Mapping[int, Listing]]
"""The live `listing` records by key and partition: a listing that moved badly may stand in two."""


def overlaid(present: Present, written: Mapping[bytes, Listing]) -> Iterator[Listing]:
    """Yield the listings that there are once `written` (by key) is in the topic."""
    for key, places in present.items():
        if key not in written:
            yield from places.values()
    yield from written.values()


class Made:
    """The bundles among some listings."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        """Take all listings, of every channel."""
        self._of: dict[str, list[tuple[Component, ...]]] = {}
        self._within: dict[str, str] = {}
        for listing in listings:
            if listing.components:
                known = self._of.setdefault(listing.sku, [])
                known += [listing.components] if listing.components not in known else []
                self._within.update({part.sku: listing.sku for part in listing.components})

    def of(self, sku: str) -> list[tuple[Component, ...]]:
        """Return what a SKU's listings are made of: every distinct answer, none where it is no bundle."""
        return self._of.get(sku, [])

    def faults(self, sku: str, components: Iterable[Component]) -> list[str]:
        """Return why `sku` cannot be made of these components, a sentence each."""
        parts = dict.fromkeys(part.sku for part in components)
        faults = ["a bundle cannot be a component of itself"] if sku in parts else []
        nested = [part for part in parts if part != sku and part in self._of]
        faults += [f"the component {part[:60]!r} is a bundle itself: name what it is made of" for part in nested]
        around = self._within.get(sku, sku)
        if parts and around != sku:
            faults.append(f"it is a component of the bundle {around[:60]!r}, so it cannot be one itself")
        return faults


def text(components: Iterable[Component]) -> str:
    """Return components as a file's cell names them: `2*CUP|1*SAUCER`."""
    return "|".join(f"{part.qty}*{part.sku}" for part in components)
