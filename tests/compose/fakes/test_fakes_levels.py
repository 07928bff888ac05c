"""What the stand-ins of Shopify and WooCommerce do with levels: who sells on at 0, bulk operations, what is counted."""

from typing import Any

import pytest

VARIANTS = """mutation($p: ID!, $v: [ProductVariantsBulkInput!]!, $some: Boolean) {
  productVariantsBulkUpdate(productId: $p, variants: $v, allowPartialUpdates: $some) {
    productVariants { id inventoryPolicy } userErrors { field code } } }"""
RUN = """mutation($q: String!) { bulkOperationRunQuery(query: $q) {
  bulkOperation { id status url } userErrors { field message code } } }"""
LOOK = """query($id: ID!) { node(id: $id) { ... on BulkOperation { status errorCode objectCount fileSize url } } }"""
SKUS = "{ productVariants { edges { node { sku inventoryItem { tracked } } } } }"


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        """Begin at some time."""
        self.now = 1_795_300_000_000

    def __call__(self) -> int:
        """Tell the time in ms."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


async def variants(stand: Any) -> tuple[str, dict[str, str]]:
    """Put two variants of one product into the shop: the product's id and the variants' by SKU."""
    wishes = [{"sku": sku, "quantity": 0, "parent": "cap", "oversells": "CONTINUE"} for sku in ("CAP-S", "CAP-L")]
    made = (await stand.control("catalogue", {"products": wishes}))["listings"]
    ids = {one["sku"]: f"gid://shopify/ProductVariant/{one['ids']['variant_id']}" for one in made}
    return f"gid://shopify/Product/{made[0]['ids']['product_id']}", ids


async def test_a_variant_that_continues_sells_below_0_until_it_is_denied(open_account: Any) -> None:
    """The policy is the variant's, and a product's variants are changed in one call."""
    stand = await open_account("shopify", webhooks=False)
    product, ids = await variants(stand)
    assert (await stand.control("sell", {"sku": "CAP-S", "qty": 2}))["result"] == "sold"
    wish = {"p": product, "v": [{"id": ids["CAP-S"], "inventoryPolicy": "DENY"}]}
    answer = (await stand.graphql(VARIANTS, wish))["data"]["productVariantsBulkUpdate"]
    assert answer == {"productVariants": [{"id": ids["CAP-S"], "inventoryPolicy": "DENY"}], "userErrors": []}
    assert (await stand.control("sell", {"sku": "CAP-S", "qty": 1}))["result"] == "sold_out"
    assert (await stand.control("sell", {"sku": "CAP-L", "qty": 1}))["result"] == "sold"


@pytest.mark.parametrize(("some", "policy"), [(True, ""), (False, "CONTINUE")])
async def test_a_bad_variant_fails_the_others_only_without_partial_updates(
    open_account: Any, *, some: bool, policy: str
) -> None:
    """The error names it by its index."""
    stand = await open_account("shopify", webhooks=False)
    product, ids = await variants(stand)
    rows = [{"id": "gid://shopify/ProductVariant/1"}, {"id": ids["CAP-S"], "inventoryPolicy": "DENY"}, {}]
    answer = (await stand.graphql(VARIANTS, {"p": product, "v": rows, "some": some}))["data"]
    assert answer["productVariantsBulkUpdate"]["userErrors"] == [
        {"field": ["variants", "0", "id"], "code": "PRODUCT_VARIANT_DOES_NOT_EXIST"},
        {"field": ["variants", "2", "id"], "code": "PRODUCT_VARIANT_ID_MISSING"},
    ]
    assert stand.account.shop.by_sku["CAP-S"].oversells == policy


async def test_an_unknown_product_is_told(open_account: Any) -> None:
    """With the recorded code and field."""
    stand = await open_account("shopify", webhooks=False)
    wish = {"p": "gid://shopify/Product/1", "v": []}
    answer = (await stand.graphql(VARIANTS, wish))["data"]["productVariantsBulkUpdate"]
    assert answer["userErrors"] == [{"field": ["productId"], "code": "PRODUCT_DOES_NOT_EXIST"}]


async def test_a_bulk_operation_leaves_a_file_that_is_read_in_parts(open_account: Any, clock: Clock) -> None:
    """One line an object, at an address of its own, when it has ended; what it costs is what was recorded."""
    stand = await open_account("shopify", webhooks=False, clock=clock)
    answer = await stand.graphql(RUN, {"q": SKUS})
    assert answer["extensions"]["cost"]["requestedQueryCost"] == 10
    made = answer["data"]["bulkOperationRunQuery"]["bulkOperation"]
    assert (made["status"], made["url"]) == ("CREATED", None)
    clock.now += 150
    assert (await stand.graphql(LOOK, made))["data"]["node"]["status"] == "RUNNING"
    clock.now += 150
    done = (await stand.graphql(LOOK, {"id": made["id"]}))["data"]["node"]
    assert (done["status"], done["objectCount"]) == ("COMPLETED", "2")
    async with stand.session.get(done["url"]) as whole:
        body = await whole.read()
    lines = b'{"sku":"TEE-M","inventoryItem":{"tracked":true}}\n{"sku":"TEE-L","inventoryItem":{"tracked":true}}\n'
    assert (body, whole.status) == (lines, 200)
    assert int(done["fileSize"]) == len(body)
    async with stand.session.get(done["url"], headers={"Range": "bytes=1-5"}) as part:
        assert (part.status, await part.read()) == (206, body[1:6])
    async with stand.session.get(done["url"], headers={"Range": "bytes=4000-5000"}) as none:
        assert none.status == 416
    async with stand.session.get(stand.server.make_url("/bulk/1")) as missing:
        assert missing.status == 404


async def test_five_bulk_operations_run_at_once_and_no_more(open_account: Any, clock: Clock) -> None:
    """The refusal is the recorded one."""
    stand = await open_account("shopify", webhooks=False, clock=clock)
    answers = [(await stand.graphql(RUN, {"q": SKUS}))["data"]["bulkOperationRunQuery"] for _ in range(6)]
    assert [len(one["userErrors"]) for one in answers] == [0, 0, 0, 0, 0, 1]
    assert answers[-1]["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
    clock.now += 1_000
    assert not (await stand.graphql(RUN, {"q": SKUS}))["data"]["bulkOperationRunQuery"]["userErrors"]


@pytest.mark.parametrize(
    "query", ["{ shop { id } }", "{ nothing }", "{ productVariants { pageInfo { hasNextPage } } }"]
)
async def test_a_bulk_query_must_be_a_connection_of_nodes(open_account: Any, query: str) -> None:
    """Another one is refused by its argument's name."""
    stand = await open_account("shopify", webhooks=False)
    (error,) = (await stand.graphql(RUN, {"q": query}))["data"]["bulkOperationRunQuery"]["userErrors"]
    assert (error["field"], error["code"]) == (["query"], "INVALID")


