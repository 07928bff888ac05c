"""The stand-in shops: opened as processes, driven and read through their control endpoints."""

import hashlib
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import aiohttp

from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import Supervisor
from tests.chaos.evidence import Sold
from tests.chaos.facts import FACTS, Account, Facts
from tests.chaos.stories import ALIAS, BARES, BUNDLES, PLAINS

AMPLE = 10_000_000
"""What every shop shows: here no channel is told a level, and none refuses a sale."""
QUEUE_S = 20.0
SINCE_NOTHING = 1_000_000_000
KNOCK = b"{"


def open_account(supervisor: Supervisor, kind: str, seed: str, ingest: str) -> Account:
    """Start a stand-in account; `ingest` is where its webhooks will go, without the path."""
    facts, name = FACTS[kind], f"{kind}-1"
    webhook_secret, token = facts.secret(secrets.token_hex(20)), facts.token(secrets.token_hex(20))
    dice = int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:4])
    child = supervisor.start(
        f"shop-{name}",
        [sys.executable, "-m", "compose.fakes", "--kind", kind, "--name", name, "--seed", str(dice)],
        env={"FAKE_WEBHOOK_SECRET": webhook_secret, "FAKE_TOKEN": token},
    )
    return Account(
        name=name,
        kind=kind,
        url=f"http://{child.address}",
        inbox=open_queue(supervisor, name) if facts.queue else f"{ingest}/webhooks/{name}/order",
        webhook_secret=webhook_secret,
        token=token,
    )


def open_queue(supervisor: Supervisor, name: str) -> str:
    """Start an SQS server and make a queue; returns its address."""
    (port,) = free_ports(1)
    argv = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    child = supervisor.start(f"sqs-{name}", argv, ready=r"Running on http://(\S+)", ready_s=60.0)
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.CreateQueue",
        "Authorization": "AWS4-HMAC-SHA256 Credential=chaos/20260101/us-east-1/sqs/aws4_request, Signature=0",
    }
    body = json.dumps({"QueueName": name}).encode()
    request = Request(f"http://{child.address}/", data=body, headers=headers)
    with urlopen(request, timeout=QUEUE_S) as answer:  # noqa: S310 - likewise
        path = urlsplit(json.loads(answer.read())["QueueUrl"]).path
    return f"http://{child.address}{path}"


@dataclass(slots=True, kw_only=True)
class Placed:
    """An order as the driver knows it: its id, its lines' ids, and the shelves they came from."""

    order: str
    lines: list[str]
    shelves: list[str]


