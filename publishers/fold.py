"""What a call leaves behind: intents before it, results after it.  Pure."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from publishers import ladder
from publishers.brake import HELD
from publishers.push import (
    Accepted,
    Again,
    ChannelDown,
    Credentials,
    Delivered,
    Rejected,
    Retry,
    Row,
    Shows,
    Stale,
    Throttled,
    Verdict,
)
from schemas.channel_records import ChannelLevel, Shown
from schemas.records import DeadLetter
from schemas.words import Reason, Status

DISCARDED = "discarded"
"""How the record of a SKU says that a person has closed its dead letter: it stays as it is until something changes."""
CHANNEL_DOWN = "channel_down"
"""The first word of what went wrong with a SKU only because its channel was down."""
ERR_MAX = 240
"""Most characters of a channel's own words that are kept: at four bytes each they fit into a record."""

TAKEN = (Delivered, Accepted)
"""The verdicts by which a number was taken."""

Judged = Sequence[tuple[Row, Verdict]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a call was answered and when, after the n-th failure, the next attempt is due (None: no more)."""

    now: int
    due: ladder.Due
    counts: bool = True
    """Whether a channel that is down costs an attempt: a probe does not."""
    again: bool = False
    """Whether the call was made twice: then one that was refused as stale may have been carried out the first time."""
    wrote: bool = False
    """Whether a request before the last one may have changed something: then being refused closes no intent."""
    reads: bool = False
    """Whether the call only asked: then no answer to it closes an intent but the number itself."""


def intent(old: ChannelLevel | None, rows: Sequence[Row], request_id: str, now: int, since: int) -> ChannelLevel:
    """Return the record that stands before a call with these rows of one SKU is made."""
    base = old or ChannelLevel(sku=rows[0].sku, status=Status.SENDING, at=now)
    told = {
        row.listing.listing_id: replace(
            base.listings.get(row.listing.listing_id, Shown()),
            sent=row.quantity,
            sent_version=row.version,
            sent_at=now,
            request_id=request_id,
            retired=row.listing.retired,
            accepted_at=None,
            undo=row.undo,
        )
        for row in rows
    }
    return replace(base, listings={**base.listings, **told}, status=Status.SENDING, dirty_since=since, at=now)


def result(old: ChannelLevel, judged: Judged, moment: Moment) -> ChannelLevel:
    """Return the record after the answer to a call with these rows of one SKU."""
    listings = dict(old.listings)
    for row, verdict in judged:
        name = row.listing.listing_id
        shown = _shown(listings.get(name, Shown()), row, verdict, moment)
        failed_now = isinstance(verdict, Retry | ChannelDown)
        listings[name] = shown if failed_now else ladder.answered(shown, taken=isinstance(verdict, TAKEN))
    told = replace(old, listings=listings, status=Status.SENDING, at=moment.now)
    verdicts = [verdict for _, verdict in judged]
    for verdict in verdicts:
        if isinstance(verdict, Rejected):
            return _dead(told, Reason.REJECTED, verdict.reason)
    failures = [(row.listing.listing_id, one) for row, one in judged if isinstance(one, Retry | ChannelDown)]
    if failures:
        return failed(told, failures[0][1], moment, [name for name, _ in failures])
    told = ladder.summed(told)
    if told.next_attempt_at is not None:  # of a listing that was not in the call
        return replace(told, status=Status.RETRYING)
    if len(judged) == len(listings) and all(isinstance(verdict, TAKEN) for verdict in verdicts):
        return replace(told, err=None)
    return told


def _shown(old: Shown, row: Row, verdict: Verdict, moment: Moment) -> Shown:
    if isinstance(verdict, Delivered):
        # Not before: a pause whose call failed would be taken for told where the number shows 0 anyway.
        paused = row.paused and not verdict.partly
        told = replace(old, shown=row.quantity, shown_at=moment.now, undo=verdict.undo, paused=paused)
        return replace(told, inferred=False, request_id=None)
    if isinstance(verdict, Accepted):
        return replace(old, accepted_at=moment.now, request_id=None, paused=row.paused)
    if isinstance(verdict, Shows):
        return replace(old, shown=verdict.quantity, shown_at=moment.now, inferred=False, request_id=None)
    if row.unanswered is not None and old.request_id is not None and not moment.reads and not _unsure(verdict, moment):
        # This call has done nothing; the one before it may have, and the number that it told is still unanswered.
        return replace(old, sent=row.unanswered, sent_version=row.version)
    if isinstance(verdict, Rejected):
        # Also where nothing was sent (a read-back): a level newer than this one is a reason to try again.
        return replace(old, sent_version=row.version, request_id=None)
    return old if moment.reads or _unsure(verdict, moment) else replace(old, request_id=None)


def _unsure(verdict: Verdict, moment: Moment) -> bool:
    """Return whether a call that has not told a number may have done so all the same."""
    unsure = isinstance(verdict, Again | Retry | ChannelDown) and verdict.unsure
    unsure = unsure or (isinstance(verdict, Stale) and moment.again)
    return unsure or (isinstance(verdict, Credentials | Throttled) and moment.wrote)


def failed(
    old: ChannelLevel, verdict: Retry | ChannelDown, moment: Moment, names: Collection[str] | None = None
) -> ChannelLevel:
    """
    Return the record after a failure that may pass: on the next rung of the ladder, or dead after the last.

    `names` are the listings that failed; None stands for those whose time has come.
    """
    name = CHANNEL_DOWN if isinstance(verdict, ChannelDown) else "retry"
    err = f"{name}: {verdict.reason}"[:ERR_MAX]
    failing = ladder.ripe(old, moment.now) if names is None else names
    if isinstance(verdict, ChannelDown) and not moment.counts:
        return replace(ladder.put_off(old, failing, moment.now), status=Status.RETRYING, err=err)
    fallen, last = ladder.failed(old, failing, moment.due)
    fallen = replace(fallen, at=moment.now)
    if last:
        return _dead(fallen, Reason.LADDER_EXHAUSTED, verdict.reason)
    return replace(fallen, status=Status.RETRYING, err=err)


def _dead(old: ChannelLevel, reason: Reason, words: str) -> ChannelLevel:
    return replace(ladder.ended(old), status=Status.DEAD, err=f"{reason}: {words}"[:ERR_MAX])


def anew(old: ChannelLevel) -> ChannelLevel:
    """Return the record where nothing has failed: its ladders start anew."""
    return ladder.ended(old, anew=True)


def in_step(old: ChannelLevel, now: int) -> ChannelLevel:
    """Return the record of a SKU that shows what it should."""
    return replace(anew(old), status=Status.IN_STEP, err=None, dirty_since=None, at=now)


def held(old: ChannelLevel, now: int) -> ChannelLevel:
    """Return the record of a SKU whose 0 the brake holds."""
    since = old.dirty_since or now
    return replace(anew(old), status=Status.SENDING, err=HELD, dirty_since=since, at=now)


def discarded(old: ChannelLevel, actor: str, reason: str) -> ChannelLevel:
    """Return the record of a dead SKU whose letter a person has closed."""
    return replace(old, err=f"{DISCARDED}: by {actor or 'unknown'}: {reason}; it was {old.err}"[:ERR_MAX])


def word(record: ChannelLevel) -> str:
    """Return the first word of what went wrong with a SKU: a reason of `schemas.words.Reason`, or another of ours."""
    return (record.err or "").partition(":")[0]


def dead_letter_id(channel: str, record: ChannelLevel) -> str:
    """Return the id of the dead letter of a dead record, so that its end can be told without keeping it."""
    return f"{channel}-{hashlib.sha256(record.sku.encode()).hexdigest()[:24]}-{record.at}"


def dead_letter(channel: str, record: ChannelLevel) -> DeadLetter:
    """Return the dead letter of a record that has just died."""
    reason, _, words = (record.err or "").partition(": ")
    sent = [shown.sent for shown in record.listings.values() if shown.sent is not None]
    return DeadLetter(
        dead_letter_id=dead_letter_id(channel, record),
        reason=Reason(reason),
        err=words,
        at=record.at,
        sku=record.sku,
        channel=channel,
        qty=sent[-1] if sent else None,
        attempts=record.attempt,
    )


def resolution(channel: str, record: ChannelLevel, words: str, now: int) -> DeadLetter:
    """Return the record that closes a dead record's letter, because the SKU is tried again."""
    died = dead_letter_id(channel, record)
    return replace(dead_letter(channel, record), dead_letter_id=f"{died}-resolved", resolves=died, err=words, at=now)
