"""
eBay's access tokens: one for the application, one for the seller who has let it in.

Facts: developer.ebay.com, "client credentials grant" and "refresh token request": form body, Basic authorisation with
`client_id:client_secret`, tokens of 2 hours.  A refresh token stays the same for its 18 months.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ingest import fields
from ingest.channels import oauth
from ingest.poll.kind import Answer, Denied, Later, Request, Token, refusal
from schemas.settings import Channel

PATH = "/identity/v1/oauth2/token"
REFUSED = frozenset({"invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope"})
"""OAuth's words (RFC 6749, 5.2) for credentials that no second try makes better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EbayGrant:
    """One way to a token: `SECRETS` name the client's id and secret, and what else goes into the `form`."""

    SECRETS: Sequence[str]
    form: Mapping[str, str]

    def request(self, channel: Channel, secrets: Sequence[str]) -> Request:
        """Return the call that fetches a token; `auth_url` is the whole address where it is not eBay's usual one."""
        client, secret, *refresh = secrets
        told = dict(self.form) | ({"refresh_token": refresh[0]} if refresh else {})
        credentials = b64encode(f"{client}:{secret}".encode()).decode()
        headers = {"authorization": f"Basic {credentials}"}
        return oauth.form(channel.auth_url or f"{channel.base_url}{PATH}", told, headers)

    def read(self, answer: Answer) -> Token | Later | Denied:
        """Return what the answer means."""
        told = fields.object_if_any(answer.body) or {}
        error = told.get("error")
        if answer.status == 400 and isinstance(error, str) and error in REFUSED:
            return Denied(why=f"the credentials are refused: {error}")
        refused = refusal(answer)
        if refused is not None:
            return refused
        value, life_s = told.get("access_token"), told.get("expires_in")
        if not isinstance(value, str) or not value or type(life_s) is not int or not 0 < life_s <= oauth.LIFE_MAX_S:
            return Later(why="the answer holds no access token")
        return Token(value=value, lasts_ms=life_s * 1_000)


APPLICATION = EbayGrant(
    SECRETS=("CLIENT_ID", "CLIENT_SECRET"),
    form=MappingProxyType({"grant_type": "client_credentials", "scope": "https://api.ebay.com/oauth/api_scope"}),
)
"""The application's own token: enough for public keys; at most 1,000 a day."""
SELLER = EbayGrant(
    SECRETS=("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"), form=MappingProxyType({"grant_type": "refresh_token"})
)
"""The seller's token, with every scope that the seller has granted: orders and listings."""
