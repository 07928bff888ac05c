"""How Etsy is told levels, and what its answers mean: each file in `pushes/` is one conversation."""

import copy
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channels.etsy_calls import LIMIT as ORDERS
from publishers.app import setup
from publishers.channels import etsy as kind
from publishers.channels import etsy_grant
from publishers.grant import Denied, Later, Token
from publishers.kind import Kind, Swept
from publishers.push import READ, TELL, TOKEN, Account, Answer, Delivered, Request, Response, Row, Shows
from schemas.channel_records import Listing
from schemas.settings import Channel, Config, Kafka
from schemas.settings import Kind as Word

PUSHES = sorted((Path(__file__).parent / "pushes").glob("*.json"))
Judges = Callable[[Kind, Callable[[int], list[Row]], Path], None]
ACCOUNT = Account(alias="12345678")
DAY_MS = 86_400_000
SOME_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def listing(number: int, name: str = "900", sku: str | None = None, *, retired: bool = False) -> Listing:
    """Make a listing of one product."""
    product = str(7000 + number)
    ids = {"listing": name, "product": product}
    return Listing(channel="e", listing_id=product, sku=sku or f"S{number}", ids=ids, retired=retired)


def rows(count: int) -> list[Row]:
    """Make rows of one Etsy listing, each with a number of its own."""
    return [Row(sku=f"S{n}", listing=listing(n), quantity=5 + n, version=1) for n in range(count)]


def shown(number: int, quantity: int, sku: str | None = None, **more: Any) -> dict[str, Any]:
    """Make a product as a GET shows it."""
    price = {"amount": 1999, "divisor": 100, "currency_code": "USD"}
    offering = {"offering_id": 8000 + number, "quantity": quantity, "is_enabled": True, "is_deleted": False}
    value = {"property_id": 200, "property_name": "Size", "scale_id": None, "scale_name": None}
    return {
        "product_id": 7000 + number,
        "sku": f"S{number}" if sku is None else sku,
        "is_deleted": False,
        "offerings": [{**offering, "price": price, "readiness_state_id": 31}],
        "property_values": [{**value, "value_ids": [number + 1], "values": [f"V{number}"]}],
        **more,
    }


def seen(products: Sequence[Mapping[str, Any]], state: str = "active", **more: Any) -> Response:
    """Make the answer that shows a listing."""
    settings = {"price_on_property": [], "quantity_on_property": [200], "sku_on_property": [200], **more}
    body = {"products": products, **settings, "listing": {"listing_id": 900, "state": state}}
    return Response(status=200, body=orjson.dumps(body), at=1_000)


def ended(conversation: Generator[Request, Response, Any], *answers: Response) -> tuple[list[Request], Any]:
    """Hold a conversation; the last answer is given again and again."""
    left, made = [*answers], [next(conversation)]
    while True:
        try:
            made.append(conversation.send(left.pop(0) if len(left) > 1 else left[0]))
        except StopIteration as end:
            return made, end.value
        assert len(made) < 1_000


@pytest.mark.parametrize("path", PUSHES, ids=lambda path: path.stem)
def test_every_conversation_has_its_calls_and_verdicts(path: Path, judges: Judges) -> None:
    """What is asked, written and switched; row by row what it means; what it says of the budget."""
    judges(kind, rows, path)


def test_a_renewed_listing_sells_only_what_it_is_told() -> None:
    """A number that still stands at another product of a listing that had sold out was nobody's to buy."""
    renews = Account(alias="1", renew_sold_out=True)
    switched = Response(status=200, body=orjson.dumps({"listing_id": 900, "state": "active"}), at=1_000)
    answers = seen([shown(0, 0), shown(1, 1)], state="sold_out"), switched, seen([shown(0, 5), shown(1, 0)])
    made, _ = ended(kind.tell(rows(1), renews, "r1"), *answers)
    written = orjson.loads(made[-1].body)["products"]
    assert [request.method for request in made] == ["GET", "PATCH", "PUT"]
    assert [product["offerings"][0]["quantity"] for product in written] == [5, 0]


