"""Amazon's answers: access tokens, usage plans, errors, and the three reads that a hub needs.

Source: the models named in `amazon_views`, developer-docs.amazon.com/sp-api (Login with Amazon, usage plans). An access
token that has ended is answered 403, not 401.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson
from aiohttp import web

from compose.fakes.account import Account
from compose.fakes.amazon_desk import PLANS, desk

Handler = Callable[[web.Request], Awaitable[web.Response]]


class SpError(Exception):
    """An answer in the Selling Partner API's error shape; the handler sends it."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        """Name the error as Amazon does."""
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details

    def response(self) -> web.Response:
        """Write the answer."""
        row = {"code": self.code, "message": self.message, "details": self.details}
        return answer({"errors": [row]}, self.status)


def invalid(details: str) -> SpError:
    """Return the error of a wrong parameter."""
    return SpError(400, "InvalidInput", "Request has missing or invalid parameters and cannot be parsed.", details)


def denied(details: str) -> SpError:
    """Return the error of a missing right or of a bad token: only the details tell them apart."""
    return SpError(403, "Unauthorized", "Access to requested resource is denied.", details)


def quota() -> SpError:
    """Return the error of a usage plan that is used up."""
    return SpError(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")


def answer(body: object, status: int = 200) -> web.Response:
    """Write a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


def guarded(account: Account, operation: str, handler: Handler) -> Handler:
    """Ask for a token that is good and a place in the usage plan first."""

    async def answered(request: web.Request) -> web.Response:
        try:
            check_token(account, request.headers.get("x-amz-access-token", ""))
            if not desk(account).take(operation, account.clock()):
                raise too_fast(account, request)
            found = await handler(request)
        except SpError as error:
            return error.response()
        found.headers["x-amzn-RateLimit-Limit"] = str(PLANS[operation][0] * desk(account).rate_scale)
        return found

    return answered


def too_fast(account: Account, request: web.Request) -> SpError:
    """Count a call that was too fast, also to its listing."""
    account.counts["throttled"] += 1
    if "sku" in request.match_info:
        account.shop.tally(request.match_info["sku"], "throttles")
    return quota()


def check_token(account: Account, token: str) -> None:
    """Check an access token. Raises SpError 403."""
    if not token:
        raise SpError(403, "MissingAuthenticationToken", "Access to requested resource is denied.")
    ends = desk(account).access.get(token)
    if ends is None:
        raise denied("The access token you provided is revoked, malformed or invalid.")
    if account.clock() >= ends:
        raise denied("The access token you provided has expired.")


async def grant(account: Account, request: web.Request) -> web.Response:
    """`POST /auth/o2/token`: a refresh token buys an access token; `client:secret:refresh` is the account's token."""
    form = await request.post()
    if form.get("grant_type") != "refresh_token":
        return answer({"error": "unsupported_grant_type", "error_description": "The grant type is not supported"}, 400)
    client, secret, refresh = account.secrets.token.split(":")
    if (form.get("client_id"), form.get("client_secret")) != (client, secret):
        return answer({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
    if form.get("refresh_token") != refresh:
        return answer(
            {"error": "invalid_grant", "error_description": "The request has an invalid grant parameter"}, 400
        )
    own, token = desk(account), f"Atza|{uuid4().hex}"
    own.access[token] = account.clock() + own.token_life_ms
    account.counts["grants"] += 1
    body: dict[str, Any] = {"access_token": token, "token_type": "bearer", "expires_in": own.token_life_ms // 1000}
    return answer({**body, "refresh_token": refresh})
