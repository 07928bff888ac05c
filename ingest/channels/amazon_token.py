"""
Amazon's access tokens ("Login with Amazon"): a refresh token of unlimited life buys one for an hour.

Facts: developer-docs.amazon.com/sp-api "Connect to the Selling Partner API"; errors as in RFC 6749.  The refresh token
that comes back is the one that was sent, so there is no successor.
"""

from collections.abc import Sequence

from ingest import fields
from ingest.channels import oauth
from ingest.poll.kind import Answer, Denied, Later, Request, Token
from ingest.webhook import NotUnderstood
from schemas.settings import Channel

SECRETS = ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN")
ADDRESS = "https://api.amazon.com/auth/o2/token"
"""The same for every region; `auth_url` replaces it."""


def request(channel: Channel, secrets: Sequence[str]) -> Request:
    """Return the call that fetches a token."""
    client, secret, refresh = secrets
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": client, "client_secret": secret}
    return oauth.form(channel.auth_url or ADDRESS, form)


def read(answer: Answer) -> Token | Later | Denied:
    """Return what the answer means; a 400 names what is wrong with our credentials."""
    granted = oauth.granted(answer, "Amazon grants no access token: the client or the refresh token is refused")
    if isinstance(granted, Later | Denied):
        return granted
    try:
        value, lasts_s = fields.text(granted, "access_token"), fields.integer(granted, "expires_in")
    except NotUnderstood as error:
        return Later(why=f"the answer holds no access token: {error}")
    return Token(value=value, lasts_ms=lasts_s * 1_000) if value else Later(why="the answer's access token is empty")
