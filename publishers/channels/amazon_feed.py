"""
Many numbers at once: a feed of listings, from its document to its processing report.

Facts: amzn/selling-partner-api-models `feeds_2021-06-30.json` and `schemas/feeds/listings-feed-schema-v2.json` (at most
25,000 messages; `PATCH` with `merge`), developer-docs.amazon.com/sp-api "Submit a feed"; #543 there (worth while from
1,500 SKUs on), #2633 (feeds that stand still for days).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

import orjson

from publishers.channels import amazon_report
from publishers.channels.amazon_answers import Object, asked, document, text, trouble
from publishers.channels.amazon_limits import DOCUMENT, FEED, FILE, REPORT, STATUS, hints, wait_ms
from publishers.kind import Conversation
from publishers.push import (
    Accepted,
    Account,
    Answer,
    ChannelDown,
    Hint,
    Rejected,
    Request,
    Response,
    Retry,
    Row,
    Verdict,
)

LEAST, MOST = 1_500, 25_000
"""From how many rows on a feed is worth while (Amazon's own advice), and how many fit into one (its schema)."""
TYPE, VERSION = "JSON_LISTINGS_FEED", "2.0"
CONTENT_TYPE = "application/json; charset=UTF-8"
"""Said when the document is made, and again when it is uploaded: the address is signed for it."""
ROOT = "/feeds/2021-06-30"
PRODUCT_TYPE = "PRODUCT"
"""What stands for any product type where, as here, none of its own attributes is told."""
POLLS_MS = (15_000, 30_000, 60_000, *(120_000,) * 9)
"""
How long each question after a feed waits; together about 20 minutes.

Feeds of this size take minutes.  A feed that takes longer must not hold its SKUs: their read-back decides.
"""
WITHIN_MS = 600_000
"""A feed that cannot be created for so long would tell old numbers: its SKUs are told anew."""
QUEUED = "IN_QUEUE"
ENDED = frozenset({"DONE", "FATAL", "CANCELLED"})
WHOLE: Mapping[str, Verdict] = {
    "CANCELLED": Retry("the feed was cancelled"),
    # Some, none or all of it may have been carried out.
    "FATAL": Retry("Amazon gave the feed up (FATAL)", unsure=True),
}
"""What a feed's end without a report means for each of its rows."""
Steps = Generator[Request, Response, Verdict | str]
"""Returns what was made, or why it was not."""


def patches(quantity: int) -> list[dict[str, object]]:
    """
    Return what sets a number, for a feed's message as for a call of its own.

    `merge`, since `replace` wipes the handling time that stands in the same attribute (selling-partner-api-docs#2395).
    """
    value = [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity}]
    return [{"op": "merge", "path": "/attributes/fulfillment_availability", "value": value}]


def feed(rows: Sequence[Row], account: Account) -> bytes:
    """Return the feed's file; a row's message is its place, counted from 1."""
    messages = [
        {
            "messageId": number,
            "sku": row.listing.listing_id,
            "operationType": "PATCH",
            "productType": PRODUCT_TYPE,
            "patches": patches(row.quantity),
        }
        for number, row in enumerate(rows, 1)
    ]
    return orjson.dumps({"header": {"sellerId": account.alias, "version": VERSION}, "messages": messages})


def tell(rows: Sequence[Row], account: Account, _request_id: str) -> Conversation:
    """Tell these rows in one feed; once Amazon has it, what stays unclear is left to the read-back."""
    heard = list[Hint]()
    uploaded = yield from _uploaded(rows, account, heard)
    created = (yield from _created(uploaded, account, heard)) if isinstance(uploaded, str) else uploaded
    if not isinstance(created, str):
        return _answer((created,) * len(rows), heard)
    told = yield from _ended(created, heard)
    verdicts = yield from _verdicts(rows, created, told, heard)
    return _answer(verdicts, heard)


def _answer(verdicts: tuple[Verdict, ...], heard: list[Hint]) -> Answer:
    newest = {hint.bucket: hint for hint in heard}
    return Answer(verdicts=verdicts, hints=tuple(newest.values()))


