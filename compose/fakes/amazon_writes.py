"""
Amazon's writes: `patchListingsItem`, and the steps of a feed with its files.

Source: the models named in `amazon_stock` and `amazon_feeds`.  Files have addresses of their own, where a signature
stands for the access token; what shows the token there is counted (`tokens_shown`).
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes.account import Account
from compose.fakes.amazon_api import SpError, answer, denied, invalid, quota
from compose.fakes.amazon_desk import MARKETPLACE, desk
from compose.fakes.amazon_feeds import TYPE, Document, create, feeds, make, room, settle, status
from compose.fakes.amazon_stock import Issue, accept, issue, stock, told, wanted

FILES = "/_files"
TIMER_MS = 5
"""A timer may fire a little before its time."""
TOKEN = "x-amz-access-token"  # noqa: S105 - a header's name


def not_found() -> SpError:
    """Return the error of a thing that there is not."""
    return SpError(404, "NotFound", "The resource specified does not exist.")


async def read(request: web.Request) -> Mapping[str, Any]:
    """Read a body. Raises SpError 400."""
    try:
        body = orjson.loads(await request.read())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid("The body is no JSON object.")
    return body


class Writes:
    """The writes of one account."""

    def __init__(self, account: Account) -> None:
        """Write into this account's shop."""
        self.account = account

    def seller(self, request: web.Request) -> None:
        """Check whose listings are meant. Raises SpError."""
        if request.match_info["seller"] != desk(self.account).seller_id:
            raise denied("")
        if MARKETPLACE not in request.query.get("marketplaceIds", "").split(","):
            raise SpError(400, "InvalidInput", "Invalid 'marketplaceIds' provided.")

    async def patch(self, request: web.Request) -> web.Response:
        """`patchListingsItem`: what is understood is accepted; a SKU that there is not, too."""
        self.seller(request)
        own, now, sku = stock(self.account), self.account.clock(), request.match_info["sku"]
        found = wanted(await read(request))
        fault = self.account.faults.row_errors.get(sku)
        if fault:
            found = issue(fault["code"], fault["message"])
        if isinstance(found, dict):
            self.account.counts["row_errors"] += 1
            return self.submitted(sku, [found])
        self.account.counts["writes"] += 1
        told(self.account, sku, found.quantity)
        if own.drops:
            own.drops -= 1
        else:
            accept(self.account, sku, found, now + own.delay_ms, f"call-{self.account.counts['writes']}")
            later(self.account, own.delay_ms)
        return self.submitted(sku, [])

    def submitted(self, sku: str, issues: list[Issue]) -> web.Response:
        """Answer a submission; a bad one is answered 200 as well."""
        word = "INVALID" if issues else "ACCEPTED"
        rows = [{**one, "attributeNames": ["fulfillment_availability"], "categories": []} for one in issues]
        number = f"{self.account.shop.number():032x}"
        return answer({"sku": sku, "status": word, "submissionId": number, "issues": rows})

    async def document(self, request: web.Request) -> web.Response:
        """`createFeedDocument`."""
        kind = (await read(request)).get("contentType")
        if not isinstance(kind, str) or not kind:
            raise invalid("contentType is required.")
        made = make(self.account, kind)
        return answer({"feedDocumentId": made.name, "url": self.address(request, made)}, 201)

    def address(self, request: web.Request, document: Document) -> str:
        """Write a document's signed address, as the storage does."""
        credential = "AKIAEXAMPLE%2F20261122%2Feu-west-1%2Fs3%2Faws4_request"
        query = f"X-Amz-Credential={credential}&X-Amz-Expires=300&X-Amz-Signature={document.signature}"
        return f"{request.scheme}://{request.host}{FILES}/{document.name}?{query}"

    async def feed(self, request: web.Request) -> web.Response:
        """`createFeed`."""
        wish, now = await read(request), self.account.clock()
        document = feeds(self.account).documents.get(str(wish.get("inputFeedDocumentId")))
        places = wish.get("marketplaceIds")
        if wish.get("feedType") != TYPE or not isinstance(places, list) or not 1 <= len(places) <= 25:
            raise invalid("feedType or marketplaceIds")
        if document is None or document.body is None:
            raise invalid("inputFeedDocumentId")
        if not room(self.account, now):
            raise quota()
        self.account.counts["feeds"] += 1
        made = create(self.account, document.name, now)
        for due in (made.ends, made.ends + stock(self.account).delay_ms, made.applies):
            later(self.account, due - now)
        return answer({"feedId": made.name}, 202)

    async def ask(self, request: web.Request) -> web.Response:
        """`getFeed`."""
        feed = feeds(self.account).feeds.get(request.match_info["id"])
        if feed is None:
            raise not_found()
        body = {"feedId": feed.name, "feedType": TYPE, "marketplaceIds": [MARKETPLACE]}
        body |= {
            "createdTime": "2026-11-22T10:00:00Z",
            "processingStatus": status(self.account, feed, self.account.clock()),
        }
        if feed.report:
            body["resultFeedDocumentId"] = feed.report
        return answer(body)

    async def cancel(self, request: web.Request) -> web.Response:
        """`cancelFeed`: only what stands in the queue can be cancelled."""
        feed = feeds(self.account).feeds.get(request.match_info["id"])
        if feed is None:
            raise not_found()
        if status(self.account, feed, self.account.clock()) != "IN_QUEUE":
            raise invalid("The feed cannot be cancelled.")
        feed.status = "CANCELLED"
        return answer({})

    async def report(self, request: web.Request) -> web.Response:
        """`getFeedDocument`: its address is new each time."""
        document = feeds(self.account).documents.get(request.match_info["id"])
        if document is None:
            raise not_found()
        fresh = make(self.account, document.content_type, document.body)
        fresh.packed = document.packed
        body = {"feedDocumentId": document.name, "url": self.address(request, fresh)}
        return answer({**body, "compressionAlgorithm": "GZIP"} if document.packed else body)

    async def put(self, request: web.Request) -> web.Response:
        """Take a file at its address, once in its five minutes and as what it was announced."""
        document = self.signed(request)
        if document is None or request.headers.get("Content-Type") != document.content_type:
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        document.body = await request.read()
        return web.Response()

    async def get(self, request: web.Request) -> web.Response:
        """Give a file at its address."""
        document = self.signed(request)
        if document is None or document.body is None:
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        return web.Response(body=document.body, content_type="binary/octet-stream")

    def signed(self, request: web.Request) -> Document | None:
        """Find the document of an address that is good."""
        self.account.counts["tokens_shown"] += TOKEN in request.headers
        document = feeds(self.account).documents.get(request.match_info["id"])
        good = document is not None and request.query.get("X-Amz-Signature") == document.signature
        return document if good and document is not None and self.account.clock() < document.until else None


def later(account: Account, ms: int) -> None:
    """Let happen what is due so much later, also when nobody asks for anything until then."""
    loop = asyncio.get_running_loop()
    loop.call_later((ms + TIMER_MS) / 1_000, lambda: settle(account, account.clock()))