async def test_a_bulk_operation_can_be_made_to_fail(open_account: Any, clock: Clock) -> None:
    """It then has a code and no file; an unknown one is nothing."""
    stand = await open_account("shopify", webhooks=False, clock=clock)
    await stand.control("bulk", {"outcome": "FAILED", "takes_ms": 0})
    made = (await stand.graphql(RUN, {"q": SKUS}))["data"]["bulkOperationRunQuery"]["bulkOperation"]
    node = (await stand.graphql(LOOK, {"id": made["id"]}))["data"]["node"]
    assert (node["status"], node["errorCode"], node["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
    unknown = await stand.graphql(LOOK, {"id": "gid://shopify/BulkOperation/1"})
    assert unknown["data"]["node"] is None


async def test_a_product_with_backorders_sells_below_0_until_they_are_off(open_account: Any) -> None:
    """`notify` and `yes` alike; the stock's status says so."""
    stand = await open_account("woocommerce", webhooks=False)
    made = await stand.control("catalogue", {"products": [{"sku": "CAP", "quantity": 0, "oversells": "notify"}]})
    key = made["listings"][0]["listing"]
    assert (await stand.control("sell", {"sku": "CAP", "qty": 1}))["result"] == "sold"
    _, shown, _ = await stand.woo("GET", f"/products/{key}")
    assert (shown["stock_quantity"], shown["backorders"], shown["stock_status"]) == (-1, "notify", "onbackorder")
    _, put, _ = await stand.woo("PUT", f"/products/{key}", {"backorders": "no"})
    assert (put["backorders"], put["stock_status"]) == ("no", "outofstock")
    assert (await stand.control("sell", {"sku": "CAP", "qty": 1}))["result"] == "sold_out"
    _, batch, _ = await stand.woo("POST", "/products/batch", {"update": [{"id": int(key), "backorders": "maybe"}]})
    assert batch["update"][0]["error"]["code"] == "rest_invalid_param"


async def test_only_the_asked_fields_are_shown(open_account: Any) -> None:
    """A reader that forgets one does not get it."""
    stand = await open_account("woocommerce", webhooks=False)
    _, rows, _ = await stand.woo("GET", "/products?_fields=id,sku")
    assert [sorted(row) for row in rows] == [["id", "sku"]] * 2


@pytest.mark.parametrize("kind", ["shopify", "woocommerce"])
async def test_the_merchant_changes_how_a_product_is_sold(open_account: Any, kind: str) -> None:
    """Without asking us."""
    stand = await open_account(kind, webhooks=False)
    said = await stand.control("listing", {"sku": "TEE-M", "oversells": "yes", "managed": False})
    assert (said["oversells"], said["managed"]) == ("yes", False)
    assert await stand.control("listing", {"sku": "TEE-M", "oversells": ""}) == {**said, "oversells": ""}


async def test_what_a_listing_is_told_is_counted(open_account: Any) -> None:
    """A repeat is the same number with nothing in between; the merchant's own counts are neither."""
    stand = await open_account("woocommerce", webhooks=False)
    key = stand.account.shop.by_sku["TEE-M"].key

    async def tell(number: int) -> None:
        await stand.woo("POST", "/products/batch", {"update": [{"id": int(key), "stock_quantity": number}]})

    for number in (4, 4, 3, 3):
        await tell(number)
    await stand.control("level", {"sku": "TEE-M", "qty": 3})
    await tell(3)
    await stand.control("sell", {"sku": "TEE-M", "qty": 1})
    await tell(2)
    await stand.control("faults", {"throttle_s": 60})
    await tell(1)
    assert (await stand.read("state"))["tallies"] == {key: {"tells": 6, "repeats": 2, "throttles": 1}}
