"""By what an Etsy product is told apart within its listing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.channel_records import Listing
from schemas.codec import decode, encode
from schemas.shapes import WireError
from schemas.variations import BYTES_MAX, variation

WORDS = st.lists(st.text(max_size=8), min_size=1, max_size=2)
VALUES = st.dictionaries(st.integers(1, 600), WORDS, max_size=3)


def shown(values: dict[int, list[str]], ids: list[int], name: str | None = "Size") -> list[dict[str, Any]]:
    """Show values as an inventory does."""
    return [
        {"property_id": number, "property_name": name, "scale_id": None, "value_ids": ids, "values": words}
        for number, words in values.items()
    ]


def test_a_variation_is_its_properties_and_their_words() -> None:
    """People can read it; a listing without variations has one product, and that has a name too."""
    assert variation(shown({200: ["Red"], 100: ["M"]}, [1])) == "100=M;200=Red"
    assert variation([]) == "-"


@given(VALUES, st.lists(st.integers(1, 9)), st.lists(st.integers(1, 9)))
def test_it_stays_when_ids_names_and_the_order_of_properties_change(
    values: dict[int, list[str]], before: list[int], after: list[int]
) -> None:
    """That is what an update of the inventory changes, or an answer in another language."""
    turned = dict(reversed(values.items()))
    assert variation(shown(values, before)) == variation(shown(turned, after, None))


@pytest.mark.parametrize(
    "other", ["14 UK women&#039;s", " 14  UK women's ", "14\u00a0UK women&apos;s"], ids=["html", "blanks", "both"]
)
def test_it_stays_however_an_answer_writes_blanks_and_signs(other: str) -> None:
    """Receipts escape words that inventories do not."""
    assert variation(shown({5: [other]}, [])) == variation(shown({5: ["14 UK women's"]}, [])) == "5=14 UK women's"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1: ["a"], 2: ["b"]}, {1: ["a;2=b"]}),
        ({1: ["a", "b"]}, {1: ["a,b"]}),
        ({1: ["%2C"]}, {1: [","]}),
        ({1: ["a"]}, {2: ["a"]}),
        ({1: ["a"]}, {1: ["A"]}),
        ({1: ["x" * 300]}, {1: ["x" * 299 + "y"]}),
    ],
)
def test_two_variations_never_share_a_name(one: dict[int, list[str]], other: dict[int, list[str]]) -> None:
    """Also where words look like what separates them, and where they are too long to stand there."""
    assert variation(shown(one, [])) != variation(shown(other, []))


@given(VALUES)
def test_it_fits_into_a_listing_s_id(values: dict[int, list[str]]) -> None:
    """With 20 digits and a stroke before it, and nothing that a file's cell would lose."""
    name = variation(shown(values, []))
    assert name is not None
    assert len(name.encode()) <= BYTES_MAX
    assert name == name.strip()
    one = Listing(channel="e", listing_id=f"{'9' * 20}/{name}", sku="S", ids={"listing": "9" * 20, "variation": name})
    assert decode(Listing, encode(one)) == one


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "M",
        {},
        [None],
        [{}],
        [{"property_id": 1}],
        [{"property_id": 1, "values": []}],
        [{"property_id": 1, "values": [5]}],
        [{"property_id": "1", "values": ["M"]}],
        [{"property_id": True, "values": ["M"]}],
    ],
)
def test_what_cannot_be_read_has_no_variation(odd: object) -> None:
    """Such a product is known by its number, as long as that lasts."""
    assert variation(odd) is None


def test_a_lone_half_of_a_sign_does_no_harm() -> None:
    """JSON may hold what has no form in UTF-8."""
    name = variation(shown({1: ["\ud800"]}, []))
    assert name is not None
    try:
        encode(Listing(channel="e", listing_id=name, sku="S"))
    except WireError:
        pytest.fail("no record can hold it")
