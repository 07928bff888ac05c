"""
eBay's access tokens for the seller who has let us in.

Facts: developer.ebay.com, "refresh token request": a form with Basic authorisation by `client_id:client_secret`, tokens
of 2 hours.  A refresh token stays the same for its 18 months; its tokens have every scope that the seller granted.
"""

from base64 import b64encode
from collections.abc import Mapping

from publishers import grant
from publishers.push import Request
from schemas.settings import Channel

SECRETS = ("CLIENT_ID", "CLIENT_SECRET", grant.REFRESH)
PATH = "/identity/v1/oauth2/token"
read = grant.granted
expired = grant.unauthorised


def request(channel: Channel, secrets: Mapping[str, str]) -> Request:
    """Return the call that fetches a token; `auth_url` is the whole address where it is not the API's own host."""
    pair = f"{secrets['CLIENT_ID']}:{secrets['CLIENT_SECRET']}"
    wish = {"grant_type": "refresh_token", "refresh_token": secrets[grant.REFRESH]}
    url = channel.auth_url or f"{channel.base_url.rstrip('/')}{PATH}"
    return grant.form(url, wish, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})
