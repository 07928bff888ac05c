"""A bundle's level is what its components allow."""

from hypothesis import given
from hypothesis import strategies as st

from publishers.bundles import Bundles, level_of, limiting
from publishers.rules import number
from schemas.channel_records import Component, Listing
from schemas.records import Cause, StockLevel
from schemas.settings import Rules
from schemas.words import CauseKind, Pause, Policy


def level(sku: str, quantity: int | None, version: int = 1, paused: Pause | None = None, at: int = 0) -> StockLevel:
    """Make a component's level."""
    return StockLevel(
        sku=sku,
        quantity=quantity,
        version=version,
        paused=paused,
        policy=Policy.REJECT,
        velocity=1_000,
        cause=Cause(kind=CauseKind.ADJUSTMENT, delta=0, received_at=at, reason=sku),
        source={},
        updated_at=at,
    )


def of(*levels: StockLevel) -> dict[str, StockLevel]:
    """Return the hub's levels."""
    return {one.sku: one for one in levels}


SET = (Component(sku="CUP", qty=2), Component(sku="SAUCER", qty=1))


def listing(sku: str, name: str, components: tuple[Component, ...] = SET) -> Listing:
    """Make a listing."""
    return Listing(channel="shop", listing_id=name, sku=sku, components=components)


def quantity(*levels: StockLevel) -> int | None:
    """Return how many sets there are."""
    made = level_of("SET", SET, of(*levels))
    return None if made is None else made.quantity


def test_the_scarcest_component_says_how_many_there_are() -> None:
    """Two cups and one saucer make a set."""
    assert quantity(level("CUP", 9), level("SAUCER", 7)) == 4
    assert quantity(level("CUP", 90), level("SAUCER", 7)) == 7
    assert quantity(level("CUP", 1), level("SAUCER", 7)) == 0
    assert quantity(level("CUP", -1), level("SAUCER", 7)) == -1
    assert limiting(SET, of(level("CUP", 9), level("SAUCER", 7))) == "CUP"
    assert limiting(SET, of(level("CUP", 90), level("SAUCER", 7))) == "SAUCER"
    trio = (Component(sku="CUP", qty=3), Component(sku="SAUCER", qty=1))
    assert limiting(trio, of(level("CUP", 12), level("SAUCER", 3))) == "SAUCER", "twelve cups are four threes"


def test_an_unknown_component_leaves_the_bundle_unknown_unless_another_forbids_it() -> None:
    """What was never stocked is not zero; what is used up or paused is enough to say that nothing can be sold."""
    assert level_of("SET", SET, {}) is None
    assert quantity(level("CUP", 9)) is None
    assert quantity(level("CUP", 9), level("SAUCER", None)) is None
    assert quantity(level("CUP", 1)) == 0
    assert quantity(level("CUP", 9, paused=Pause.OPERATOR), level("SAUCER", None)) == 0
    assert limiting(SET, of(level("CUP", 9), level("SAUCER", None))) is None


def test_a_paused_component_pauses_the_bundle() -> None:
    """Whoever paused it; an operator's pause is the one that is told."""
    cup, saucer = level("CUP", 9, paused=Pause.OVERSELL), level("SAUCER", 7)
    made = level_of("SET", SET, of(cup, saucer))
    assert made is not None
    assert (made.paused, number(made, Rules())) == (Pause.OVERSELL, 0)
    both = level_of("SET", SET, of(cup, level("SAUCER", 7, paused=Pause.OPERATOR)))
    assert both is not None
    assert both.paused is Pause.OPERATOR


def test_version_cause_and_rate_follow_the_components() -> None:
    """The version rises with each component's, the cause is the newest one, two cups a set sell half as many sets."""
    first = level_of("SET", SET, of(level("CUP", 9, 4, at=10), level("SAUCER", 7, 2, at=5)))
    later = level_of("SET", SET, of(level("CUP", 9, 4, at=10), level("SAUCER", 6, 3, at=20)))
    assert first is not None
    assert later is not None
    assert (first.version, first.cause.reason, first.updated_at) == (6, "CUP", 10)
    assert (later.version, later.cause.reason, later.updated_at) == (7, "SAUCER", 20)
    only_cups = level_of("SET", SET[:1], of(level("CUP", 9)))
    assert only_cups is not None
    assert only_cups.velocity == 500


def test_the_index_follows_the_listings() -> None:
    """A component leads to its bundles; a bundle that is none any more has no level of its components."""
    bundles = Bundles()
    assert bundles.put("SET", [listing("SET", "1")])
    assert bundles.put("TEA", [listing("TEA", "2", SET[1:])])
    assert not bundles.put("SET", [listing("SET", "1"), listing("SET", "3")])
    assert (bundles.of("CUP"), bundles.of("SAUCER"), bundles.of("SET")) == (("SET",), ("SET", "TEA"), ())
    assert "SET" in bundles
    assert bundles.put("SET", [listing("SET", "1", ())])
    assert (bundles.of("CUP"), bundles.of("SAUCER")) == ((), ("TEA",))
    assert "SET" not in bundles
    assert bundles.level("SET", of(level("CUP", 9), level("SAUCER", 7))) is None


def test_where_listings_name_different_components_the_lower_number_holds() -> None:
    """And an unknown one is lower than any: nobody is told what may be too much."""
    bundles = Bundles()
    bundles.put("SET", [listing("SET", "1"), listing("SET", "2", (Component(sku="TIN", qty=1),))])
    cup, saucer = level("CUP", 9), level("SAUCER", 7)
    low = bundles.level("SET", of(cup, saucer, level("TIN", 3)))
    assert low is not None
    assert low.quantity == 3
    assert bundles.level("SET", of(cup, saucer)) is None
    unknown = bundles.level("SET", of(cup, saucer, level("TIN", None)))
    assert unknown is not None
    assert unknown.quantity is None
    used_up = bundles.level("SET", of(level("CUP", 0), saucer, level("TIN", None)))
    assert used_up is not None
    assert used_up.quantity == 0, "nothing to sell is lower still"


@given(
    stock=st.lists(st.tuples(st.integers(-5, 200), st.integers(1, 9)), min_size=1, max_size=5),
    rules=st.builds(Rules, buffer=st.integers(0, 3), percent=st.integers(0, 100), floor=st.integers(0, 4)),
)
def test_a_bundle_never_offers_more_than_its_components_allow(stock: list[tuple[int, int]], rules: Rules) -> None:
    """Whatever is shown can be packed from what there is; without rules one more could not."""
    components = tuple(Component(sku=str(n), qty=qty) for n, (_, qty) in enumerate(stock))
    levels = of(*(level(str(n), quantity) for n, (quantity, _) in enumerate(stock)))
    made = level_of("SET", components, levels)
    assert made is not None
    shown, most = number(made, rules), number(made, Rules())
    assert shown is not None
    assert most is not None
    assert all(shown * qty <= max(0, quantity) for quantity, qty in stock)
    assert any((most + 1) * qty > quantity for quantity, qty in stock)
