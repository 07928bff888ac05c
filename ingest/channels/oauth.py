"""How tokens are bought (RFC 6749): a form is posted, an object comes back."""

from collections.abc import Mapping
from urllib.parse import urlencode

from ingest import fields
from ingest.poll.kind import Answer, Denied, Later, Request, object_in


def form(url: str, wish: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Request:
    """Return the call that posts a form, with further `headers`."""
    told = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", **(headers or {})}
    return Request(method="POST", url=url, headers=told, body=urlencode(wish).encode())


def granted(answer: Answer, denied: str) -> fields.Object | Later | Denied:
    """Return the object that grants a token; a 400 says that the credentials are no good, in the words of `denied`."""
    if answer.status == 400:
        return Denied(why=denied)
    return object_in(answer, "the answer holds no access token")
