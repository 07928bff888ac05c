"""How tokens are bought (RFC 6749): a form is posted, an object comes back."""

from collections.abc import Mapping
from urllib.parse import urlencode

from ingest import fields
from ingest.poll.kind import Answer, Denied, Later, Request, Token, object_in
from ingest.webhook import NotUnderstood

LIFE_MAX_S = 86_400
"""A longer life is not believed."""


def form(url: str, wish: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """Return the call that posts a form, with further `headers`."""
    told = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **(headers or {})}
    return Request(method="POST", url=url, headers=told, body=urlencode(wish).encode())


def granted(answer: Answer, denied: str) -> fields.Object | Later | Denied:
    """Return the object that grants a token; a 400 says that the credentials are no good, in the words of `denied`."""
    if answer.status == 400:
        return Denied(why=denied)
    return object_in(answer, "the answer holds no access token")


def token(granted: fields.Object) -> Token | Later:
    """Return the token that an answer grants, without a successor of the refresh token."""
    try:
        value, life_s = fields.text(granted, "access_token"), fields.integer(granted, "expires_in")
    except NotUnderstood as error:
        return Later(why=f"the answer holds no access token: {error}")
    if not value or not 0 < life_s <= LIFE_MAX_S:
        return Later(why="the answer holds no access token")
    return Token(value=value, lasts_ms=life_s * 1_000)
