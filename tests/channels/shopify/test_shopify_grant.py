"""Shopify's access tokens: bought by an app of the Dev Dashboard, or configured as an older app has it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp.test_utils import TestServer

from compose.fakes.account import Secrets as FakeSecrets
from compose.fakes.server import ACCOUNT, application
from ingest.channels import calls, shopify_listings, shopify_poll
from ingest.channels import shopify_grant as bought
from ingest.poll.kind import Answer, Denied, Later, Token
from publishers.channels import grant_of, shopify, shopify_grant
from publishers.credentials import Access, WithheldError, asked
from publishers.delivery import Delivery
from publishers.push import Request
from schemas.config import Secrets
from schemas.settings import Channel, Kind
from tests.channels.standin import Clock

LASTING = {"LASTUNIT_SHOP_ACCESS_TOKEN": "shpat_lasting"}
APP = {"LASTUNIT_SHOP_CLIENT_ID": "app", "LASTUNIT_SHOP_CLIENT_SECRET": "s3cret&more"}
FORM = {"grant_type": ["client_credentials"], "client_id": ["app"], "client_secret": ["s3cret&more"]}
CLIENT = "app:s3cret&more"
DAY_MS = 86_400_000
QUESTION = Request(
    path="/admin/api/2026-10/graphql.json",
    body=json.dumps({"query": "{ productVariants(first: 1) { nodes { id } } }"}).encode(),
    headers={"Content-Type": "application/json"},
)


def channel(url: str = "https://example.myshopify.com") -> Channel:
    return Channel(name="shop", kind=Kind.SHOPIFY, since=0, base_url=url)


@pytest.mark.parametrize(
    ("environ", "app"),
    [({}, False), (LASTING, False), (APP, True), ({**LASTING, **APP}, True)],
    ids=["nothing", "lasting", "an app's", "both"],
)
def test_an_app_buys_tokens_and_a_lasting_one_is_configured(environ: Mapping[str, str], app: bool) -> None:  # noqa: FBT001 - pytest passes it by name
    """Whoever is given a client has an app; the publisher, the poller and `discover` see it alike."""
    secrets = Secrets(environ)
    grant = grant_of(channel(), secrets)
    assert (grant is shopify_grant) == app
    assert asked(shopify, grant) == ({"CLIENT_ID", "CLIENT_SECRET"} if app else {"ACCESS_TOKEN"})
    for asks in (shopify_poll, shopify_listings):
        names, other = calls.proof_of(channel(), asks, secrets)
        assert (list(names), other) == (([], bought) if app else (["ACCESS_TOKEN"], None))


def test_a_token_is_bought_with_a_form_and_no_secret_is_shown() -> None:
    """At the shop itself, or wherever the configuration says; both services ask alike."""
    told = shopify_grant.request(channel(), {"CLIENT_ID": "app", "CLIENT_SECRET": "s3cret&more"})
    asks = bought.request(channel(), ("app", "s3cret&more"))
    assert parse_qs(told.body.decode()) == parse_qs(asks.body.decode()) == FORM
    assert told.url == asks.url == "https://example.myshopify.com/admin/oauth/access_token"
    assert "s3cret" not in repr(asks)
    other = Channel(name="shop", kind=Kind.SHOPIFY, since=0, auth_url="http://127.0.0.1:9/token")
    assert bought.request(other, ("a", "b")).url == "http://127.0.0.1:9/token"


def said(value: Any, status: int = 200) -> Answer:
    return Answer(status=status, headers={}, body=json.dumps(value).encode())


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (said({"access_token": "shpat_1", "scope": "read_orders", "expires_in": 86_399}), Token),
        (said({"error": "invalid_client"}, 400), Denied),
        (said({}, 401), Denied),
        (said({}, 429), Later),
        (said({}, 503), Later),
        (said({"access_token": "", "expires_in": 86_399}), Later),
        (said({"access_token": "shpat_1"}), Later),
        (said({"access_token": "shpat_1", "expires_in": 0}), Later),
        (said({"access_token": "shpat_1", "expires_in": 86_401}), Later),
        (Answer(status=200, headers={}, body=b"<html>"), Later),
        (Answer(status=0, headers={}, body=b""), Later),
    ],
)
def test_what_an_answer_means_to_the_poller(answer: Answer, verdict: type) -> None:
    """Only what a person must change is `Denied`; a page of a proxy is no token."""
    found = bought.read(answer)
    assert isinstance(found, verdict)
    if isinstance(found, Token):
        assert (found.value, found.lasts_ms, found.successor) == ("shpat_1", 86_399_000, "")


@dataclass
class Shop:
    """A stand-in shop, and what proves us to it."""

    access: Access
    counts: Mapping[str, int]
    clock: Clock


@asynccontextmanager
async def shop(environ: Mapping[str, str], token: str = CLIENT) -> AsyncIterator[Shop]:
    """Open a shop for which `token` is in force."""
    clock = Clock()
    app = application(kind="shopify", name="shop", secrets=FakeSecrets(webhook="w", token=token), clock=clock)
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        async with Delivery(url) as delivery:
            secrets = Secrets(environ)
            access = Access(channel(url), shopify, grant_of(channel(url), secrets), secrets, delivery)
            yield Shop(access, app[ACCOUNT].counts, clock)


async def test_an_app_is_let_in_for_a_day_and_again_after_it() -> None:
    """A token that has ended at the shop is replaced within the call; no other call buys one."""
    async with shop(APP) as one:
        for _ in range(3):
            assert (await one.access.send(QUESTION, 5_000)).status == 200
        assert one.counts["tokens"] == 1
        one.clock.now += DAY_MS
        assert (await one.access.send(QUESTION, 5_000)).status == 200
        assert one.counts["tokens"] == 2


async def test_a_lasting_token_is_sent_as_it_is() -> None:
    """Nothing is bought; after a day it is still good."""
    async with shop(LASTING, "shpat_lasting") as one:
        one.clock.now += DAY_MS
        assert (await one.access.send(QUESTION, 5_000)).status == 200
        assert one.counts["tokens"] == 0


async def test_an_app_with_a_wrong_secret_is_withheld_and_its_secret_is_told_to_nobody() -> None:
    """The reason is OAuth's word."""
    async with shop({**APP, "LASTUNIT_SHOP_CLIENT_SECRET": "wr0ng"}) as one:
        with pytest.raises(WithheldError) as refused:
            await one.access.send(QUESTION, 5_000)
        assert str(refused.value) == "no access token is granted: invalid_client"
        assert one.access.names == ["LASTUNIT_SHOP_CLIENT_ID", "LASTUNIT_SHOP_CLIENT_SECRET"]
