"""Access tokens: one fetch for all, renewed early, fetched anew once when refused, and never readable."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from publishers import grant
from publishers.channels import GRANTS, ebay
from publishers.credentials import Access, NoTokenError, WithheldError
from publishers.delivery import Delivery
from publishers.grant import Denied, Later, Token
from publishers.push import Request, Response
from publishers.tokens import REST_FIRST_MS, REST_LAST_MS, Tokens
from schemas.config import Secrets
from schemas.settings import Channel, Kind

SHOP = Channel(name="ebay-uk", kind=Kind.EBAY, since=0, base_url="https://api.example")
SECRETS = {"CLIENT_ID": "client-1", "CLIENT_SECRET": "hush-2", "REFRESH_TOKEN": "refresh-3"}
ENVIRON = {f"LASTUNIT_EBAY_UK_{name}": value for name, value in SECRETS.items()}
HOUR_S = 3_600


def granting(value: str, life_s: object = 2 * HOUR_S, **more: object) -> Response:
    """Make the answer that grants a token."""
    return Response(status=200, body=orjson.dumps({"access_token": value, "expires_in": life_s, **more}))


def refusing(word: str, status: int = 400) -> Response:
    """Make an answer with an error in OAuth's form."""
    return Response(status=status, body=orjson.dumps({"error": word, "error_description": "hush-2"}))


@dataclass
class Desk:
    """A token endpoint whose answers are given, and a clock that is set."""

    answers: list[Response]
    now: int = 1_000_000
    asked: list[str] = field(default_factory=list)
    before: Callable[[], Awaitable[None]] | None = None

    def tokens(self) -> Tokens:
        """Make what asks here."""
        return Tokens(SHOP, GRANTS["ebay"], self.call, lambda: self.now)

    async def call(self, request: Request) -> Response:
        """Answer with the next one; the last one stays."""
        assert request.url == "https://api.example/identity/v1/oauth2/token"
        self.asked.append(request.body.decode().rpartition("refresh_token=")[2])
        if self.before is not None:
            await self.before()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def value(tokens: Tokens, secrets: Mapping[str, str] = SECRETS) -> str:
    """Return the token in force."""
    found = await tokens.get(secrets)
    assert isinstance(found, Token), found
    return found.value


async def test_many_that_ask_at_once_share_one_fetch() -> None:
    """Fifty tasks while the answer is on its way: one call, one token for all."""
    desk = Desk([granting("t1"), granting("t2")], before=lambda: asyncio.sleep(0.02))
    tokens = desk.tokens()
    assert await asyncio.gather(*(value(tokens) for _ in range(50))) == ["t1"] * 50
    assert len(desk.asked) == 1


async def test_many_that_ask_at_once_share_one_failure() -> None:
    """What cannot be had is not asked for by each."""
    desk = Desk([Response(status=503)], before=lambda: asyncio.sleep(0.02))
    tokens = desk.tokens()
    found = await asyncio.gather(*(tokens.get(SECRETS) for _ in range(50)))
    assert {type(one) for one in found} == {Later}
    assert len(desk.asked) == 1


async def test_a_token_is_renewed_before_its_end_and_used_meanwhile() -> None:
    """Five minutes early; who asks during the renewal has the old one, which is still good."""
    desk = Desk([granting("t1"), granting("t2")])
    tokens = desk.tokens()
    assert await value(tokens) == "t1"
    desk.now += (2 * HOUR_S - 301) * 1_000
    assert await value(tokens) == "t1"
    desk.now += 2_000
    begun, go = asyncio.Event(), asyncio.Event()

    async def held() -> None:
        begun.set()
        await go.wait()

    desk.before = held
    renewing = asyncio.create_task(value(tokens))
    await asyncio.wait_for(begun.wait(), 10)
    assert await asyncio.wait_for(value(tokens), 10) == "t1"
    go.set()
    assert (await renewing, await value(tokens), len(desk.asked)) == ("t2", "t2", 2)


async def test_a_short_token_is_renewed_in_the_last_fifth_of_its_life() -> None:
    """Five minutes would be all of it."""
    desk = Desk([granting("t1", 100), granting("t2", 100)])
    tokens = desk.tokens()
    for passed, wanted in ((0, "t1"), (79_000, "t1"), (2_000, "t2")):
        desk.now += passed
        assert await value(tokens) == wanted


