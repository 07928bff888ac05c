"""
Who may call a stand-in Shopify: the lasting token of an older custom app, or an app's tokens of a day.

Facts: shopify.dev "Using the client credentials grant" (a form of `grant_type`, `client_id` and `client_secret`;
`{"access_token", "scope", "expires_in": 86399}`); errors in the words of RFC 6749.
"""

import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from compose.fakes.account import Account

LIFE_S = 86_399
SCOPE = "read_orders,read_products,write_inventory,write_products"


class Access:
    """The OAuth endpoint of one account, and the guard of its API."""

    def __init__(self, account: Account) -> None:
        """Serve the account whose secret is a lasting token, or `client id:client secret`."""
        self.account = account
        self.granted: dict[str, int] = {}

    async def token(self, request: web.Request) -> web.Response:
        """`POST /admin/oauth/access_token`."""
        form: Mapping[str, Any] = await request.post()
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        shown = f"{form.get('client_id')}:{form.get('client_secret')}"
        if not self._known(shown) or ":" not in self.account.secrets.token:
            return web.json_response({"error": "invalid_client"}, status=400)
        value = f"shpat_{secrets.token_hex(16)}"
        self.granted[value] = self.account.clock() + LIFE_S * 1_000
        self.account.counts["tokens"] += 1
        return web.json_response({"access_token": value, "scope": SCOPE, "expires_in": LIFE_S})

    def allows(self, token: str) -> bool:
        """Say whether a token is in force."""
        return self._known(token) or self.granted.get(token, 0) > self.account.clock()

    def _known(self, shown: str) -> bool:
        return hmac.compare_digest(shown.encode(), self.account.secrets.token.encode())
