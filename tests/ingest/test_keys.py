"""Public keys by their names: how often a channel is asked, whatever strangers send, and what is believed meanwhile."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping

import pytest

from ingest import keys
from ingest.channels import ebay_keys
from ingest.keys import Keyring
from ingest.poll.kind import Answer, Request
from ingest.producer import Unavailable
from ingest.webhook import BadSignature
from schemas.config import Secrets
from schemas.settings import Channel, Kind

SELLER = Channel(name="shop", kind=Kind.EBAY, since=0, base_url="https://api.example")
OTHER = Channel(name="other", kind=Kind.EBAY, since=0, base_url="https://api.example")
SANDBOX = Channel(name="sandbox", kind=Kind.EBAY, since=0, base_url="https://sandbox.example")
ENVIRON = {f"LASTUNIT_{name}_CLIENT_{what}": "x" for name in ("SHOP", "OTHER", "SANDBOX") for what in ("ID", "SECRET")}
SHOWN = "-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----"


class EBay:
    """The key server and its token endpoint: keeps count, and answers as told."""

    def __init__(self, environ: Mapping[str, str] = ENVIRON, patience_ms: int = 500) -> None:
        self.now, self.known, self.status = 1_000_000, {"real"}, 200
        self.calls: Counter[str] = Counter()
        self.open = asyncio.Event()
        self.open.set()
        self.refuses: set[str] = set()
        self.ring = Keyring(Secrets(environ), patience_ms=patience_ms, call=self.call, now_ms=lambda: self.now)

    async def call(self, request: Request) -> Answer:
        """Answer a call."""
        what = "token" if request.url.endswith("/token") else "key"
        self.calls[what] += 1
        await self.open.wait()
        if self.status != 200:
            return Answer(status=self.status, headers={}, body=b"")
        if what == "token":
            told = {"access_token": f"token-{self.calls['token']}", "expires_in": 7_200}
            return Answer(status=200, headers={}, body=json.dumps(told).encode())
        if request.headers["authorization"].removeprefix("Bearer ") in self.refuses:
            return Answer(status=401, headers={}, body=b"")
        name = request.url.rpartition("/")[2]
        body = json.dumps({"key": SHOWN, "algorithm": "ECDSA", "digest": "SHA1"}).encode()
        return Answer(status=200 if name in self.known else 404, headers={}, body=body)

    async def find(self, name: str, channel: Channel = SELLER) -> str:
        """Return a key, or how it was refused."""
        try:
            return await self.ring.find(channel, ebay_keys, name)
        except BadSignature:
            return "no such key"
        except Unavailable:
            return "later"


async def test_a_key_is_asked_for_once_an_hour() -> None:
    """A token, a key; then neither, until the hour is over."""
    ebay = EBay()
    assert [await ebay.find("real") for _ in range(50)] == [SHOWN] * 50
    assert ebay.calls == {"token": 1, "key": 1}
    ebay.now += keys.FRESH_MS - 1
    assert await ebay.find("real") == SHOWN
    assert ebay.calls["key"] == 1
    ebay.now += 1
    assert await ebay.find("real") == SHOWN
    assert ebay.calls["key"] == 2


async def test_webhooks_that_come_together_share_one_fetch() -> None:
    """A hundred at once that name one key cost one call, and all are answered."""
    ebay = EBay()
    ebay.open.clear()
    asked = [asyncio.create_task(ebay.find("real")) for _ in range(100)]
    await asyncio.sleep(0)
    ebay.open.set()
    assert await asyncio.gather(*asked) == [SHOWN] * 100
    assert ebay.calls == {"token": 1, "key": 1}


async def test_accounts_of_one_address_share_keys_and_another_address_has_its_own() -> None:
    """They are not an account's but eBay's; its sandbox's are not."""
    ebay = EBay()
    assert [await ebay.find("real", one) for one in (SELLER, OTHER, SANDBOX)] == [SHOWN] * 3
    assert ebay.calls["key"] == 2


async def test_a_thousand_forged_names_cost_a_handful_of_calls() -> None:
    """Beyond the burst nobody is asked: 503, "later"; a key that is known is served all the while."""
    ebay = EBay()
    assert await ebay.find("real") == SHOWN
    answers = Counter([await ebay.find(f"forged-{number}") for number in range(1_000)])
    burst = keys.NEW_NAMES.burst
    assert answers == {"no such key": burst - 1, "later": 1_000 - burst + 1}
    assert ebay.calls == {"token": 1, "key": burst}
    assert await ebay.find("real") == SHOWN