def _uploaded(rows: Sequence[Row], account: Account, heard: list[Hint]) -> Steps:
    """Make the document and upload it; returns its id."""
    wish = orjson.dumps({"contentType": CONTENT_TYPE})
    response = yield from asked(Request(path=f"{ROOT}/documents", body=wish, bucket=DOCUMENT), heard)
    refused = trouble(response, DOCUMENT)
    if refused is not None:
        # Nothing is told before the feed is created.
        return ChannelDown(refused.reason) if isinstance(refused, ChannelDown) else _step_refused(refused)
    told = document(response.body)
    name, url = text(told, "feedDocumentId"), text(told, "url")
    if not name or not _is_web(url):
        return ChannelDown("unreadable answer: no document for a feed")
    content = {"Content-Type": CONTENT_TYPE}
    upload = Request(method="PUT", path="", url=url, body=feed(rows, account), bucket=FILE, headers=content)
    response = yield from asked(upload, heard)
    # The storage's words are not repeated: they may name what proves the address.
    return name if 200 <= response.status < 300 else Retry(f"a feed's file is not taken: HTTP {response.status}")


def _step_refused(verdict: Verdict) -> Verdict:
    """A step that is refused is no fault of the listings."""
    return Retry(f"no feed: {verdict.reason}") if isinstance(verdict, Rejected) else verdict


def _is_web(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def _created(name: str, account: Account, heard: list[Hint]) -> Steps:
    """Create the feed; returns its id."""
    wish = {"feedType": TYPE, "marketplaceIds": [*account.marketplaces], "inputFeedDocumentId": name}
    request = Request(path=f"{ROOT}/feeds", body=orjson.dumps(wish), bucket=FEED, within_ms=WITHIN_MS)
    response = yield from asked(request, heard, twice=False)
    refused = trouble(response, FEED)
    if refused is not None:
        return _step_refused(refused)
    return text(document(response.body), "feedId") or ChannelDown("unreadable answer: no feed's id", unsure=True)


def _get(folder: str, name: str, bucket: str) -> Request:
    return Request(method="GET", path=f"{ROOT}/{folder}/{quote(name, safe='')}", body=b"", bucket=bucket)


def _ended(created: str, heard: list[Hint]) -> Generator[Request, Response, Object]:
    """Ask after a feed until it has ended or the time is up; returns what was said of it last."""
    told: Object = {}
    asks_for = 0
    for wait in POLLS_MS:
        question = replace(_get("feeds", created, STATUS), after_ms=max(wait, asks_for), throttled=asks_for > 0)
        response = yield question
        heard.extend(hints(response, STATUS))
        asks_for = wait_ms(response, STATUS) if response.status == 429 else 0
        told = document(response.body) if response.status == 200 else told
        if text(told, "processingStatus") in ENDED:
            break
    return told


def _verdicts(
    rows: Sequence[Row], created: str, told: Object, heard: list[Hint]
) -> Generator[Request, Response, tuple[Verdict, ...]]:
    """Return by row what came of a feed."""
    status = text(told, "processingStatus")
    if status == "DONE":
        report = yield from _report(text(told, "resultFeedDocumentId"), heard)
        return (Accepted(),) * len(rows) if report is None else amazon_report.verdicts(rows, report)
    if status == QUEUED and (yield from _cancelled(created, heard)):
        return (Retry("the feed stood in Amazon's queue too long and was cancelled"),) * len(rows)
    return (WHOLE.get(status, Accepted()),) * len(rows)


def _cancelled(created: str, heard: list[Hint]) -> Generator[Request, Response, bool]:
    """Take back a feed that has not begun, so that it does not overwrite what is told from now on."""
    response = yield from asked(replace(_get("feeds", created, STATUS), method="DELETE"), heard)
    return 200 <= response.status < 300


def _report(name: str, heard: list[Hint]) -> Generator[Request, Response, amazon_report.Report | None]:
    """Fetch a feed's processing report; None where there is none that can be read."""
    if not name:
        return None
    response = yield from asked(_get("documents", name, REPORT), heard)
    told = document(response.body) if response.status == 200 else {}
    url = text(told, "url")
    if not _is_web(url):
        return None
    response = yield from asked(Request(method="GET", path="", url=url, body=b"", bucket=FILE), heard)
    known = response.status == 200
    return amazon_report.read(response.body, text(told, "compressionAlgorithm")) if known else None