@pytest.mark.parametrize("allowed", [True, False])
def test_whether_a_renewals_fee_is_allowed_is_the_channels_setting(*, allowed: bool) -> None:
    """The configuration's word reaches the conversations."""
    channel = Channel(name="e", kind=Word.ETSY, since=0, alias="1", renew_sold_out=allowed)
    made = setup(Config(kafka=Kafka(bootstrap="k:9092"), channels=(channel,)), channel)
    assert made.account == Account(alias="1", renew_sold_out=allowed)
    assert Channel(name="e", kind=Word.ETSY, since=0).renew_sold_out is False


def test_the_app_and_the_seller_prove_themselves() -> None:
    """The keystring goes with its shared secret, the token as it was granted: it begins with the user's id."""
    told = kind.headers({"API_KEY": "key", "SHARED_SECRET": "hush", TOKEN: "1001.t"})
    assert told == {"x-api-key": "key:hush", "Authorization": "Bearer 1001.t", "Accept": "application/json"}
    assert set(kind.SECRETS) == {"API_KEY", "SHARED_SECRET", TOKEN}


def test_a_listing_is_in_one_call_at_most_and_takes_all_of_its_products() -> None:
    """A group is the Etsy listing; a key is a product; ids of any kind stay inside an address."""
    assert [kind.group(listing(1)), kind.group(listing(2)), kind.group(listing(3, "901"))] == ["900", "900", "901"]
    assert (kind.SERIAL, kind.key(listing(1)), kind.MOST) == (True, "7001", 999)
    odd = Row(sku="S", listing=listing(1, "9/../shops?x=1"), quantity=1, version=1)
    assert next(kind.tell([odd], ACCOUNT, "r")).path == (
        "/v3/application/listings/9%2F..%2Fshops%3Fx%3D1/inventory?includes=Listing"
    )


@pytest.mark.parametrize(("per_ms", "most"), [(1_000, 10), (DAY_MS, 10_000)])
def test_our_shares_and_the_order_poll_s_are_no_more_than_etsy_allows(per_ms: int, most: int) -> None:
    """In no second more than 10, in no day more than 10,000, whatever the three processes do at once."""
    shares = [one for name in (TELL, READ) for one in kind.LIMITS[name] if one.per_ms == per_ms]
    assert [one.rolling and one.whole == most for one in shares] == [True, True]
    (orders,) = [one for one in ORDERS if one.per_ms == per_ms]
    assert sum(one.amount for one in shares) + orders.calls + orders.burst <= most


@pytest.mark.parametrize(
    ("amount", "divisor", "written"),
    [
        (1999, 100, "19.99"),
        (1950, 100, "19.5"),
        (2500, 1, "2500"),
        (12345678901234567, 1000, "12345678901234.567"),
        (1, 10**6, "0.000001"),
        (9007199254740993, 1, "9007199254740993"),
    ],
)
def test_a_price_keeps_every_digit(amount: int, divisor: int, written: str) -> None:
    """A float would not: a listing's price must not change because its stock does."""
    product = shown(0, 9)
    product["offerings"][0]["price"] = {"amount": amount, "divisor": divisor, "currency_code": "USD"}
    made, _ = ended(kind.tell(rows(1), ACCOUNT, "r"), seen([product]))
    sent = json.loads(made[1].body, parse_float=Decimal, parse_int=Decimal)
    assert sent["products"][0]["offerings"][0]["price"] == Decimal(written)


def test_a_retired_listing_is_never_looked_for_by_its_sku() -> None:
    """Its SKU may live on in another product; one that is gone shows the 0 that it is told."""
    old = Row(sku="S1", listing=listing(9, sku="S1", retired=True), quantity=0, version=1)
    made, answer = ended(kind.tell([old], ACCOUNT, "r"), seen([shown(1, 4)]))
    assert (len(made), answer.verdicts) == (1, (Delivered(),))
    _, answer = ended(kind.tell([old], ACCOUNT, "r"), Response(status=404, body=b'{"error": "words"}'))
    assert answer.verdicts == (Delivered(),)
    _, answer = ended(kind.read([old], ACCOUNT), Response(status=404, body=b'{"error": "words"}'))
    assert answer.verdicts == (Shows(0),)


