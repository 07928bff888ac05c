"""
WooCommerce's webhooks as its API shows them.

Facts: REST v3 `GET webhooks` and `PUT webhooks/{id}` (woocommerce-rest-api-docs), `class-wc-webhook.php`,
`WC_REST_Webhooks_V1_Controller`: with the seventh failure in a row a webhook is `disabled`, without a word and without
retries; only an administrator or the API switches it on.  The count of failures stays as it was: the next failure
disables it again, a success takes it to zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from ingest import fields
from ingest.channels.woocommerce_calls import PER_PAGE, SECRETS, get, put
from ingest.poll.kind import Answer, Denied, Later, Request, refusal
from ingest.poll.watch import Hook, Hooks, Revived
from ingest.webhook import NotUnderstood
from schemas.settings import Channel

__all__ = ["SECRETS", "TOPICS", "look", "read", "request", "revive"]

TOPICS = ("order.created", "order.updated")
ON, PAUSED = "active", "paused"
"""A third word, `disabled`, is what failures come to; a webhook is `paused` by an administrator alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Reads a page of all webhooks, or switches on the one of this number."""

    page: int = 1
    revive: str = ""


def look() -> State:
    """Read all webhooks."""
    return State()


def revive(number: str) -> State:
    """Switch a webhook on."""
    return State(revive=number)


def request(channel: Channel, secrets: Sequence[str], state: State) -> Request:
    """Return the call."""
    if state.revive:
        return put(channel, secrets, f"webhooks/{state.revive}", orjson.dumps({"status": ON}))
    query = {"per_page": str(PER_PAGE), "page": str(state.page), "orderby": "id", "order": "asc"}
    return get(channel, secrets, "webhooks", query)


def read(channel: Channel, state: State, answer: Answer) -> Hooks[State] | Revived | Later | Denied:
    """Return what the answer means."""
    refused = refusal(answer)
    if refused is not None:
        return refused
    value = fields.json_if_any(answer.body)
    if value is None:
        return Later(why="the answer about webhooks cannot be read")
    if state.revive:
        on = isinstance(value, dict) and value.get("status") == ON
        return Revived() if on else Later(why=f"webhook {state.revive} is not switched on")
    if not isinstance(value, list):
        return Later(why="the answer is not a list of webhooks")
    found = tuple(hook for row in value if (hook := _hook(channel, row)) is not None)
    return Hooks(found=found, next=State(page=state.page + 1) if len(value) >= PER_PAGE else None)


def _hook(channel: Channel, row: Any) -> Hook | None:
    """Return a webhook that brings orders to our address, None for another one."""
    if not isinstance(row, Mapping):
        return None
    topic, url = row.get("topic"), row.get("delivery_url")
    if not isinstance(topic, str) or not topic.startswith("order.") or not isinstance(url, str):
        return None
    try:
        number = fields.ident(row, "id")
        status = row.get("status")
        return (
            Hook(number=number, topic=topic, on=status == ON, paused=status == PAUSED) if _ours(channel, url) else None
        )
    except (NotUnderstood, ValueError):
        return None


def _ours(channel: Channel, url: str) -> bool:
    """Say whether an address is this channel's; raises `ValueError` for what is no address."""
    if channel.webhook_url:
        return url.rstrip("/") == channel.webhook_url.rstrip("/")
    return urlsplit(url).path.rstrip("/").endswith(f"/webhooks/{channel.name}/order")
