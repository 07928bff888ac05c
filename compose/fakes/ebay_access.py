"""Who may call a stand-in eBay: application and user tokens of two hours, and errors in eBay's shape.

Facts: developer.ebay.com, "client credentials grant", "refresh token request", "handling errors".
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from aiohttp import web

from compose.fakes.account import Account

LIFE_S = 7_200
REFRESH = "v^1.1#refresh"
"""The refresh token of an account whose secrets name none."""
Handler = Callable[[web.Request], Awaitable[web.Response]]


class EbayError(Exception):
    """An answer in eBay's error shape; the handler sends it."""

    def __init__(self, number: int, message: str, status: int, domain: str = "API_FULFILLMENT") -> None:
        """Name the error by its number."""
        super().__init__(message)
        self.status = status
        self.body = {"errors": [{"errorId": number, "domain": domain, "category": "REQUEST", "message": message}]}


def answer(body: object, status: int = 200) -> web.Response:
    """Write a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


class Access:
    """The OAuth endpoint of one account, and the guard of the others."""

    def __init__(self, account: Account) -> None:
        """Serve the account whose secrets are `client:secret[:refresh token]`."""
        self.account = account
        self.granted: dict[str, tuple[str, int]] = {}

    async def token(self, request: web.Request) -> web.Response:
        """`POST /identity/v1/oauth2/token`."""
        client, secret, *refresh = self.account.secrets.token.split(":", 2)
        if not hmac.compare_digest(_basic(request), f"{client}:{secret}".encode()):
            return answer({"error": "invalid_client", "error_description": "client authentication failed"}, 401)
        form: Mapping[str, Any] = await request.post()
        grant = form.get("grant_type")
        if grant == "client_credentials" and form.get("scope"):
            return self._granted("app", "Application Access Token")
        if grant == "refresh_token" and form.get("refresh_token") == (refresh or [REFRESH])[0]:
            return self._granted("user", "User Access Token")
        word = "invalid_grant" if grant == "refresh_token" else "unsupported_grant_type"
        return answer({"error": word, "error_description": "the grant is refused"}, 400)

    def _granted(self, whose: str, kind: str) -> web.Response:
        value = f"v^1.1#{whose}#{secrets.token_hex(16)}"
        self.granted[value] = (whose, self.account.clock() + LIFE_S * 1000)
        self.account.counts["tokens"] += 1
        return answer({"access_token": value, "expires_in": LIFE_S, "token_type": kind})

    def guarded(self, whose: str, handler: Handler) -> Handler:
        """Ask for a living token of this sort first, and write errors as eBay does."""

        async def answered(request: web.Request) -> web.Response:
            try:
                self.check(request, whose)
                return await handler(request)
            except EbayError as error:
                return answer(error.body, error.status)

        return answered

    def check(self, request: web.Request, whose: str) -> None:
        """Raise EbayError where the token is none, has ended, or is not of this sort."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        sort, ends_at = self.granted.get(value, ("", 0))
        if scheme.lower() != "bearer" or ends_at <= self.account.clock():
            raise EbayError(1001, "Invalid access token", 401, "OAuth")
        if sort != whose:
            raise EbayError(1100, "Access denied", 403, "ACCESS")


def _basic(request: web.Request) -> bytes:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except binascii.Error:
        return b""


def throttled() -> web.Response:
    """Answer a storm: eBay's day is over, and it names no time."""
    error = EbayError(2001, "Too many requests. The request limit has been reached for the resource.", 429, "ACCESS")
    return answer(error.body, error.status)


def page(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Read a whole number in its range. Raises EbayError."""
    text = query.get(name, str(default))
    if not text.isdigit() or not low <= int(text) <= high:
        raise EbayError(31100 if name == "limit" else 31000, f"Invalid {name}: {text}", 400)
    return int(text)