def test_of_two_listings_of_ours_one_that_is_gone_takes_no_other_s_product() -> None:
    """The same SKU twice, and one product left: it belongs to the row that knows its id."""
    told = [Row(sku="S1", listing=listing(n, sku="S1"), quantity=number, version=1) for n, number in ((9, 2), (1, 6))]
    made, answer = ended(kind.tell(told, ACCOUNT, "r"), seen([shown(1, 4)]))
    assert [type(one).__name__ for one in answer.verdicts] == ["Rejected", "Delivered"]
    assert json.loads(made[1].body)["products"][0]["offerings"][0]["quantity"] == 6


def test_a_product_without_a_sku_is_known_by_being_the_only_one() -> None:
    """A listing without variations has one product, whatever its id is by now."""
    made, answer = ended(kind.tell(rows(1), ACCOUNT, "r"), seen([shown(50, 9, sku="")]))
    assert (len(made), answer.verdicts) == (2, (Delivered(),))
    _, answer = ended(kind.tell(rows(1), ACCOUNT, "r"), seen([shown(50, 9, sku="S8")]))
    assert [type(one).__name__ for one in answer.verdicts] == ["Rejected"]


def named(number: int, word: str, sku: str = "OURS", **more: Any) -> Row:
    """Make the row of a product that is mapped by its variation."""
    ids = {"listing": "900", "variation": f"200={word}", **more}
    own = Listing(channel="etsy-uk", listing_id=f"900/200={word}", sku=sku, ids=ids)
    return Row(sku=sku, listing=own, quantity=number, version=1)


def test_a_product_without_a_sku_is_known_by_its_variation_whatever_its_ids_are() -> None:
    """Neither its number nor the ids of its values need stay; of several without a SKU it is this variation's."""
    products = [shown(70 + n, 9, sku="") for n in range(3)]
    for at, one in enumerate(products):
        one["property_values"][0] |= {"value_ids": [90 + at], "values": [f"V{at}"]}
    made, answer = ended(kind.tell([named(4, "V1"), named(0, "V2", sku="B")], ACCOUNT, "r"), seen(products))
    assert answer.verdicts == (Delivered(), Delivered())
    sent = json.loads(made[1].body)["products"]
    assert [one["offerings"][0]["quantity"] for one in sent] == [9, 4, 0]
    _, answer = ended(kind.read([named(4, "V1")], ACCOUNT), seen(products))
    assert answer.verdicts == (Shows(9, 1_000),)


def test_a_variation_outranks_the_number_and_the_sku_and_they_stand_in_where_it_is_not_there() -> None:
    """The seller renames a value, and the number or the SKU goes on; what two products share tells none of them."""
    products = [shown(0, 9, sku=""), shown(1, 8, sku="OURS")]
    for row, number in (
        (named(0, "V0", product="7001"), 9),
        (named(0, "OLD", product="7000"), 9),
        (named(0, "OLD"), 8),
    ):
        _, answer = ended(kind.read([row], ACCOUNT), seen(products))
        assert answer.verdicts == (Shows(number, 1_000),)
    products[0]["property_values"] = products[1]["property_values"]
    _, answer = ended(kind.read([named(0, "V1")], ACCOUNT), seen(products))
    assert answer.verdicts == (Shows(8, 1_000),)


@pytest.mark.parametrize("talk", [kind.read, lambda rows, account: kind.tell(rows, account, "r")])
def test_a_product_that_cannot_be_found_says_what_to_run(talk: Any) -> None:
    """The commands stand in the dead letter, with the channel's name."""
    _, answer = ended(talk([named(4, "OLD")], ACCOUNT), seen([shown(0, 9), shown(1, 9)]))
    (verdict,) = answer.verdicts
    assert "`python -m ingest discover etsy-uk --apply`" in verdict.reason
    assert len(verdict.reason) <= 300


