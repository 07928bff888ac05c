"""
Shopify's access tokens for an app of the shop's own organisation.

Facts: shopify.dev "Using the client credentials grant": a form without any other proof, tokens of 24 hours.  Since
2026-01-01 new apps come from the Dev Dashboard and have a client id and a secret; the tokens of older custom apps last
for ever and are configured as they are.
"""

from collections.abc import Mapping

from publishers import grant
from publishers.push import Request
from schemas.settings import Channel

SECRETS = ("CLIENT_ID", "CLIENT_SECRET")
PATH = "/admin/oauth/access_token"
read = grant.granted
expired = grant.unauthorised


def request(channel: Channel, secrets: Mapping[str, str]) -> Request:
    """Return the call that fetches a token; `auth_url` is the whole address where it is not the shop's own."""
    wish = {
        "grant_type": "client_credentials",
        "client_id": secrets["CLIENT_ID"],
        "client_secret": secrets["CLIENT_SECRET"],
    }
    return grant.form(channel.auth_url or f"{channel.base_url.rstrip('/')}{PATH}", wish)
