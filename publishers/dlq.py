"""Dead letters of channels as people look at them: which SKUs were given up, why, and since when.  Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from publishers.fold import DISCARDED, dead_letter_id, word
from publishers.table import table
from schemas.channel_records import ChannelLevel, SyncLog
from schemas.words import Status

UNITS = {"s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
HEAD = ("CHANNEL", "SKU", "REASON", "ATTEMPTS", "AGE", "TOLD", "WORDS")
CALLS = ("AT", "TOLD", "ANSWER", "VERDICT", "MS", "WORDS")
WORDS_MAX = 80
NEXT = "repair the cause, then `python -m publishers dlq replay` tells the newest level"
UNSENT = "a dry run: nothing was sent"
_DURATION = re.compile(r"([0-9]{1,9})(s|min|m|h|d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """
    A SKU that a channel's publisher has given up.

    `reason` is a word of `schemas.words.Reason`, or `discarded` where a person has closed the letter; `told` is the
    number that it was told last; `at` is when it was given up, in ms.
    """

    channel: str
    sku: str
    reason: str
    words: str
    attempts: int
    told: int | None
    at: int
    letter_id: str

    def document(self, now: int) -> dict[str, object]:
        """Return it as it stands in JSON."""
        return {
            "channel": self.channel,
            "sku": self.sku,
            "reason": self.reason,
            "words": self.words,
            "attempts": self.attempts,
            "told": self.told,
            "at": self.at,
            "ageMs": now - self.at,
            "deadLetterId": self.letter_id,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which of them are meant: a reason, a least age in ms, one SKU; `closed` adds those whose letters are closed."""

    reason: str | None = None
    older_ms: int = 0
    sku: str | None = None
    closed: bool = False


def duration(text: str) -> int:
    """Return a duration such as `90s`, `15min`, `2h` or `1d` in ms; raises `ValueError` for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 90s, 15min, 2h or 1d")
    return int(found[1]) * UNITS[found[2]]


def dead(channel: str, records: Iterable[ChannelLevel]) -> list[Dead]:
    """Return what is dead by a channel's newest records, the longest dead first."""
    found = [_dead(channel, record) for record in records if record.status is Status.DEAD]
    return sorted(found, key=lambda one: (one.at, one.sku))


def _dead(channel: str, record: ChannelLevel) -> Dead:
    sent = [shown.sent for shown in record.listings.values() if shown.sent is not None]
    return Dead(
        channel=channel,
        sku=record.sku,
        reason=word(record),
        words=(record.err or "").partition(": ")[2],
        attempts=record.attempt,
        told=sent[-1] if sent else None,
        at=record.at,
        letter_id=dead_letter_id(channel, record),
    )


def wanted(found: Iterable[Dead], wish: Wish, now: int) -> list[Dead]:
    """Return those that are meant; whoever names a SKU or the reason `discarded` means closed ones too."""
    closed = wish.closed or wish.sku is not None or wish.reason == DISCARDED
    return [
        one
        for one in found
        if wish.reason in (None, one.reason)
        and wish.sku in (None, one.sku)
        and now - one.at >= wish.older_ms
        and (closed or one.reason != DISCARDED)
    ]


def beside(found: Sequence[Dead], meant: Sequence[Dead]) -> str:
    """Return in words what of all that is dead is not meant, "" where there is nothing."""
    closed = sum(one.reason == DISCARDED for one in found) - sum(one.reason == DISCARDED for one in meant)
    others = len(found) - len(meant) - closed
    said = (f"{others} dead that the filters leave out", others), (f"{closed} closed by a person (--all)", closed)
    return ", ".join(words for words, count in said if count)


def text(meant: Sequence[Dead], now: int, others: str = "", then: str = NEXT) -> Iterator[str]:
    """Yield a table, what is dead besides (`others`), and what comes `then`."""
    more = f"; besides {others}" if others else ""
    if not meant:
        yield f"nothing is dead{f' that is meant{more}' if more else ''}"
        return
    yield from table([HEAD, *(_cells(one, now) for one in meant)])
    yield ""
    yield f"{len(meant)} in all{more}; {then}"


def _cells(one: Dead, now: int) -> tuple[str, ...]:
    words = one.words if len(one.words) <= WORDS_MAX else f"{one.words[: WORDS_MAX - 3]}..."
    return (one.channel, one.sku, one.reason, str(one.attempts), age(now - one.at), _number(one.told), words)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def story(one: Dead, calls: Sequence[SyncLog], now: int) -> Iterator[str]:
    """Yield all that is known of one of them."""
    failures = f", after {one.attempts} failures in a row" if one.attempts else ""
    yield f"{one.sku} at {one.channel}: {one.reason} {age(now - one.at)} ago{failures}"
    yield f"  {one.words}"
    yield f"  dead letter {one.letter_id}"
    yield ""
    if not calls:
        yield "No call for it is on record in that time."
        return
    yield from table([CALLS, *(_call(call) for call in calls)])


def _call(call: SyncLog) -> tuple[str, ...]:
    when = f"{datetime.fromtimestamp(call.started_at / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
    answer = f"HTTP {call.response_code}" if call.response_code else "none"
    return (when, str(call.quantity), answer, call.verdict, str(call.duration_ms), (call.err or "")[:WORDS_MAX])


def age(ms: int) -> str:
    """Return a duration with the one unit that a reader wants."""
    for unit in ("d", "h", "min", "s"):
        if ms >= UNITS[unit]:
            return f"{ms // UNITS[unit]} {unit}"
    return "0 s"
