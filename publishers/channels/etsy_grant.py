"""
Etsy's access tokens for the seller who has let us in.

Facts: developers.etsy.com "Authentication", "Requesting a refresh OAuth token": a form without the app's secret; the
access token is good for an hour, the refresh token that comes with it for 90 days.  Used refresh tokens were seen to
stay good (open-api #353): the order poller buys its own tokens with the configured one.
"""

from collections.abc import Mapping

from publishers import grant
from publishers.push import Request
from schemas.settings import Channel

SECRETS = ("API_KEY", grant.REFRESH)
PATH = "/v3/public/oauth/token"
read = grant.granted
expired = grant.unauthorised


def request(channel: Channel, secrets: Mapping[str, str]) -> Request:
    """Return the call that fetches a token; `auth_url` is the whole address where it is not the API's own."""
    wish = {
        "grant_type": "refresh_token",
        "client_id": secrets["API_KEY"],
        "refresh_token": secrets[grant.REFRESH],
    }
    return grant.form(channel.auth_url or f"{channel.base_url.rstrip('/')}{PATH}", wish)