def test_a_product_that_nobody_has_mapped_is_shown_by_the_id_that_it_would_get() -> None:
    """What a read-back reports as unmapped can be written into a file to import."""
    products = [shown(0, 9, sku=""), shown(1, 8, sku="")]
    row = {"listing_id": 900, "state": "active", "inventory": json.loads(seen(products).body)}
    page = Response(status=200, body=orjson.dumps({"results": [row]}), at=1_000)
    _, swept = ended(kind.sweep(ACCOUNT, [named(0, "V1").listing]), page)
    assert [(one.key, one.quantity) for one in swept.seen] == [("900/200=V1", 8), ("900/200=V0", 9)]


def test_a_part_of_the_properties_decides_which_products_share_a_number() -> None:
    """By size alone: the colours of a size have one number."""
    colours = [shown(n, 9, sku=f"S{n}") for n in range(2)]
    for one in colours:
        one["property_values"].append({"property_id": 300, "value_ids": [1], "values": [one["sku"]]})
    apart = copy.deepcopy(colours)
    same = copy.deepcopy(colours)
    same[1]["property_values"][0] = same[0]["property_values"][0]
    assert ended(kind.tell(rows(2), ACCOUNT, "r"), seen(apart))[1].verdicts == (Delivered(),) * 2
    refused = ended(kind.tell(rows(2), ACCOUNT, "r"), seen(same))[1].verdicts
    assert ["one number" in one.reason for one in refused] == [True, True]


def batch(*names: str, state: str = "active", **more: Any) -> Response:
    """Make the answer that shows several listings."""
    results = [{"listing_id": int(name), "state": state, **more} for name in names]
    return Response(status=200, body=orjson.dumps({"count": len(results), "results": results}), at=1_000)


def test_a_listing_that_goes_while_several_are_read_hides_no_other() -> None:
    """Etsy answers 404 for all where one of them does not exist: they are asked for by halves."""
    several = [Row(sku=f"S{n}", listing=listing(n, str(900 + n)), quantity=0, version=1) for n in range(3)]
    inventory = json.loads(seen([shown(n, 4 + n) for n in range(3)]).body)
    gone = Response(status=404, body=b'{"error": "words"}')
    made, answer = ended(
        kind.read(several, ACCOUNT),
        batch("900", "901", "902"),
        gone,
        gone,
        batch("901", "902", inventory=inventory),
    )
    assert [type(one).__name__ for one in answer.verdicts] == ["Rejected", "Shows", "Shows"]
    assert [one.quantity for one in answer.verdicts[1:]] == [5, 6]
    assert [one.path.partition("listings/")[2] for one in made] == [
        "batch?listing_ids=900,901,902",
        "batch/inventory?listing_ids=900,901,902",
        "batch/inventory?listing_ids=900",
        "batch/inventory?listing_ids=901,902",
    ]
    assert all(len(one.path) < 2_000 and one.bucket == READ for one in made)


def test_a_404_for_all_hides_no_listing_of_a_read_back() -> None:
    """Whichever of the two questions it answers: what there is is found, what is gone is left out."""
    known = [listing(n, str(900 + n)) for n in range(3)]
    inventory = json.loads(seen([shown(n, 4 + n) for n in range(3)]).body)
    gone, nothing = Response(status=404, body=b'{"error": "words"}'), batch()
    _, swept = ended(
        kind.sweep(ACCOUNT, known),
        nothing,
        gone,
        gone,
        batch("901", "902", state="inactive"),
        batch("901", "902", state="inactive", inventory=inventory),
    )
    assert swept.err == ""
    assert {one.key: (one.quantity, one.off) for one in swept.seen if one.key in {"7001", "7002"}} == {
        "7001": (5, True),
        "7002": (6, True),
    }
    made, swept = ended(kind.sweep(ACCOUNT, known), nothing, gone)
    assert (swept, len(made)) == (Swept(seen=()), 6)


def test_a_listing_on_sale_whose_page_leaves_its_inventory_out_is_read_by_its_id() -> None:
    """It would pass for one that shows nothing of ours."""
    inventory = json.loads(seen([shown(0, 4)]).body)
    answers = batch("900", inventory=None), batch("900"), batch("900", inventory=inventory)
    made, swept = ended(kind.sweep(ACCOUNT, [listing(0)]), *answers)
    assert [(one.key, one.quantity) for one in swept.seen] == [("7000", 4)]
    assert len(made) == 3