async def test_a_good_token_outlives_failing_renewals() -> None:
    """It is used to its end, and the endpoint is asked less and less often; then there is none."""
    desk = Desk([granting("t1"), Response(status=500), refusing("invalid_grant")])
    tokens = desk.tokens()
    assert await value(tokens) == "t1"
    desk.now += (2 * HOUR_S - 200) * 1_000
    assert await value(tokens) == "t1"
    desk.now += 2_000
    assert await value(tokens) == "t1"
    desk.now += 199_000
    assert isinstance(await tokens.get(SECRETS), Denied)


async def test_failures_are_spaced_out_and_a_named_wait_is_obeyed() -> None:
    """The rest doubles from one second to a minute; `Retry-After` may ask for more."""
    desk = Desk([Response(status=503)])
    tokens, waits = desk.tokens(), []
    for _ in range(9):
        before = len(desk.asked)
        began = desk.now
        while len(desk.asked) == before:
            assert isinstance(await tokens.get(SECRETS), Later)
            desk.now += 500
        waits.append(desk.now - began)
    assert waits[1] <= 2 * REST_FIRST_MS
    assert sorted(waits) == waits
    assert REST_LAST_MS <= waits[-1] <= REST_LAST_MS + 1_000
    desk.answers = [Response(status=429, headers={"retry-after": "600"})]
    desk.now += REST_LAST_MS
    await tokens.get(SECRETS)
    asked = len(desk.asked)
    desk.now += 599_000
    await tokens.get(SECRETS)
    assert len(desk.asked) == asked
    desk.now += 2_000
    await tokens.get(SECRETS)
    assert len(desk.asked) == asked + 1


async def test_other_secrets_are_tried_at_once() -> None:
    """No rest after a failure holds them back, and a token of the old ones is replaced."""
    desk = Desk([refusing("invalid_client", 401), granting("t1"), granting("t2")])
    tokens = desk.tokens()
    assert isinstance(await tokens.get(SECRETS), Denied)
    assert await value(tokens, {**SECRETS, "CLIENT_SECRET": "new"}) == "t1"
    assert await value(tokens, {**SECRETS, "CLIENT_SECRET": "newer"}) == "t2"


async def test_a_successor_takes_the_refresh_tokens_place_until_another_is_configured() -> None:
    """A new client secret keeps it; a spent one is followed by the configured one, within the same fetch."""
    desk = Desk([granting("t1", refresh_token="next-1"), granting("t2", refresh_token="next-2")])
    tokens = desk.tokens()
    await tokens.get(SECRETS)
    tokens.refused("t1")
    await tokens.get(SECRETS)
    desk.answers = [refusing("invalid_grant"), granting("t3"), granting("t4"), granting("t5")]
    assert await value(tokens, {**SECRETS, "CLIENT_SECRET": "new"}) == "t3"
    assert desk.asked == ["refresh-3", "next-1", "next-2", "refresh-3"]
    desk.answers = [granting("t4", refresh_token="next-4"), granting("t5")]
    tokens.refused("t3")
    await tokens.get({**SECRETS, "CLIENT_SECRET": "new"})
    await tokens.get({**SECRETS, "REFRESH_TOKEN": "configured"})
    assert desk.asked[4:] == ["refresh-3", "configured"]


async def test_a_refused_token_is_dropped_only_while_it_is_the_one_in_force() -> None:
    """Several calls are refused with the same token: one new one is fetched."""
    desk = Desk([granting("t1"), granting("t2"), granting("t3")])
    tokens = desk.tokens()
    await value(tokens)
    tokens.refused("t1")
    assert await value(tokens) == "t2"
    tokens.refused("t1")
    assert (await value(tokens), len(desk.asked)) == ("t2", 2)


HOSTILE = [b"", b"null", b"[]", b'"x"', b"{", b'{"access_token":1,"expires_in":9}', b"\xff\xfe"]


@pytest.mark.parametrize("body", HOSTILE)
def test_an_answer_of_another_shape_grants_nothing(body: bytes) -> None:
    """Of any status; no word of it is repeated."""
    for status in (200, 204, 301, 400, 401, 403, 404, 429, 500):
        found = grant.granted(Response(status=status, body=body))
        assert isinstance(found, Denied if status == 401 else Later), (status, found)


