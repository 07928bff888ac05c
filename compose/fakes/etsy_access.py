"""Who may call the stand-in Etsy, and how often: API key, access tokens, and the app's budget."""

import hmac
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from compose.fakes.account import Account

Handler = Callable[[web.Request], Awaitable[web.Response]]
HOUR_S = 3600
DAY_MS = 86_400_000
USER_ID = 1_000_001


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Write a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json", headers=headers)


class EtsyError(Exception):
    """An answer in Etsy's error shape."""

    def __init__(self, status: int, error: str) -> None:
        """Say what is wrong."""
        super().__init__(error)
        self.status = status


def spent(error: str, after_s: int) -> web.Response:
    """Answer a call that is over the budget."""
    return answer({"error": error}, status=429, headers={"retry-after": str(after_s)})


@dataclass(slots=True, kw_only=True)
class Budget:
    """The app's two windows, both sliding: `calls` are the times of the last day's calls, in ms."""

    per_second: int = 10
    per_day: int = 10_000
    calls: deque[int] = field(default_factory=deque)

    def take(self, now: int) -> web.Response | None:
        """Count a call, or refuse it."""
        while self.calls and self.calls[0] <= now - DAY_MS:
            self.calls.popleft()
        if len(self.calls) >= self.per_day:
            return spent("Exceeded daily rate limit", (self.calls[0] + DAY_MS - now) // 1000 + 1)
        if self._this_second(now) >= self.per_second:
            return spent("Exceeded per second rate limit", 1)
        self.calls.append(now)
        return None

    def _this_second(self, now: int) -> int:
        return sum(1 for at in list(self.calls)[-self.per_second :] if at > now - 1000)

    def headers(self, now: int) -> dict[str, str]:
        """Tell what is left, as each answer does."""
        return {
            "x-limit-per-second": str(self.per_second),
            "x-remaining-this-second": str(self.per_second - self._this_second(now)),
            "x-limit-per-day": str(self.per_day),
            "x-remaining-today": str(self.per_day - len(self.calls)),
        }


class Access:
    """The doors of one account. Its token is `keystring:shared_secret:refresh_token`."""

    def __init__(self, account: Account) -> None:
        """Open them."""
        self.account = account
        self.budget = Budget()
        self.keystring, self.shared, refresh = [*account.secrets.token.split(":"), "", "refresh"][:3]
        self.refresh = {refresh or "refresh"}
        self.tokens: dict[str, int] = {}

    async def token(self, request: web.Request) -> web.Response:
        """`POST oauth/token`: an access token for an hour, and the refresh token that follows.

        Refresh tokens that were used before stay good, as users of Etsy saw it (open-api #353).
        """
        form = await request.post()
        if form.get("grant_type") != "refresh_token":
            return answer({"error": "unsupported_grant_type"}, status=400)
        if form.get("client_id") != self.keystring or form.get("refresh_token") not in self.refresh:
            return answer({"error": "invalid_grant", "error_description": "refresh_token is revoked"}, status=400)
        self.account.counts["tokens"] += 1
        place = self.account.counts["tokens"]
        value, following = f"{USER_ID}.access-{place}", f"{USER_ID}.refresh-{place}"
        self.tokens[value] = self.account.clock() + HOUR_S * 1000
        self.refresh.add(following)
        granted = {"access_token": value, "token_type": "Bearer", "expires_in": HOUR_S, "refresh_token": following}
        return answer(granted)

    def guarded(self, handler: Handler) -> Handler:
        """Ask for key and token, count the call, and show the budget on what is answered."""

        async def answered(request: web.Request) -> web.Response:
            now = self.account.clock()
            try:
                self.check(request, now)
                refused = self.budget.take(now)
                if refused is not None:
                    self.throttle(request)
                    refused.headers.update(self.budget.headers(now))
                    return refused
                response = await handler(request)
            except EtsyError as error:
                response = answer({"error": str(error)}, status=error.status)
            response.headers.update(self.budget.headers(now))
            return response

        return answered

    def throttle(self, request: web.Request) -> None:
        """Count a call that was too fast, for each product of the listing that it names."""
        self.account.counts["throttled"] += 1
        number = request.match_info.get("listing", "")
        for one in self.account.shop.listings.values() if number else ():
            if str(one.ids["listing_id"]) == number:
                self.account.shop.tally(one.key, "throttles")

    def check(self, request: web.Request, now: int) -> None:
        """Compare key and token. Raises EtsyError."""
        given = request.headers.get("x-api-key", "")
        if ":" not in given:
            raise EtsyError(403, "Shared secret is required in x-api-key header.")
        if not hmac.compare_digest(given.encode(), f"{self.keystring}:{self.shared}".encode()):
            raise EtsyError(403, "Invalid API key or shared secret.")
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or self.tokens.get(value, 0) <= now:
            raise EtsyError(401, "invalid_token")


def integer(query: Mapping[str, Any], name: str, default: int | None, *, low: int, high: int | None = None) -> int:
    """Read a whole number in its range. Raises EtsyError."""
    text = query.get(name)
    if text is None and default is not None:
        return default
    value = int(text) if isinstance(text, str) and text.isdigit() else low - 1
    if value < low or (high is not None and value > high):
        raise EtsyError(400, f"Invalid value for parameter {name}")
    return value


def word(query: Mapping[str, Any], name: str, default: str, allowed: frozenset[str]) -> str:
    """Read a word of a closed list. Raises EtsyError."""
    value = str(query.get(name, default))
    if value not in allowed:
        raise EtsyError(400, f"Invalid value for parameter {name}")
    return value
