"""
Etsy: a listing's whole inventory is read, changed and written back; a listing without stock is switched off.

Facts: Open API v3 `getListingInventory`, `updateListingInventory` (the whole set is replaced), `updateListing`;
developers.etsy.com "Rate limits" (per app: 10 calls a second and 10,000 in 24 hours that slide, for a new app).  Two
calls about one listing at once would lose each other's numbers, so a listing is in one call at most.

Etsy has no comparison of its own, but what a call reads before it writes is compared with what we believe: where it
differs, the number is not written, and the verdict is what was seen.  A sale between the two requests stays unseen.
"""

from collections.abc import Generator, Mapping, Sequence

from publishers.channels import etsy_calls, etsy_inventory, etsy_reads
from publishers.channels.etsy_calls import DAY_MS, SECOND_MS, answered, hints, shown, switched, written
from publishers.channels.etsy_inventory import OFF, Inventory, OddError, inventory
from publishers.channels.etsy_plan import ACTIVE, Plan, plan
from publishers.channels.etsy_reads import gone, listing_of
from publishers.kind import Bulk, Conversation
from publishers.limiter import Window
from publishers.push import (
    READ,
    TELL,
    TOKEN,
    Account,
    Answer,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Shows,
    Throttled,
    Verdict,
)
from schemas.channel_records import Listing

POOL = "app"
LIMITS: Mapping[str, tuple[Window, ...]] = {
    TELL: (
        Window(amount=5, per_ms=SECOND_MS, burst=5, rolling=True, whole=10, pool=POOL),
        Window(amount=5_000, per_ms=DAY_MS, burst=5_000, rolling=True, whole=10_000, pool=POOL),
    ),
    READ: (
        Window(amount=1, per_ms=SECOND_MS, burst=1, rolling=True, whole=10, pool=POOL),
        Window(amount=2_000, per_ms=DAY_MS, burst=2_000, rolling=True, whole=10_000, pool=POOL),
    ),
}
"""A new app's 10 a second and 10,000 a day, less the 4 and the 3,000 that the order poll takes at most."""
LADDER = (1_000, 5_000, 30_000, 120_000, 600_000)
LANES = 4
"""Two carry 10 calls a second at 150 ms each; the others are for answers that come late."""
SERIAL = True
BATCH = HOT_BATCH = 500
"""Rows of one listing: they cost no more than one."""
READ_BATCH = etsy_calls.IDS_MAX
COST = 1
COMPARES = False
"""The call itself reads and compares before it writes, so nothing is read before it."""
PAUSES = False
MOST = etsy_inventory.MOST
BELOW_ZERO = False
APPLIES_MS = 0
BULK: Bulk | None = None
SECRETS = ("API_KEY", "SHARED_SECRET", TOKEN)

Step = Generator[Request, Response, Verdict | None]

key = etsy_reads.key
read = etsy_reads.read
sweep = etsy_reads.sweep


def headers(secrets: Mapping[str, str]) -> Mapping[str, str]:
    """Return the app's key with its shared secret, and the seller's access token."""
    return {
        "x-api-key": f"{secrets['API_KEY']}:{secrets['SHARED_SECRET']}",
        "Authorization": f"Bearer {secrets[TOKEN]}",
        "Accept": "application/json",
    }


def group(listing: Listing) -> str:
    """Return the Etsy listing, whose products are written together."""
    return listing_of(listing)


def tell(rows: Sequence[Row], account: Account, request_id: str) -> Conversation:
    """Set these rows' numbers: rows of one listing.  To set them again does no harm, so the call needs no name."""
    del request_id
    name = listing_of(rows[0].listing)
    response = yield shown(name, TELL)
    found = _found(response)
    if not isinstance(found, Inventory):
        # A retired listing that is gone shows the 0 that it is told.
        told = zip(rows, gone(found, rows), strict=True)
        verdicts = tuple(Delivered(row.undo) if isinstance(one, Shows) else one for row, one in told)
        return Answer(verdicts=verdicts, hints=hints(response))
    step = plan(found, rows, response.at, renew=account.renew_sold_out)
    talk = _Talk(account, name, response)
    failed = yield from talk.carry_out(found, step)
    return Answer(verdicts=step.verdicts if failed is None else _failed(failed, step), hints=hints(talk.last))


def _found(response: Response) -> Inventory | Verdict:
    document = answered(response, wrote=False)
    if not isinstance(document, dict):
        return document
    try:
        return inventory(document, document.get("listing"))
    except OddError as error:
        return Rejected(str(error))


def _failed(verdict: Verdict, step: Plan) -> tuple[Verdict, ...]:
    """Return the rows' verdicts when a request failed: for all of them where it is not about the listing."""
    if isinstance(verdict, ChannelDown | Credentials | Throttled):
        return (verdict,) * len(step.verdicts)
    # Our numbers are what any product may have, so a refusal is about the whole set; what is right already stays so.
    told = zip(step.verdicts, step.right, strict=True)
    return tuple(verdict if isinstance(one, Delivered) and not right else one for one, right in told)


class _Talk:
    """The writing part of one conversation."""

    def __init__(self, account: Account, listing: str, response: Response) -> None:
        """Go on from the answer that showed the listing."""
        self.account, self.listing, self.last = account, listing, response

    def carry_out(self, found: Inventory, step: Plan) -> Step:
        """Do what is planned; returns what went wrong."""
        steps = [self._write(found, step), self._switch(step)]
        for one in reversed(steps) if step.state_first else steps:
            failed = yield from one
            if failed is not None:
                return failed
        return None

    def _write(self, found: Inventory, step: Plan) -> Step:
        if not step.numbers:
            return None
        body = found.written(step.numbers)
        self.last = yield written(self.listing, body, three_properties=found.three_properties)
        document = answered(self.last, wrote=True)
        if not isinstance(document, dict):
            return document
        # The answer is the inventory as it is now; another object does not say that anything was written.
        taken = isinstance(document.get("products"), list)
        return None if taken else ChannelDown("unreadable answer: it holds no products", unsure=True)

    def _switch(self, step: Plan) -> Step:
        if not step.state:
            return None
        self.last = yield switched(self.account, self.listing, step.state)
        document = answered(self.last, wrote=True)
        if isinstance(document, ChannelDown) and document.unsure:
            # Whether the listing is off by our doing is known now or never: ask at once.
            self.last = yield shown(self.listing, TELL)
            again = answered(self.last, wrote=False)
            listing = again.get("listing") if isinstance(again, dict) else None
            done = isinstance(listing, dict) and _is(listing.get("state"), step.state)
            return None if done else document
        if not isinstance(document, dict):
            return document
        state = document.get("state")
        return (
            None if _is(state, step.state) else Retry(f"told {step.state}, the listing is {state!r:.40}", unsure=True)
        )


def _is(state: object, wanted: str) -> bool:
    return state == wanted or (wanted != ACTIVE and state in OFF)
