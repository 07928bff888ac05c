"""
Amazon's feeds of listings: documents at signed addresses, processing that takes its time, and reports.

Source: amzn/selling-partner-api-models `feeds_2021-06-30.json`, `schemas/feeds/listings-feed-schema-v2.json` and
`listings-feed-processing-report-schema-v2.json`; developer-docs.amazon.com/sp-api "Submit a feed" (an address is good
for five minutes and for the content type that was named; a document of ours for two days).
"""

import gzip
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import orjson

from compose.fakes.account import Account
from compose.fakes.amazon_desk import desk
from compose.fakes.amazon_stock import Issue, Number, accept, apply, issue, stock, told, wanted

TYPE = "JSON_LISTINGS_FEED"
MESSAGES_MAX = 25_000
FEED_MS = 2_000
HOUR_MS = 3_600_000
ADDRESS_MS = 300_000
PER_MS, FEEDS = 300_000, 5
"""At most five feeds of listings in any five minutes."""
OUTCOMES = ("done", "nothing", "stuck", "late", "fatal", "cancelled", "queued")
OPERATIONS = ("UPDATE", "PARTIAL_UPDATE", "PATCH", "DELETE")


@dataclass(slots=True, kw_only=True)
class Document:
    """A file with its signed address: ours is uploaded, a report is there."""

    name: str
    content_type: str
    until: int
    signature: str
    body: bytes | None = None
    packed: bool = False


@dataclass(slots=True, kw_only=True)
class Feed:
    """
    A feed: `outcome` is what becomes of it, `ends` (ms) when; `status` once that has happened.

    `applies` is when the numbers of one that is late are applied.
    """

    name: str
    document: str
    created: int
    ends: int
    applies: int
    outcome: str
    status: str = ""
    report: str = ""


@dataclass(slots=True, kw_only=True)
class Feeds:
    """What one account remembers of its feeds; `next` is what becomes of the next ones: outcome and ms."""

    took_ms: int = FEED_MS
    documents: dict[str, Document] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    next: deque[tuple[str, int]] = field(default_factory=deque)
    created: deque[int] = field(default_factory=deque)


def feeds(account: Account) -> Feeds:
    """Find the account's feeds; the first question sets them up."""
    if "amazon_feeds" not in account.more:
        account.more["amazon_feeds"] = Feeds()
    found: Feeds = account.more["amazon_feeds"]
    return found


def wish(account: Account, told: Mapping[str, Any]) -> None:
    """Say what becomes of the next feed. Raises ValueError for an outcome that there is not."""
    outcome = str(told["outcome"])
    if outcome not in OUTCOMES:
        message = f"outcome is one of {OUTCOMES}"
        raise ValueError(message)
    feeds(account).next.append((outcome, int(told.get("ms", HOUR_MS))))


def make(account: Account, content_type: str, body: bytes | None = None) -> Document:
    """Make a document with an address."""
    made = Document(
        name=f"amzn1.tortuga.4.eu.{uuid4()}",
        content_type=content_type,
        until=account.clock() + ADDRESS_MS,
        signature=uuid4().hex,
        body=body,
        packed=body is not None,
    )
    feeds(account).documents[made.name] = made
    return made


def room(account: Account, now: int) -> bool:
    """Take a place among the feeds of five minutes, if there is one."""
    created, scale = feeds(account).created, desk(account).rate_scale
    while created and created[0] <= now - PER_MS / scale:
        created.popleft()
    if len(created) >= FEEDS:
        return False
    created.append(now)
    return True


def create(account: Account, document: str, now: int) -> Feed:
    """Create a feed of an uploaded document; what becomes of it is fixed here."""
    own = feeds(account)
    outcome, extra = own.next.popleft() if own.next else ("done", 0)
    ends = now + (extra if outcome in ("stuck", "queued") else own.took_ms)
    applies = ends + (extra if outcome == "late" else stock(account).delay_ms)
    name = str(50_000 + account.shop.number())
    made = Feed(name=name, document=document, created=now, ends=ends, applies=applies, outcome=outcome)
    own.feeds[made.name] = made
    numbers = _read(account, made)[0]
    for sku, number in numbers.items():
        told(account, sku, number.quantity)
        if outcome == "late":
            accept(account, sku, number, applies, f"feed-{made.name}")
    return made


