"""What people are told of an incident: what it is, whom it hits, what happens by itself and what they can do.  Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from schemas.channel_records import Incident
from schemas.words import IncidentKind

_WHAT: Mapping[IncidentKind, Callable[[Incident], str]] = {
    IncidentKind.CHANNEL_DOWN: lambda one: f"{one.channel} does not answer: {one.err}",
    IncidentKind.CREDENTIALS: lambda one: f"{one.channel} refuses our credentials or settings: {one.err}",
    IncidentKind.DEAD_LETTERS: lambda one: f"{one.channel}: {_skus(one)} given up",
    IncidentKind.BRAKE: lambda one: f"{one.channel}: one change would show 0 for {one.skus} listings, it is held",
    IncidentKind.RULES_REFUSED: lambda one: f"{one.channel}: the new configuration is refused: {one.err}",
}
_NEXT: Mapping[IncidentKind, str] = {
    IncidentKind.CHANNEL_DOWN: "It is tried again and again; when it is back, all is told by itself.",
    IncidentKind.CREDENTIALS: "Nothing is told until a secret or the configuration changes, or `enable` is sent.",
    IncidentKind.DEAD_LETTERS: "See `python -m publishers dlq list --channel {channel}`, repair, then `dlq replay`.",
    IncidentKind.BRAKE: "If it is meant: `python -m publishers command {channel} brake_release`. If not, take it back.",
    IncidentKind.RULES_REFUSED: "The old rules stay in force until the file is right.",
}
_SIGNS = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
"""What has a meaning in Slack's text (https://docs.slack.dev/messaging/formatting-message-text)."""


def begun(incident: Incident) -> str:
    """Return the message for an incident that lasts."""
    hit = f" {_skus(incident)} affected so far." if _adds(incident) else ""
    what = _escaped(_WHAT[incident.kind](incident)).rstrip(".")
    after = _NEXT[incident.kind].format(channel=incident.channel)
    return f":red_circle: {what}.{hit} {after} (since {_time(incident.since)}, {incident.incident_id})"


def ended(incident: Incident) -> str:
    """Return the message for an incident that is over."""
    what = _escaped(_WHAT[incident.kind](incident)).rstrip(".")
    until = incident.until or incident.at
    hit = f" {_skus(incident)} affected." if _adds(incident) else ""
    span = f"{_time(incident.since)} to {_time(until)}"
    return f":white_check_mark: Over: {what}.{hit} ({span}, {incident.incident_id})"


def _adds(incident: Incident) -> bool:
    """Say whether the number of SKUs is worth a sentence of its own."""
    return incident.kind is IncidentKind.CHANNEL_DOWN and incident.skus > 0


def _skus(incident: Incident) -> str:
    return "1 SKU" if incident.skus == 1 else f"{incident.skus} SKUs"


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _escaped(text: str) -> str:
    for sign, name in _SIGNS:
        text = text.replace(sign, name)
    return text
