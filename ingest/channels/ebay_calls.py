"""What every call to eBay's APIs carries: the access token."""

from ingest.poll.kind import Request
from schemas.settings import Channel


def get(channel: Channel, token: str, path: str) -> Request:
    """Return a call that reads; `path` begins with a slash and holds the query."""
    return Request(
        method="GET",
        url=f"{channel.base_url}{path}",
        headers={"authorization": f"Bearer {token}", "accept": "application/json"},
    )