def status(account: Account, feed: Feed, now: int) -> str:
    """Tell a feed's status, having done what was due."""
    settle(account, now)
    if feed.status:
        return feed.status
    waiting = feed.outcome == "queued" or now < feed.created + (feed.ends - feed.created) // 4
    return "IN_QUEUE" if waiting and feed.outcome != "stuck" else "IN_PROGRESS"


def settle(account: Account, now: int) -> None:
    """End the feeds whose time has come, and apply what is due."""
    for feed in feeds(account).feeds.values():
        if not feed.status and now >= feed.ends:
            _end(account, feed)
    apply(account, now)


def _end(account: Account, feed: Feed) -> None:
    feed.status = {"fatal": "FATAL", "cancelled": "CANCELLED"}.get(feed.outcome, "DONE")
    if feed.status != "DONE":
        return
    numbers, issues, count = _read(account, feed)
    if feed.outcome not in ("late", "nothing"):
        for sku, number in numbers.items():
            accept(account, sku, number, feed.applies, f"feed-{feed.name}")
    packed = gzip.compress(orjson.dumps(_report(account, feed, issues, count)))
    feed.report = make(account, "application/json", packed).name


def _read(account: Account, feed: Feed) -> tuple[dict[str, Number], list[Issue], int]:
    """Return a feed's good numbers by SKU, its issues, and how many messages it has."""
    body = feeds(account).documents[feed.document].body or b""
    try:
        told = orjson.loads(body)
        header, messages = told["header"], told["messages"]
    except (ValueError, LookupError, TypeError):
        return {}, [issue("4002001", "Item 'Feed' cannot be parsed.")], 0
    if not isinstance(header, dict) or header.get("sellerId") != desk(account).seller_id:
        return {}, [issue("4002005", "Attribute 'Merchant' is required, but not present.")], 0
    if header.get("version") != "2.0":
        return {}, [issue("4002006", "Attribute 'version' does not match the required value.")], 0
    if not isinstance(messages, list) or not 1 <= len(messages) <= MESSAGES_MAX:
        return {}, [issue("4002001", "Item 'messages' cannot be parsed.")], 0
    numbers, issues = dict[str, Number](), list[Issue]()
    for message in messages:
        _message(account, message, numbers, issues)
    return numbers, issues, len(messages)


def _message(account: Account, message: Any, numbers: dict[str, Number], issues: list[Issue]) -> None:
    held = message if isinstance(message, dict) else {}
    sku, operation = held.get("sku"), held.get("operationType")
    faults = account.faults.row_errors
    if not isinstance(held.get("messageId"), int) or not isinstance(sku, str) or operation not in OPERATIONS:
        found: Number | Issue = issue("BAD_REQUEST", "Invalid parameters provided.")
    elif operation != "PATCH" or "attributes" in held or "requirements" in held:
        found = issue("BAD_REQUEST", "Invalid parameters provided.")
    elif sku in faults:
        found = issue(faults[sku]["code"], faults[sku]["message"])
    else:
        found = wanted(held)
    if isinstance(found, dict):
        issues.append({"messageId": held.get("messageId"), "sku": sku, **found})
    else:
        numbers[str(sku)] = found


def _report(account: Account, feed: Feed, issues: list[Issue], count: int) -> dict[str, Any]:
    invalid = len({one["messageId"] for one in issues if "messageId" in one})
    return {
        "header": {"sellerId": desk(account).seller_id, "version": "2.0", "feedId": feed.name},
        "issues": issues,
        "summary": {
            "errors": len(issues),
            "warnings": 0,
            "messagesProcessed": count,
            "messagesAccepted": count - invalid,
            "messagesInvalid": invalid,
        },
    }
