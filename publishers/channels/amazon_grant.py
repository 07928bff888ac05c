"""
Amazon's access tokens ("Login with Amazon"): a refresh token of unlimited life buys one for an hour.

Facts: developer-docs.amazon.com/sp-api "Connect to the Selling Partner API".  A token that has ended is answered 403,
as is a right that is missing: only the words tell them apart (amzn/selling-partner-api-models#4122,
selling-partner-api-docs#2147).
"""

from collections.abc import Mapping
from dataclasses import replace

from publishers import grant
from publishers.channels.amazon_answers import REFUSED, document, objects, text
from publishers.grant import Denied, Later, Token
from publishers.push import Request, Response
from schemas.settings import Channel

SECRETS = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
ADDRESS = "https://api.amazon.com/auth/o2/token"
"""The same for every region; `auth_url` replaces it."""
TOKEN_WORDS = ("expired", "revoked", "malformed")
"""What the sentence of a 403 about the access token itself says."""


def request(channel: Channel, secrets: Mapping[str, str]) -> Request:
    """Return the call that fetches a token."""
    client, secret, refresh = (secrets[name] for name in SECRETS)
    wish = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": client, "client_secret": secret}
    return grant.form(channel.auth_url or ADDRESS, wish)


def read(response: Response) -> Token | Later | Denied:
    """Return what the answer means; the refresh token in it is the one that was sent, so there is no successor."""
    found = grant.granted(response)
    return replace(found, successor="") if isinstance(found, Token) else found


def expired(response: Response) -> bool:
    """Say whether an answer refuses the access token, not what the token may do."""
    if response.status not in REFUSED:
        return False
    errors = objects(document(response.body).get("errors"))
    sentences = [text(one, name).lower() for one in errors for name in ("message", "details")]
    return any("token" in said and any(word in said for word in TOKEN_WORDS) for said in sentences)