def test_whether_several_listings_are_on_sale_is_told_by_the_first_answer() -> None:
    """An inventory without a state would pass for one that is on sale."""
    several = [
        Row(sku=f"S{n}", listing=listing(n, str(900 + n)), quantity=0, version=1, undo="state=active") for n in range(2)
    ]
    inventory = json.loads(seen([shown(n, 4) for n in range(2)]).body)
    bare = json.loads(batch("900", "901", inventory=inventory).body)
    for one in bare["results"]:
        del one["state"]
    second = Response(status=200, body=orjson.dumps(bare), at=1_000)
    _, answer = ended(kind.read(several, ACCOUNT), batch("900", "901", state="inactive"), second)
    assert answer.verdicts == (Shows(0, 1_000),) * 2


@st.composite
def inventories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Make what a listing may hold: any prices and names, fields that we do not know, some of it deleted or off."""
    products = []
    for number in range(draw(st.integers(1, 6))):
        one = shown(number, draw(st.integers(0, 999)), sku=draw(st.sampled_from([f"S{number}", "", "OTHER"])))
        one["is_deleted"] = draw(st.booleans()) and number > 0
        offering = one["offerings"][0]
        offering["is_enabled"] = draw(st.booleans())
        offering["price"]["amount"] = draw(st.integers(1, 10**15))
        offering["price"]["divisor"] = draw(st.sampled_from([1, 10, 100, 1000]))
        offering["readiness_state_id"] = draw(st.none() | st.integers(1, 2**40))
        one["property_values"][0]["values"] = [f"{draw(st.text(max_size=5))}{number}"]
        one["property_values"][0]["scale_id"] = draw(st.none() | st.integers(1, 400))
        one["property_values"][0]["value_pairs"] = [{"id": 1}]
        products.append({**one, **draw(st.dictionaries(st.sampled_from(["note", "x"]), SOME_JSON, max_size=2))})
    return products


def as_it_should_go_back(product: dict[str, Any]) -> dict[str, Any]:
    """Write a product as a PUT has it, by the reference: without what is Etsy's own."""
    one = copy.deepcopy(product)
    for name in ("product_id", "is_deleted"):
        del one[name]
    for offering in one["offerings"]:
        money = offering.pop("price")
        offering["price"] = Decimal(money["amount"]).scaleb(1 - len(str(money["divisor"])))
        del offering["offering_id"], offering["is_deleted"]
    for value in one["property_values"]:
        value.pop("scale_name", None)
        value.pop("value_pairs", None)
    return one


@given(inventories(), st.data(), st.sampled_from(["active", "inactive", "edit"]))
def test_a_tell_changes_nothing_but_its_own_quantities(
    products: list[dict[str, Any]], data: st.DataObject, state: str
) -> None:
    """Whatever a listing holds: what goes back is what came, with our numbers; an update with nothing to sell never."""
    told = data.draw(st.dictionaries(st.integers(0, len(products) - 1), st.integers(0, 999), min_size=1))
    own = [Row(sku=f"S{n}", listing=listing(n), quantity=number, version=1) for n, number in told.items()]
    ok = Response(status=200, body=b'{"products": [], "state": "inactive"}')
    made, answer = ended(kind.tell(own, ACCOUNT, "r"), seen(products, state), ok)
    assert len(answer.verdicts) == len(own)
    writes = [one for one in made if one.method == "PUT"]
    live = [(n, one) for n, one in enumerate(products) if not one["is_deleted"]]
    wanted = {n: told.get(n, one["offerings"][0]["quantity"]) for n, one in live}
    alone = len(live) == 1 and not live[0][1]["sku"]
    if alone and 0 not in told:
        wanted[0] = min(told.values())
    for write in writes:
        sent = json.loads(write.body, parse_float=Decimal)
        back = [as_it_should_go_back(one) for _, one in live]
        for (n, _), one in zip(live, back, strict=True):
            one["offerings"][0]["quantity"] = wanted[n]
        plain = json.loads(json.dumps([{**one, "offerings": 0} for one in back]), parse_float=Decimal)
        assert [{**one, "offerings": 0} for one in sent["products"]] == plain
        assert [one["offerings"] for one in sent["products"]] == [one["offerings"] for one in back]
        assert {name: sent[name] for name in ("quantity_on_property", "sku_on_property")} == {
            "quantity_on_property": [200],
            "sku_on_property": [200],
        }
        assert any(one["offerings"][0]["quantity"] for one in sent["products"])
    changed = any(wanted[n] != one["offerings"][0]["quantity"] for n, one in live)
    sells = any(wanted[n] and one["offerings"][0]["is_enabled"] for n, one in live)
    assert len(writes) == (changed and sells)


