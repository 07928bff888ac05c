"""
How one kind's access tokens are bought: the interface of `publishers.channels.GRANTS`, and OAuth's form of it.  Pure.

Facts: RFC 6749, sections 5.1 and 5.2 (what is answered) and 6 (a refresh token, and the one that may follow it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

import orjson

from publishers.push import Request, Response, retry_after_ms
from schemas.settings import Channel

REFRESH = "REFRESH_TOKEN"
"""What the secret is called whose place a successor takes."""
LIFE_MAX_S = 86_400
"""A longer life is not believed."""
REFUSALS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"}
    | {"unsupported_grant_type", "access_denied"}
)
"""OAuth's words for what no second try makes better; no other word of an answer is repeated anywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """
    An access token, and for how long it was granted.

    `successor` is the refresh token to use next, "" where the old one stays in force.
    """

    value: str = field(repr=False)
    lasts_ms: int
    successor: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """No token this time: ask again after `after_ms`, 0 where the channel names no time."""

    why: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The secrets that buy tokens are refused."""

    why: str


class Grant(Protocol):
    """How one kind's access tokens are bought; a kind without one proves itself by its secrets alone."""

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a constant of the module
        """The names of the secrets that `request` needs."""

    def request(self, channel: Channel, secrets: Mapping[str, str]) -> Request:
        """Return the call that fetches a token: with an absolute `url`, and with all of its headers."""

    def read(self, response: Response) -> Token | Later | Denied:
        """Return what the answer means; never raises, whatever the body holds."""

    def expired(self, response: Response) -> bool:
        """Say whether the channel's answer to any call refuses the access token, not what the token may do."""


def form(url: str, wish: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """Return the call that posts a form, with further `headers`."""
    told = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **(headers or {})}
    return Request(path="", url=url, headers=told, body=urlencode(wish).encode())


def granted(response: Response) -> Token | Later | Denied:
    """Return what an answer in OAuth's form means."""
    told = _object(response.body)
    if response.status == 200:
        return _token(told)
    if response.status == 0:
        return Later(why=f"no access token: {response.err}")
    word = told.get("error")
    if response.status == 401 or (response.status in (400, 403) and isinstance(word, str)):
        said = word if isinstance(word, str) and word in REFUSALS else f"HTTP {response.status}"
        return Denied(why=f"no access token is granted: {said}")
    return Later(why=f"no access token: HTTP {response.status}", after_ms=retry_after_ms(response, 0))


def unauthorised(response: Response) -> bool:
    """Say whether an answer is a 401, which refuses the token itself (RFC 6750, 3.1)."""
    return response.status == 401


def _token(told: Mapping[str, object]) -> Token | Later:
    value, life_s, successor = told.get("access_token"), told.get("expires_in"), told.get("refresh_token")
    # What cannot stand in a header is no token: a line break in it would be a header of the sender's choice.
    if not isinstance(value, str) or not value.isprintable() or not value.isascii() or not value:
        return Later(why="the answer holds no access token")
    if type(life_s) is not int or not 0 < life_s <= LIFE_MAX_S:
        return Later(why="the answer does not say how long the access token is good")
    return Token(value=value, lasts_ms=life_s * 1_000, successor=successor if isinstance(successor, str) else "")


def _object(body: bytes) -> Mapping[str, object]:
    try:
        told = orjson.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
