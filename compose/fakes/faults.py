"""What goes wrong at a stand-in channel, when, and how often. Pure: time in ms and the dice are given."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

ROW_ERROR = {"code": "INVALID_INVENTORY_ITEM", "message": "refused by the control endpoint"}
SCOPES = frozenset({"api", "webhooks"})
OUTAGES = frozenset({"503", "refuse"})


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults in force.

    outage_until, throttle_until (ms): the outage answers 503 or drops the connection (`outage_mode`), for the API, the
    webhooks or both (`outage_scope`); `sells` says whether shoppers can still buy. latency_ms delays every API answer.
    statuses are answered to the next calls instead of serving them. lost_answers of the next writes are applied but the
    connection is dropped. row_errors name rows (listing or SKU) that are refused. unlisted are SKUs that no list of
    WooCommerce shows, as language plugins do, though each is there under its own address. drop_webhooks,
    duplicate_webhooks and delay_webhooks are probabilities; a delay is anything up to delay_up_to_s (unscaled, as
    retries are).
    """

    outage_until: int = 0
    outage_mode: str = "503"
    outage_scope: frozenset[str] = SCOPES
    sells: bool = True
    throttle_until: int = 0
    latency_ms: int = 0
    drop_webhooks: float = 0.0
    duplicate_webhooks: float = 0.0
    delay_webhooks: float = 0.0
    delay_up_to_s: float = 600.0
    statuses: list[int] = field(default_factory=list)
    lost_answers: int = 0
    row_errors: dict[str, dict[str, str]] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)

    def out(self, now: int, scope: str) -> bool:
        """Tell whether an outage hits this scope ("api" or "webhooks") now."""
        return now < self.outage_until and scope in self.outage_scope

    def throttled(self, now: int) -> bool:
        """Tell whether a throttling storm is on."""
        return now < self.throttle_until

    def clear(self) -> None:
        """Return to good weather."""
        fresh = Faults()
        for item in fields(Faults):
            setattr(self, item.name, getattr(fresh, item.name))

    def set(self, now: int, wish: Mapping[str, Any]) -> None:
        """Put the wished faults into force, keeping the others. Raises ValueError for a word it does not know."""
        unknown = set(wish) - set(WORDS) - {"clear"}
        if unknown:
            message = f"unknown faults {sorted(unknown)}; known are {sorted(WORDS)}"
            raise ValueError(message)
        if wish.get("clear"):
            self.clear()
        for word, value in wish.items():
            if word != "clear":
                WORDS[word](self, now, value)


def _outage_mode(faults: Faults, _now: int, value: str) -> None:
    if value not in OUTAGES:
        message = f"outage_mode is one of {sorted(OUTAGES)}"
        raise ValueError(message)
    faults.outage_mode = value


def _outage_scope(faults: Faults, _now: int, value: list[str]) -> None:
    if not set(value) <= SCOPES:
        message = f"outage_scope holds only {sorted(SCOPES)}"
        raise ValueError(message)
    faults.outage_scope = frozenset(value)


def _status(faults: Faults, _now: int, value: Mapping[str, int]) -> None:
    faults.statuses = [int(value["code"])] * int(value.get("count", 1))


def _row_errors(faults: Faults, _now: int, value: Mapping[str, Mapping[str, str]]) -> None:
    faults.row_errors = {row: {**ROW_ERROR, **error} for row, error in value.items()}


def _unlisted(faults: Faults, _now: int, value: Sequence[str]) -> None:
    faults.unlisted = [*value]


WORDS: Mapping[str, Callable[[Faults, int, Any], None]] = {
    "outage_s": lambda faults, now, value: setattr(faults, "outage_until", now + int(value * 1000)),
    "outage_mode": _outage_mode,
    "outage_scope": _outage_scope,
    "sells": lambda faults, _, value: setattr(faults, "sells", bool(value)),
    "throttle_s": lambda faults, now, value: setattr(faults, "throttle_until", now + int(value * 1000)),
    "latency_ms": lambda faults, _, value: setattr(faults, "latency_ms", int(value)),
    "drop_webhooks": lambda faults, _, value: setattr(faults, "drop_webhooks", float(value)),
    "duplicate_webhooks": lambda faults, _, value: setattr(faults, "duplicate_webhooks", float(value)),
    "delay_webhooks": lambda faults, _, value: setattr(faults, "delay_webhooks", float(value)),
    "delay_up_to_s": lambda faults, _, value: setattr(faults, "delay_up_to_s", float(value)),
    "status": _status,
    "lost_answers": lambda faults, _, value: setattr(faults, "lost_answers", int(value)),
    "row_errors": _row_errors,
    "unlisted": _unlisted,
}
"""What the control endpoint may ask for."""