HOSTILE = st.builds(
    lambda status, body, headers: Response(status=status, body=body, headers=headers, err="broken"),
    st.sampled_from([200, 200, 200, 0, 302, 400, 401, 403, 404, 409, 429, 500]),
    st.binary(max_size=20)
    | SOME_JSON.map(orjson.dumps)
    | st.fixed_dictionaries(
        {},
        optional={
            "products": st.lists(
                SOME_JSON | st.just(shown(0, 3)) | inventories().map(lambda all_: all_[0]), max_size=3
            ),
            "listing": SOME_JSON
            | st.sampled_from(["active", "inactive", "sold_out"]).map(lambda word: {"state": word}),
            "quantity_on_property": SOME_JSON,
            "results": SOME_JSON | st.lists(SOME_JSON | st.just({"listing_id": 900, "inventory": {}}), max_size=3),
            "state": SOME_JSON,
            "error": SOME_JSON,
        },
    ).map(orjson.dumps),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-remaining-today", "x-limit-per-second", "x-limit-per-day"]),
        st.text(max_size=8),
        max_size=3,
    ),
)


@given(st.lists(HOSTILE, min_size=1, max_size=6), st.sampled_from(["tell", "read", "read two", "sweep"]), st.booleans())
def test_whatever_comes_back_nothing_is_raised(answers: list[Response], what: str, ours: bool) -> None:  # noqa: FBT001
    """Each row has a verdict, and every conversation ends."""
    asked = [
        Row(sku="S0", listing=listing(0), quantity=3, version=1, expected=2, undo="state=active" if ours else None)
    ]
    if what == "read two":
        asked.append(Row(sku="S1", listing=listing(1, "901"), quantity=3, version=1))
    if what == "sweep":
        _, swept = ended(kind.sweep(ACCOUNT, [listing(0)]), *answers)
        assert isinstance(swept, Swept)
        return
    _, answer = ended((kind.tell if what == "tell" else _read)(asked, ACCOUNT, "r"), *answers)
    assert isinstance(answer, Answer)
    assert len(answer.verdicts) == len(asked)


def _read(asked: Sequence[Row], account: Account, _request_id: str) -> Generator[Request, Response, Answer]:
    return kind.read(asked, account)


def test_a_token_is_bought_without_the_shared_secret() -> None:
    """A form at the API's own address, or wherever the channel says; the successor goes on."""
    channel = Channel(name="e", kind=Word.ETSY, since=0, base_url="https://api.etsy.example")
    request = etsy_grant.request(channel, {"API_KEY": "key", "REFRESH_TOKEN": "1.r"})
    assert (request.method, request.url) == ("POST", "https://api.etsy.example/v3/public/oauth/token")
    assert request.body == b"grant_type=refresh_token&client_id=key&refresh_token=1.r"
    body = {"access_token": "1.a", "expires_in": 3600, "token_type": "Bearer", "refresh_token": "1.s"}
    granted = etsy_grant.read(Response(status=200, body=orjson.dumps(body)))
    assert granted == Token(value="1.a", lasts_ms=3_600_000, successor="1.s")
    revoked = {"error": "invalid_grant", "error_description": "refresh_token is revoked"}
    assert isinstance(etsy_grant.read(Response(status=400, body=orjson.dumps(revoked))), Denied)
    assert isinstance(etsy_grant.read(Response(status=503)), Later)
    assert etsy_grant.expired(Response(status=401))
    assert not etsy_grant.expired(Response(status=403))
