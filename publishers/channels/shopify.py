"""
Shopify: `inventorySetQuantities` over GraphQL, all-or-nothing, compare-and-set, idempotent by key.

Facts: shopify.dev `api/admin-graphql/2026-10/mutations/inventorySetQuantities`, `api/usage/limits` (250 items in an
array), and `apis/graphql-admin/rate-limits` (100 points a second on the Standard plan; THROTTLED comes inside a 200).
"""

from collections.abc import Mapping, Sequence

from publishers.channels import shopify_answers, shopify_graphql, shopify_pause, shopify_sweep
from publishers.kind import Bulk, Conversation, Sweep, one_call
from publishers.limiter import Window
from publishers.push import READ, TELL, TOKEN, Account, Answer, Delivered, Row, Verdict, only_pauses
from schemas.channel_records import Listing

LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (Window(amount=80, per_ms=1_000, burst=1_000, points=True, whole=100, pool="points"),),
    READ: (Window(amount=10, per_ms=1_000, burst=200, points=True, whole=100, pool="points"),),
}
"""The Standard plan's 100 points a second and its bucket of 2,000, shared out: the order poll takes the rest."""
LADDER = (1_000, 5_000, 30_000, 120_000, 600_000)
LANES = 4
SERIAL = False
BATCH = 250
HOT_BATCH = 10
READ_BATCH = 50
COST = shopify_graphql.COST
COMPARES = True
PAUSES = True
MOST: int | None = 1_000_000_000
BELOW_ZERO = True
APPLIES_MS = 0
BULK: Bulk | None = None
SECRETS = (TOKEN,)


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the access token's header."""
    return {"X-Shopify-Access-Token": secrets[TOKEN]}


def group(_listing: Listing) -> str:
    """Return one group for all: any rows may share a call."""
    return ""


def key(listing: Listing) -> str:
    """Return the number of the inventory item, to which stock belongs."""
    return listing.ids["inventory_item"]


def tell(rows: Sequence[Row], account: Account, request_id: str) -> Conversation:
    """Set these rows' numbers, and then whether paused variants, and those whose pause ends, sell on at 0."""
    verdicts, said = list[Verdict]([Delivered()] * len(rows)), shopify_pause.Said()
    if told := [n for n, row in enumerate(rows) if not only_pauses(row)]:
        some = [rows[n] for n in told]
        answer = shopify_answers.classify(some, (yield shopify_graphql.mutation(some, account, request_id)))
        said.first = answer.hints
        for n, verdict in zip(told, answer.verdicts, strict=True):
            verdicts[n] = verdict
    due = [n for n, row in enumerate(rows) if verdicts[n] == Delivered() and (row.paused or row.undo)]
    if due:
        settled = yield from shopify_pause.settle([rows[n] for n in due], account, said)
        for n, verdict in zip(due, settled, strict=True):
            verdicts[n] = verdict
    return Answer(verdicts=tuple(verdicts), hints=said.hints())


def read(rows: Sequence[Row], account: Account) -> Conversation:
    """Ask what these rows show at the account's location."""
    return one_call(shopify_graphql.numbers(rows, account), rows, shopify_answers.read_classify)


def sweep(account: Account, listings: Sequence[Listing]) -> Sweep:
    """Ask for all that the shop shows at the account's location."""
    return shopify_sweep.sweep(account, listings)
