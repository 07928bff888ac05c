"""
An Etsy listing with its inventory: which product is whose, what it shows, and the whole set that a change must write.

Facts: Open API v3 `ListingInventory`, `updateListingInventory`: a PUT replaces the whole set, so everything else goes
back as it came, without what a PUT does not take (`product_id`, `offering_id`, `is_deleted`, `scale_name`,
`value_pairs`), and a price as a decimal.  Product ids change with each update (Etsy in open-api #523), so a product is
known by its variation, where that is not mapped or not there by its id, and last by its SKU.  Products that share their
value of `quantity_on_property` (all of them where it is empty) share one number.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

from publishers.push import Row
from schemas.channel_records import Listing
from schemas.variations import variation

MOST = 999
"""The highest number of a product (open-api #214)."""
NUMBER_MAX = 1_000_000_000
"""What is shown beyond this is no number."""
ON_SALE = frozenset({"active", ""})
"""States in which a listing sells; "" where the answer does not say."""
OFF = frozenset({"inactive", "edit"})
"""States of a listing that was switched off; `edit` is how some of them show (open-api #473)."""
PROPERTIES_MAX = 2
"""Above it a PUT must say that it knows of a third variation."""
OF_PRODUCT = frozenset({"product_id", "is_deleted", "offerings", "property_values"})
OF_OFFERING = frozenset({"offering_id", "is_deleted", "price", "quantity"})
OF_VALUE = frozenset({"scale_name", "value_pairs"})
"""What a PUT does not take, or is written here."""

Object = Mapping[str, Any]


class OddError(ValueError):
    """The listing has a shape that we do not know: to write it back could destroy it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """
    One product that is not deleted: `shared` is equal for those that share one number.

    `variation` is what tells it apart (`schemas.variations`), None where that cannot be read.
    `quantity` is None unless there is exactly one offering, `others` the number of those that cannot be told apart;
    `enabled` says whether buyers are offered it.
    """

    number: str
    variation: str | None
    sku: str
    shared: tuple[str, ...]
    quantity: int | None
    others: int
    enabled: bool
    source: Object = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A listing's products in Etsy's order, the listing's state, and the settings that stand beside them."""

    state: str
    products: tuple[Product, ...]
    settings: Object

    def places(self, rows: Sequence[Row]) -> list[tuple[int, ...]]:
        """
        Return by row which products are its own.

        By their variation or id, else those that bear its SKU and belong to no other row.
        A retired listing is never looked for by its SKU, which may live on in another product.
        """
        ids = {product.number: at for at, product in enumerate(self.products)}
        variations = self.variations
        own = [_named(row.listing, variations, ids) for row in rows]
        taken = {at for at in own if at is not None}
        return [
            (at,) if at is not None else tuple(self._bearing(row, taken)) for row, at in zip(rows, own, strict=True)
        ]

    @property
    def variations(self) -> Mapping[str, int]:
        """Return the products by their variation, those that have one of their own."""
        count = Counter(product.variation for product in self.products)
        return {
            product.variation: at
            for at, product in enumerate(self.products)
            if product.variation is not None and count[product.variation] == 1
        }

    def _bearing(self, row: Row, taken: Collection[int]) -> Iterator[int]:
        if row.listing.retired:
            return
        # A listing with a single product and no SKU is that product, whatever its id is by now.
        nameless = len(self.products) == 1 and not self.products[0].sku
        for at, product in enumerate(self.products):
            if at not in taken and (product.sku == row.sku or nameless):
                yield at

    def shows(self, at: int, *, ours: bool) -> int:
        """
        Return the number that a product shows; `ours` says that the listing, if it is off, was switched off by us.

        What a person has switched off, a listing or a variation, keeps its numbers for the day when it is on again.
        """
        counts = self.state in ON_SALE or (self.state in OFF and not ours)
        return (self.products[at].quantity or 0) if counts else 0

    def sells(self, numbers: Mapping[int, int]) -> bool:
        """Return whether anything may be bought when the products have these numbers, and the others their own."""
        return any(
            product.enabled and (numbers.get(at, product.quantity) or product.others)
            for at, product in enumerate(self.products)
        )

    def groups(self) -> Iterator[list[int]]:
        """Yield the products that share one number, where there are several."""
        found: dict[tuple[str, ...], list[int]] = {}
        for at, product in enumerate(self.products):
            found.setdefault(product.shared, []).append(at)
        yield from (members for members in found.values() if len(members) > 1)

    @property
    def three_properties(self) -> bool:
        """Return whether a product varies by more properties than a PUT takes without being asked."""
        return any(len(product.source["property_values"]) > PROPERTIES_MAX for product in self.products)

    def written(self, numbers: Mapping[int, int]) -> bytes:
        """Return the whole set with these numbers, and everything else as it was."""
        products = [_product(product.source, numbers.get(at)) for at, product in enumerate(self.products)]
        return orjson.dumps({"products": products, **self.settings})


def _named(listing: Listing, variations: Mapping[str, int], ids: Mapping[str, int]) -> int | None:
    found = variations.get(listing.ids.get("variation", ""))
    return ids.get(listing.ids.get("product", listing.listing_id)) if found is None else found


def inventory(document: Any, listing: Any) -> Inventory:
    """Return what an answer shows: `document` is the inventory, `listing` its listing; raises `OddError`."""
    try:
        state = listing.get("state") if isinstance(listing, dict) else None
        settings = {name: document[name] for name in document if name.endswith("_on_property")}
        varies = {str(name) for name in settings.get("quantity_on_property") or ()}
        live = [product for product in document["products"] if product.get("is_deleted") is not True]
        found = Inventory(
            state=state if isinstance(state, str) else "",
            products=tuple(_shown(product, varies) for product in live),
            settings=settings,
        )
        found.written({})  # what cannot be written back is found out before anything is decided
    except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise OddError(f"the listing's inventory has a shape that we do not know: {error!r:.200}") from error
    return found


def _shown(product: Object, varies: Collection[str]) -> Product:
    offerings = _offerings(product)
    numbers = [offering["quantity"] for offering in offerings]
    if any(type(number) is not int or not 0 <= number <= NUMBER_MAX for number in numbers):
        raise OddError(f"the listing's inventory has a shape that we do not know: quantity {numbers!r:.80}")
    only, sku = len(numbers) == 1, product.get("sku")
    return Product(
        number=str(product["product_id"]),
        variation=variation(product["property_values"]),
        sku=sku if isinstance(sku, str) else "",
        shared=tuple(
            f"{value['property_id']}={value.get('value_ids')}{value.get('values')}"
            for value in product["property_values"]
            if str(value["property_id"]) in varies
        ),
        quantity=numbers[0] if only else None,
        others=0 if only else sum(numbers),
        enabled=any(offering.get("is_enabled") is not False for offering in offerings),
        source=product,
    )


def _offerings(product: Object) -> list[Any]:
    return [offering for offering in product["offerings"] if offering.get("is_deleted") is not True]


def _product(product: Object, number: int | None) -> Object:
    values = [{k: v for k, v in value.items() if _goes_back(k, v)} for value in product["property_values"]]
    offerings = [_offering(offering, number) for offering in _offerings(product)]
    kept = {k: v for k, v in product.items() if k not in OF_PRODUCT}
    return {**kept, "property_values": values, "offerings": offerings}


def _goes_back(name: str, value: object) -> bool:
    # A property may be shown without a name, and a PUT takes none that is null.
    return name not in OF_VALUE and (name, value) != ("property_name", None)


def _offering(offering: Object, number: int | None) -> Object:
    kept = {k: v for k, v in offering.items() if k not in OF_OFFERING}
    quantity = offering["quantity"] if number is None else number
    # The API asks for this field always, null where the listing has no processing profile.
    return {"readiness_state_id": None, **kept, "price": _price(offering["price"]), "quantity": quantity}


def _price(money: Any) -> Any:
    """Return `amount / divisor` as a JSON number with every digit, which a float would not keep."""
    if not isinstance(money, dict):
        if type(money) not in (int, float):
            raise OddError(f"the listing's inventory has a shape that we do not know: price {money!r:.40}")
        return money
    amount, divisor = money["amount"], money["divisor"]
    if type(amount) is not int or type(divisor) is not int or divisor <= 0:
        raise OddError(f"the listing's inventory has a shape that we do not know: price {money!r:.80}")
    return orjson.Fragment(f"{Decimal(amount) / Decimal(divisor):f}")