@pytest.mark.parametrize(
    ("word", "life_s"), [("", 60), ("a\r\nX-Evil: 1", 60), ("ü", 60), ("t", 0), ("t", -1), ("t", 86_401), ("t", True)]
)
def test_a_token_that_cannot_be_used_is_none(word: str, life_s: object) -> None:
    """It would be a header of the sender's choice, or never be renewed."""
    assert isinstance(grant.granted(granting(word, life_s)), Later)


ANSWERS = st.dictionaries(
    st.sampled_from(["access_token", "expires_in", "refresh_token", "error"]), st.text() | st.integers(-9, 9)
)


@given(ANSWERS, st.sampled_from([200, 400, 401, 403, 500]))
def test_nothing_that_is_answered_stands_in_a_reason(told: dict[str, Any], status: int) -> None:
    """But for OAuth's own words: an error may hold a secret."""
    found = grant.granted(Response(status=status, body=json.dumps(told).encode()))
    if not isinstance(found, Token):
        said = found.why.rpartition(": ")[2]
        assert said in {*grant.REFUSALS, f"HTTP {status}"} or said.startswith("the answer ")


@dataclass
class Market:
    """A channel over real HTTP: it grants tokens, and takes those that it has not revoked."""

    alive: set[str] = field(default_factory=set)
    granted: int = 0
    calls: list[str] = field(default_factory=list)
    status: int = 200
    dumb: bool = False

    async def token(self, request: web.Request) -> web.Response:
        """Grant the next token."""
        await request.post()
        await asyncio.sleep(0.01)
        if self.status != 200:
            return web.json_response({"error": "invalid_grant"}, status=self.status)
        self.granted += 1
        self.alive.add(f"secret-token-{self.granted}")
        return web.json_response({"access_token": f"secret-token-{self.granted}", "expires_in": 7_200})

    async def told(self, request: web.Request) -> web.Response:
        """Take a call, or refuse its token."""
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.calls.append(shown)
        return web.json_response({}, status=200 if shown in self.alive else 401)


@asynccontextmanager
async def market(environ: Mapping[str, str] = ENVIRON) -> AsyncIterator[tuple[Market, Access, str]]:
    """Open a channel, and what proves us to it."""
    one, app = Market(), web.Application()
    app.add_routes([web.post("/identity/v1/oauth2/token", one.token), web.route("*", "/{path:.*}", one.told)])
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        channel = Channel(name="ebay-uk", kind=Kind.EBAY, since=0, base_url=url)
        async with Delivery(url) as delivery:
            yield one, Access(channel, ebay, GRANTS["ebay"], Secrets(environ), delivery), url


CALL = Request(path="/sell", body=b"{}")


async def test_a_refused_token_is_replaced_and_the_call_made_once_more() -> None:
    """The caller sees the second answer; fifty calls with the same dead token fetch one new one."""
    async with market() as (shop, access, _):
        assert (await access.send(CALL, 5_000)).status == 200
        shop.alive.clear()
        found = await asyncio.gather(*(access.send(CALL, 5_000) for _ in range(50)))
        assert {one.status for one in found} == {200}
        assert shop.granted == 2


async def test_a_channel_that_refuses_every_token_is_asked_twice() -> None:
    """Then it counts as refused credentials."""
    async with market() as (shop, access, _):
        shop.alive = _Deaf()
        assert (await access.send(CALL, 5_000)).status == 401
        assert (len(shop.calls), shop.granted) == (2, 2)


class _Deaf(set[str]):
    """Nothing is ever in it."""

    def add(self, _: str) -> None:
        """Forget."""


async def test_without_a_token_just_now_the_call_is_unsent() -> None:
    """The endpoint's failure is the channel's: nothing was told, and the circuit may open."""
    async with market() as (shop, access, _):
        shop.status = 503
        found = await access.send(CALL, 5_000)
        assert (found.status, found.unsent, shop.calls) == (0, True, [])
        with pytest.raises(NoTokenError):
            await access.headers()