@dataclass(slots=True, kw_only=True)
class Shop:
    """One account, driven."""

    account: Account
    session: aiohttp.ClientSession
    shelves: dict[str, dict[str, Any]] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    old: list[Placed] = field(default_factory=list)

    @property
    def facts(self) -> Facts:
        """What its vendor has."""
        return FACTS[self.account.kind]

    async def stock(self) -> None:
        """Fill the shelves: SKUs under their own name, bundles, one under an old name, and some without a name."""
        names = [*PLAINS, *BUNDLES, ALIAS, *(BARES if self.facts.nameless else ())]
        products = [{"sku": "" if name in BARES else name, "quantity": AMPLE} for name in names]
        listings = (await self.post("catalogue", products=products))["listings"]
        self.shelves = dict(zip(names, listings, strict=True))

    async def place(self, basket: Sequence[tuple[str, int]], **more: Any) -> Placed:
        """Let a shopper buy from these shelves."""
        lines = [{"listing": self.shelves[name]["listing"], "qty": units} for name, units in basket]
        answer = await self.post("sell", lines=lines, respect_levels=False, **more)
        if answer["result"] != "sold":
            raise RuntimeError(f"{self.account.name} sold nothing: {answer}")
        ids = [line["line_id"] for line in answer["lines"]]
        known = more.get("order_id")
        made = Placed(order=answer["order_id"], lines=ids, shelves=[name for name, _ in basket])
        if not known:
            (self.old if "created_at" in more else self.placed).append(made)
        return made

    async def books(self) -> tuple[list[Sold], Counter[str], int]:
        """Return every line as the shop has it, what its sender counted, and how many webhooks are on their way."""
        state = await self.get("state")
        sold = [
            Sold(
                channel=self.account.name,
                order=row["order_id"],
                line=row["line_id"],
                listing=row["listing"],
                units=row["qty"],
                at=row["created_at"],
            )
            for row in state["lines"]
        ]
        counts = Counter({word: count for word, count in state["webhooks"].items() if word != "pending"})
        at_once = (row for row in state["lines"] if row["cancelled"] and _second(row, "created_at", "updated_at"))
        counts["same_second"] = len({row["order_id"] for row in at_once})
        return sold, counts, state["webhooks"]["pending"]

    async def knock(self, secret: str) -> int:
        """Send what is no JSON, signed with a secret as the vendor signs; returns the status: 401 if it is none."""
        if self.facts.sign is None:
            raise RuntimeError(f"{self.account.kind}: no secret of ours signs its webhooks")
        headers = self.facts.sign(secret, KNOCK, int(time.time()))
        async with self.session.post(self.account.inbox, data=KNOCK, headers=headers) as response:
            return response.status

    async def post(self, word: str, **wish: Any) -> dict[str, Any]:
        """Drive the stand-in."""
        async with self.session.post(f"{self.account.url}/_control/{word}", json=wish) as response:
            return await _answer(response, f"{self.account.name}: {word}")

    async def get(self, word: str) -> dict[str, Any]:
        """Read what the stand-in tells."""
        where = {"since": str(SINCE_NOTHING)}
        async with self.session.get(f"{self.account.url}/_control/{word}", params=where) as response:
            return await _answer(response, f"{self.account.name}: {word}")


def _second(row: Mapping[str, int], *names: str) -> bool:
    return len({row[name] // 1_000 for name in names}) == 1


async def _answer(response: aiohttp.ClientResponse, what: str) -> dict[str, Any]:
    body: dict[str, Any] = await response.json()
    if response.status != 200:
        raise RuntimeError(f"{what}: the stand-in answered {response.status}: {body}")
    return body


Meaning = Mapping[str, int]
FIRST: Mapping[str, Meaning] = {
    "SET-0": {PLAINS[0]: 2, PLAINS[1]: 1},
    "SET-1": {PLAINS[2]: 1, PLAINS[3]: 3},
    ALIAS: {PLAINS[4]: 1},
}
"""What the shelves that are mapped from the start mean."""
THEN: Mapping[str, Meaning] = {
    "SET-0": {PLAINS[0]: 1, PLAINS[5]: 1},
    ALIAS: {PLAINS[6]: 1},
    **{name: {name: 1} for name in BARES},
}
"""What some of them mean later; the ones without a SKU are mapped only then."""


def changes(facts: Facts) -> dict[str, Meaning]:
    """Return what is mapped anew in the middle: only orders that can be read again move to what is meant now."""
    moves = facts.polls and facts.prompt
    return {name: meaning for name, meaning in THEN.items() if moves and (facts.nameless or name not in BARES)}


def meaning(shop: Shop) -> dict[tuple[str, str], Meaning]:
    """Return what one unit of each of a shop's listings takes in the end."""
    mapped = {**FIRST, **changes(shop.facts)}
    return {(shop.account.name, one["listing"]): mapped.get(name, {name: 1}) for name, one in shop.shelves.items()}


def rows(shop: Shop, mapped: Mapping[str, Meaning]) -> list[dict[str, object]]:
    """Return the rows of a listings file that map these shelves."""
    made = []
    for name, parts in mapped.items():
        of_one = dict(parts)
        # A SKU by another name; where a channel knows no other names it is a bundle of one.
        single = next(iter(of_one)) if shop.facts.renames and [*of_one.values()] == [1] else ""
        made.append(
            {
                "channel": shop.account.name,
                **shop.facts.row(shop.shelves[name]),
                "sku": single or name,
                "components": "" if single else "|".join(f"{units}*{sku}" for sku, units in of_one.items()),
            }
        )
    return made
