"""
Shopify's access tokens for an app of the shop's own organisation.

Facts: shopify.dev "Using the client credentials grant": a form without any other proof, tokens of 24 hours.  Since
2026-01-01 new apps come from the Dev Dashboard and have a client id and a secret; the tokens of older custom apps last
for ever and are configured as they are.
"""

from collections.abc import Sequence

from ingest.channels import oauth
from ingest.poll.kind import Answer, Denied, Later, Request, Token
from schemas.settings import Channel

SECRETS = ("CLIENT_ID", "CLIENT_SECRET")
PATH = "/admin/oauth/access_token"


def request(channel: Channel, secrets: Sequence[str]) -> Request:
    """Return the call that fetches a token; `auth_url` is the whole address where it is not the shop's own."""
    client, secret = secrets
    form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
    return oauth.form(channel.auth_url or f"{channel.base_url}{PATH}", form)


def read(answer: Answer) -> Token | Later | Denied:
    """Return what the answer means; a 400 says that the client is none of this shop's, or its secret no good."""
    granted = oauth.granted(answer, "Shopify grants no access token: the client or its secret is refused")
    return granted if isinstance(granted, Later | Denied) else oauth.token(granted)