async def test_secrets_that_buy_no_token_withhold_the_call_until_others_are_configured() -> None:
    """A refusal is noted by itself; a rotated secret is seen."""
    environ = dict(ENVIRON)
    async with market(environ) as (shop, access, _):
        shop.status = 400
        with pytest.raises(WithheldError, match="invalid_grant"):
            await access.send(CALL, 5_000)
        assert not access.rotated()
        environ["LASTUNIT_EBAY_UK_REFRESH_TOKEN"] = "another"
        assert access.rotated()
        shop.status = 200
        assert (await access.send(CALL, 5_000)).status == 200


async def test_missing_secrets_withhold_the_call_until_they_are_there() -> None:
    """The message names what to set."""
    environ = {name: text for name, text in ENVIRON.items() if "REFRESH" not in name}
    async with market(environ) as (_, access, _url):
        with pytest.raises(WithheldError, match="EBAY_UK_REFRESH_TOKEN"):
            await access.headers()
        assert not access.rotated()
        environ.update(ENVIRON)
        assert access.rotated()


async def test_refused_credentials_are_tried_again_only_when_they_change() -> None:
    """`refused` notes those of now."""
    environ = dict(ENVIRON)
    async with market(environ) as (_, access, _url):
        await access.headers()
        access.refused()
        assert not access.rotated()
        environ["LASTUNIT_EBAY_UK_CLIENT_SECRET"] = "new"
        assert access.rotated()


async def test_a_late_refusal_of_old_secrets_does_not_blame_the_new_ones() -> None:
    """A call went out with the old ones; when its refusal comes, others have been configured and used."""
    environ = dict(ENVIRON)
    async with market(environ) as (_, access, _url):
        old = await access.send(CALL, 5_000)
        environ["LASTUNIT_EBAY_UK_CLIENT_SECRET"] = "new"
        new = await access.send(CALL, 5_000)
        access.refused(old.epoch)
        assert access.rotated()
        access.refused(new.epoch)
        assert not access.rotated()


async def test_a_named_address_gets_no_proof() -> None:
    """A file's address is another host's: its answer is no refusal of our token either."""
    async with market() as (shop, access, url):
        await access.send(CALL, 5_000)
        other = Request(path="", body=b"", method="PUT", url=f"{url}/file?signature=a%2Fb")
        assert (await access.send(other, 5_000)).status == 401
        assert (shop.calls[-1], shop.granted, len(shop.calls)) == ("", 1, 2)


async def test_nothing_secret_is_readable(caplog: pytest.LogCaptureFixture) -> None:
    """In logs, in the readable forms of what is passed around, in reasons and in errors."""
    caplog.set_level(logging.DEBUG)
    async with market() as (shop, access, _):
        await access.send(CALL, 5_000)
        shop.alive.clear()
        response = await access.send(CALL, 5_000)
        shop.status = 400
        shop.alive.clear()
        with pytest.raises(WithheldError) as refused:
            await access.send(CALL, 5_000)
    token = Token(value="secret-token-1", lasts_ms=1, successor="refresh-3")
    request = GRANTS["ebay"].request(SHOP, SECRETS)
    shown = [repr(one) for one in (access, token, request, response, refused.value, granting("secret-token-1"))]
    for secret in ("secret-token", *SECRETS.values(), "hush"):
        assert secret not in caplog.text
        assert secret not in " ".join(shown)


async def test_an_answer_that_is_no_http_shows_no_header_of_ours() -> None:
    """The client's own error would hold the whole request; `err` goes to `sync.log`."""

    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1_000)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nBroken\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(garbage, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Delivery(f"http://127.0.0.1:{port}") as delivery:
            found = await delivery.send(CALL, {"Authorization": "Bearer secret-token"}, 5_000)
    assert (found.status, found.unsent) == (0, False)
    assert found.err
    assert "secret-token" not in found.err


@pytest.mark.parametrize("url", ["http://[", "nonsense", "ftp://host/x", "http://"])
async def test_an_address_that_is_none_is_a_response(url: str) -> None:
    """A channel may name anything as its file's address."""
    async with Delivery("http://127.0.0.1:1") as delivery:
        found = await delivery.send(Request(path="", body=b"", url=url), {}, 1_000)
    assert found.status == 0
    assert found.err
