"""
Etsy's access tokens: a refresh token buys one for an hour, and the refresh token that follows it.

Facts: developers.etsy.com "Authentication", "Requesting a refresh OAuth token": a form without the app's secret, errors
as in RFC 6749.  A refresh token is good for 90 days; a changed password ends them all (open-api #519).
"""

from collections.abc import Sequence
from dataclasses import replace

from ingest import fields
from ingest.channels import oauth
from ingest.poll.kind import Answer, Denied, Later, Request, Token
from ingest.webhook import NotUnderstood
from schemas.settings import Channel

SECRETS = ("API_KEY", "REFRESH_TOKEN")
PATH = "/v3/public/oauth/token"


def request(channel: Channel, secrets: Sequence[str]) -> Request:
    """Return the call that fetches a token; `auth_url` is the whole address where it is not the API's own."""
    keystring, refresh = secrets
    form = {"grant_type": "refresh_token", "client_id": keystring, "refresh_token": refresh}
    return oauth.form(channel.auth_url or f"{channel.base_url}{PATH}", form)


def read(answer: Answer) -> Token | Later | Denied:
    """Return what the answer means; a 400 says that the keystring or the refresh token is not good."""
    granted = oauth.granted(answer, "Etsy grants no access token: the keystring or the refresh token is refused")
    if isinstance(granted, Later | Denied):
        return granted
    token = oauth.token(granted)
    if isinstance(token, Later):
        return token
    try:
        return replace(token, successor=fields.text(granted, "refresh_token"))
    except NotUnderstood as error:
        return Later(why=f"the answer holds no access token: {error}")
