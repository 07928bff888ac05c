"""The stand-in shops, driven and read through their control endpoints."""

import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from compose.flashsale.demand import Wish
from compose.flashsale.evidence import Shop, Sold, Write
from compose.runner.processes import Supervisor

KINDS = ("shopify", "woocommerce")
API_VERSION = "2026-04"
LOCATION = "gid://shopify/Location/24826418"
SEARCH_LAG_MS = 20_000
"""A stand-in's search lags by nothing; a real shop's does, and its default is minutes."""
WEBHOOK_TIME_SCALE = 0.1
"""Shopify's first retry comes after 14 s; a rehearsal of a minute has it after 1.4 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One stand-in account: its name, kind, address and secrets."""

    name: str
    kind: str
    url: str
    webhook_secret: str
    token: str

    def settings(self, since: int, poll_every_ms: int) -> dict[str, object]:
        """Return the account's entry in the deployment's file."""
        entry: dict[str, object] = {
            "name": self.name,
            "kind": self.kind,
            "since": since,
            "base_url": self.url,
            "mode": "push",
            "poll_every_ms": poll_every_ms,
            "search_lag_ms": SEARCH_LAG_MS,
        }
        return {**entry, "api_version": API_VERSION, "location": LOCATION} if self.kind == "shopify" else entry

    def environment(self) -> dict[str, str]:
        """Return the account's secrets as the services want them."""
        prefix = f"LASTUNIT_{self.name.upper().replace('-', '_')}"
        key, _, secret = self.token.partition(":")
        api = (
            {"ACCESS_TOKEN": self.token} if self.kind == "shopify" else {"CONSUMER_KEY": key, "CONSUMER_SECRET": secret}
        )
        return {f"{prefix}_{name}": value for name, value in {"WEBHOOK_SECRETS": self.webhook_secret, **api}.items()}


def open_account(supervisor: Supervisor, name: str, kind: str, seed: int) -> Account:
    """Start a stand-in account as a process of its own."""
    webhook_secret = secrets.token_hex(16)
    token = secrets.token_hex(16) if kind == "shopify" else f"ck_{secrets.token_hex(16)}:cs_{secrets.token_hex(16)}"
    child = supervisor.start(
        f"shop-{name}",
        [sys.executable, "-m", "compose.fakes", "--kind", kind, "--name", name, "--seed", str(seed)],
        env={"FAKE_WEBHOOK_SECRET": webhook_secret, "FAKE_TOKEN": token},
    )
    return Account(name=name, kind=kind, url=f"http://{child.address}", webhook_secret=webhook_secret, token=token)


class Control:
    """The control endpoint of one account."""

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Talk to this account."""
        self.account = account
        self._session = session

    async def stock(self, levels: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
        """Fill the shelves; returns the listings with the ids that the channel gave them."""
        answer = await self._post("catalogue", products=[{"sku": sku, "quantity": qty} for sku, qty in levels])
        listings: list[dict[str, Any]] = answer["listings"]
        return listings

    async def webhooks_to(self, url: str) -> None:
        """Point the account's webhooks at ingest; raises `RuntimeError` when the channel does not take it."""
        answer = await self._post("webhook", url=url, time_scale=WEBHOOK_TIME_SCALE)
        if not answer["active"]:
            raise RuntimeError(f"{self.account.name} did not activate its webhooks at {url}")

    async def sell(self, wish: Wish, *, respect_levels: bool) -> str:
        """Let a shopper try to buy; returns `sold`, `sold_out` or `down`."""
        answer = await self._post(
            "sell",
            sku=wish.sku,
            qty=wish.qty,
            order_id=wish.order_id,
            line_id=wish.line_id,
            respect_levels=respect_levels,
            duplicate=wish.twice,
        )
        result: str = answer["result"]
        return result

    async def faults(self, **faults: object) -> None:
        """Change the account's weather."""
        await self._post("faults", **faults)

    async def levels(self) -> dict[str, int]:
        """Return what shoppers see."""
        levels: dict[str, int] = (await self._get("state", since=1_000_000_000))["levels"]
        return levels

    async def report(self) -> tuple[Shop, int]:
        """Return the account as evidence, and how many webhooks are still on their way."""
        state, pushes, tries = await self._get("state"), await self._get("pushes"), await self._get("deliveries")
        shop = Shop(
            channel=self.account.name,
            shown=state["levels"],
            sold=[_sold(self.account.name, line) for line in state["lines"]],
            writes=[Write(sku=row["sku"], qty=row["quantity"], at=row["at"]) for row in pushes["pushes"]],
            sold_out=len(state["sold_out"]),
            webhook_ms=[round(row["took_ms"]) for row in tries["deliveries"] if row["status"] == 200],
        )
        return shop, state["webhooks"]["pending"]

    async def _post(self, word: str, **wish: object) -> dict[str, Any]:
        async with self._session.post(f"{self.account.url}/_control/{word}", json=wish) as response:
            return await _answer(response, word)

    async def _get(self, word: str, since: int = 0) -> dict[str, Any]:
        async with self._session.get(f"{self.account.url}/_control/{word}", params={"since": since}) as response:
            return await _answer(response, word)


async def _answer(response: aiohttp.ClientResponse, word: str) -> dict[str, Any]:
    body: dict[str, Any] = await response.json()
    if response.status != 200:
        raise RuntimeError(f"{word}: the stand-in answered {response.status}: {body}")
    return body


def _sold(channel: str, line: dict[str, Any]) -> Sold:
    return Sold(
        channel=channel,
        order=line["order_id"],
        line=line["line_id"],
        sku=line["sku"],
        qty=line["qty"],
        at=line["created_at"],
    )


def listing_row(account: Account, listing: dict[str, Any]) -> Sequence[object]:
    """Return a row of the listings file: channel, listing_id, sku, variant, inventory_item, product, variation."""
    ids = listing["ids"]
    if account.kind == "shopify":
        return (account.name, ids["variant_id"], listing["sku"], ids["variant_id"], ids["inventory_item_id"], "", "")
    variation = ids["variation_id"] or ""
    return (account.name, variation or ids["product_id"], listing["sku"], "", "", ids["product_id"], variation)
