"""The control endpoint of a stand-in: how a demo, a test or an oracle drives and reads it. JSON in, JSON out.

POST /_control/catalogue  {"products": [{sku, quantity, parent?, managed?, oversells?}]} -> {"listings": [{sku, listing,
                          ids, ...}]}
POST /_control/webhook    {url, topics?, time_scale?, auto_disable?} -> {"active": bool, "topics": [...]}
POST /_control/secret     {webhook}: webhooks are signed with this secret from now on
POST /_control/sell       {sku | listing, qty, line_id?} or {lines: [...]}, and order_id?, respect_levels? (true),
                          occurred_at? (ms), created_at? (ms: an order of the past) -> {"result": "sold" | "sold_out" |
                          "down", order_id, lines}
POST /_control/cancel     {order_id, restock?, reason?}
POST /_control/refund     {order_id, lines: [{line_id, qty}], restock_type}
POST /_control/edit       {order_id, line_id, qty, restock?}
POST /_control/swap       {order_id, line_id, listing}: the line becomes one of another product
POST /_control/remove     {order_id, line_id}: the line leaves the order
POST /_control/touch      {order_id}: the order changes, and nothing that it holds
                          each of these also takes duplicate? (true: told twice) and delay_s? (told so much later)
POST /_control/level      {sku | listing, qty}: the merchant counts, outside any order
POST /_control/listing    {sku | listing, managed?, oversells?}: the merchant changes how a product is sold
POST /_control/faults     see compose.fakes.faults.WORDS; {"clear": true} ends all
GET  /_control/state      everything; `?since=N` gives only the journal's movements after N
GET  /_control/pushes     `?since=N`: stock writes that were accepted after movement N
GET  /_control/deliveries `?since=N`: webhook attempts after number N
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
from aiohttp import web

from compose.fakes import alter, report
from compose.fakes.account import Account, Kind
from compose.fakes.books import Change, Order, RestockType, Unknown, Wanted
from compose.fakes.shop import MERCHANT
from compose.fakes.webhooks import Subscription

Wish = Mapping[str, Any]
Answer = dict[str, Any]


class Control:
    """The control endpoint of one account."""

    def __init__(self, account: Account, kind: Kind) -> None:
        """Drive this account with the events of its kind."""
        self.account = account
        self.kind = kind

    def routes(self) -> list[web.RouteDef]:
        """Serve the endpoint; a wrong request is a 400 with a sentence, an unknown thing a 404."""
        posts: dict[str, Callable[[Wish], Answer] | Callable[[Wish], Awaitable[Answer]]] = {
            "catalogue": self.catalogue,
            "webhook": self.webhook,
            "secret": self.secret,
            "sell": self.sell,
            "cancel": self.cancel,
            "refund": self.refund,
            "edit": self.edit,
            "swap": self.swap,
            "remove": self.remove,
            "touch": self.touch,
            "level": self.level,
            "listing": self.listing,
            "faults": self.faults,
        }
        gets = {"state": report.state, "pushes": report.pushes, "deliveries": report.deliveries}
        return [
            *(web.post(f"/_control/{name}", _posted(self._worded(name, handle))) for name, handle in posts.items()),
            *(web.get(f"/_control/{name}", _read(self.account, show)) for name, show in gets.items()),
            web.get("/healthz", _healthy),
        ]

    def _worded(self, name: str, handle: Callable[[Wish], Any]) -> Callable[[Wish], Any]:
        """Refuse first what the vendor has no word for, where the kind says so: nothing has happened then."""
        refuse: Callable[[Account, str, Wish], None] | None = getattr(self.kind, "refuse", None)

        def worded(wish: Wish) -> Any:
            if refuse is not None:
                refuse(self.account, name, wish)
            return handle(wish)

        return worded

    def catalogue(self, wish: Wish) -> Answer:
        """Load products and tell the ids that the channel gave them."""
        made = [self.kind.listing(self.account.shop, product) for product in wish["products"]]
        for listing in made:
            listing.moved_at = self.account.clock()
            self.account.shop.put(listing)
        return {"listings": [report.listing(one) for one in made]}

    async def webhook(self, wish: Wish) -> Answer:
        """Point the webhooks at a receiver; what the vendor does at creation (a ping) happens before the answer."""
        sender, topics = self.account.sender, wish.get("topics") or [*self.kind.TOPICS]
        sender.time_scale = float(wish.get("time_scale", sender.time_scale))
        sender.auto_disable = bool(wish.get("auto_disable", sender.auto_disable))
        waits_for_ping = self.kind.PINGS
        sender.subscriptions = {
            number: Subscription(number=number, topic=topic, url=wish["url"], active=not waits_for_ping)
            for number, topic in ((self.account.shop.number(), topic) for topic in topics)
        }
        return {"active": await self.kind.subscribed(self.account), "topics": topics}

    def secret(self, wish: Wish) -> Answer:
        """Take a new secret for the webhooks."""
        self.account.secrets = replace(self.account.secrets, webhook=str(wish["webhook"]))
        return {}

    def sell(self, wish: Wish) -> Answer:
        """Let a shopper buy, if the shop is up and, with `respect_levels`, has the units."""
        account, now = self.account, int(wish.get("created_at", self.account.clock()))
        if account.faults.out(now, "api") and not account.faults.sells:
            return {"result": "down"}
        order_id = str(wish.get("order_id") or self.kind.ID_BASE + account.shop.number())
        change = account.shop.sell(
            now, order_id, self._lines(wish), respect_levels=bool(wish.get("respect_levels", True))
        )
        if change is None:
            return {"result": "sold_out", "order_id": order_id}
        return {"result": "sold", **self._told(change, wish)}

    def _lines(self, wish: Wish) -> list[Wanted]:
        """Read the wanted lines; a line without an id gets one as the vendor would give it."""
        return [
            Wanted(
                listing=self.account.shop.listing(str(line.get("listing") or line["sku"])).key,
                quantity=_count(line["qty"]),
                line_id=str(line.get("line_id") or self.kind.ID_BASE + self.account.shop.number()),
                occurred_at=line.get("occurred_at", wish.get("occurred_at")),
            )
            for line in wish.get("lines") or [wish]
        ]

    def cancel(self, wish: Wish) -> Answer:
        """Cancel an order."""
        restock, reason = bool(wish.get("restock", True)), str(wish.get("reason", "customer"))
        now = self.account.clock()
        return self._told(self.account.shop.cancel(now, str(wish["order_id"]), restock=restock, reason=reason), wish)

    def refund(self, wish: Wish) -> Answer:
        """Refund units of lines."""
        units = [(str(line["line_id"]), _count(line["qty"])) for line in wish["lines"]]
        kind = RestockType(wish.get("restock_type", "return"))
        return self._told(self.account.shop.refund(self.account.clock(), str(wish["order_id"]), units, kind), wish)

    def edit(self, wish: Wish) -> Answer:
        """Set the units of a line."""
        order_id, line_id, quantity = str(wish["order_id"]), str(wish["line_id"]), int(wish["qty"])
        if quantity < 0:
            message = "qty must not be negative"
            raise ValueError(message)
        restock, now = bool(wish.get("restock", True)), self.account.clock()
        return self._told(self.account.shop.edit(now, order_id, line_id, quantity, restock=restock), wish)

    def swap(self, wish: Wish) -> Answer:
        """Give a line another product."""
        order_id, line_id, listing = str(wish["order_id"]), str(wish["line_id"]), str(wish["listing"])
        return self._told(alter.swap(self.account.shop, self.account.clock(), order_id, line_id, listing), wish)

    def remove(self, wish: Wish) -> Answer:
        """Delete a line from its order."""
        order_id, line_id = str(wish["order_id"]), str(wish["line_id"])
        return self._told(alter.remove(self.account.shop, self.account.clock(), order_id, line_id), wish)

    def touch(self, wish: Wish) -> Answer:
        """Change an order, as its archiving does."""
        return self._told(alter.touch(self.account.shop, self.account.clock(), str(wish["order_id"])), wish)

    def level(self, wish: Wish) -> Answer:
        """Set a level as the merchant does in the shop's own back office."""
        listing = self.account.shop.listing(str(wish.get("listing") or wish["sku"]))
        self.account.shop.write(self.account.clock(), listing, int(wish["qty"]), MERCHANT)
        return report.listing(listing)

    def listing(self, wish: Wish) -> Answer:
        """Change whether stock is kept for a product, and whether it sells on at 0 (the vendor's word, "" for no)."""
        listing = self.account.shop.listing(str(wish.get("listing") or wish["sku"]))
        listing.managed = bool(wish.get("managed", listing.managed))
        listing.oversells = str(wish.get("oversells", listing.oversells))
        return report.listing(listing)

    def faults(self, wish: Wish) -> Answer:
        """Change the weather."""
        self.account.faults.set(self.account.clock(), wish)
        return {"faults": report.faults(self.account)}

    def _told(self, change: Change, wish: Wish) -> Answer:
        """Send the webhooks of a change and answer with the order."""
        events = self.kind.events(self.account, change)
        duplicate, delay_s = bool(wish.get("duplicate", False)), float(wish.get("delay_s", 0.0))
        self.account.sender.emit(events, duplicate=duplicate, delay_s=delay_s)
        return _order(change.order)


def _order(order: Order) -> Answer:
    """Tell an order's id and lines."""
    return {"order_id": order.order_id, "lines": [report.line(order, line) for line in order.lines.values()]}


def _count(value: object) -> int:
    """Read a number of units. Raises ValueError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        message = f"qty must be a whole number above 0, not {value!r}"
        raise ValueError(message)
    return value


def _posted(handle: Callable[[Wish], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap a handler of a posted wish."""

    async def answered(request: web.Request) -> web.Response:
        try:
            result = handle(orjson.loads(await request.read()))
            return _json(await result if isinstance(result, Awaitable) else result)
        except Unknown as error:
            return _json({"error": str(error)}, status=404)
        except KeyError as error:
            return _json({"error": f"missing {error}"}, status=400)
        except (TypeError, ValueError, AttributeError) as error:
            return _json({"error": str(error)}, status=400)

    return answered


def _read(account: Account, show: Callable[[Account, int], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Wrap a reader."""

    async def answered(request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        return _json(show(account, int(since) if since.isdigit() else 0))

    return answered


async def _healthy(_request: web.Request) -> web.Response:
    """Say that the process serves."""
    return _json({"ok": True})


def _json(body: object, status: int = 200) -> web.Response:
    """Write a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")