async def test_a_name_that_does_not_exist_is_not_asked_for_again_for_a_while() -> None:
    """401 from memory; after five minutes eBay is asked again, in case the key is new."""
    ebay = EBay()
    assert [await ebay.find("gone") for _ in range(20)] == ["no such key"] * 20
    assert ebay.calls["key"] == 1
    ebay.known.add("gone")
    ebay.now += keys.ABSENT_MS
    assert await ebay.find("gone") == SHOWN


async def test_a_new_key_gets_through_once_the_forgeries_leave_room() -> None:
    """A key is rotated during an attack: "later" first, and eBay's retry half a minute on finds the key."""
    ebay = EBay()
    for number in range(keys.NEW_NAMES.burst):
        assert await ebay.find(f"forged-{number}") == "no such key"
    assert await ebay.find("real") == "later"
    ebay.now += keys.NEW_NAMES.per_ms
    assert await ebay.find("real") == SHOWN


@pytest.mark.parametrize("status", [0, 401, 403, 429, 500])
async def test_without_the_key_server_a_new_key_waits_and_a_known_one_is_believed(status: int) -> None:
    """503 for what was never seen; what was is good for a day, and is asked for once a minute meanwhile."""
    ebay = EBay()
    assert await ebay.find("real") == SHOWN
    ebay.status = status
    ebay.now += keys.FRESH_MS
    before = ebay.calls.total()
    assert [await ebay.find("real") for _ in range(10)] == [SHOWN] * 10
    assert ebay.calls.total() - before <= 2
    assert await ebay.find("another") == "later"
    ebay.now += keys.STALE_MS
    assert await ebay.find("real") == "later"


async def test_a_key_that_ebay_withdraws_is_believed_no_more() -> None:
    """The first look after its hour says that there is none: refused from then on."""
    ebay = EBay()
    assert await ebay.find("real") == SHOWN
    ebay.known.clear()
    ebay.now += keys.FRESH_MS
    assert await ebay.find("real") == "no such key"
    ebay.now += keys.ABSENT_MS
    ebay.status = 500
    assert await ebay.find("real") == "later"


async def test_a_slow_key_server_does_not_use_up_the_time_for_an_answer() -> None:
    """The webhook is told "later" in its time; the call goes on, and its result is there for the next one."""
    ebay = EBay(patience_ms=10)
    ebay.open.clear()
    assert await ebay.find("real") == "later"
    assert await ebay.find("real") == "later"
    ebay.open.set()
    async with asyncio.timeout(5):
        while await ebay.find("real") != SHOWN:  # noqa: ASYNC110 - what is waited for is an answer, not an event
            await asyncio.sleep(0)
    assert ebay.calls == {"token": 1, "key": 1}


async def test_a_refused_token_is_fetched_once_more() -> None:
    """A token that has ended early costs one more of both; two in a row are refused credentials."""
    ebay = EBay()
    ebay.refuses.add("token-1")
    assert await ebay.find("real") == SHOWN
    assert ebay.calls == {"token": 2, "key": 2}
    ebay.refuses |= {f"token-{number}" for number in range(2, 10)}
    assert await ebay.find("another") == "later"


async def test_missing_credentials_are_said_and_ask_nobody() -> None:
    """503 while a secret's file is being replaced; the next webhook finds it."""
    ebay = EBay(environ={})
    assert await ebay.find("real") == "later"
    assert ebay.calls.total() == 0


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key unused for longest is forgotten first, and costs a call when it comes again."""
    monkeypatch.setattr(keys, "KEYS_MAX", 3)
    ebay = EBay()
    ebay.known |= {"a", "b", "c"}
    for name in ("a", "b", "c", "a", "real", "a"):
        assert await ebay.find(name) == SHOWN
    assert ebay.calls["key"] == 4
    await ebay.find("c")
    assert ebay.calls["key"] == 4
    ebay.now += keys.NEW_NAMES.per_ms
    await ebay.find("b")
    assert ebay.calls["key"] == 5


async def test_closing_gives_up_what_is_under_way() -> None:
    """A service that drains waits for no key server."""
    ebay = EBay()
    ebay.open.clear()
    waiting = asyncio.create_task(ebay.find("real"))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await ebay.ring.close()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
