"""
The processing report of a feed of listings: what became of each of its messages.

Facts: amzn/selling-partner-api-models `schemas/feeds/listings-feed-processing-report-schema-v2.json`: what is not named
with an ERROR was accepted, which is not yet applied (amzn/selling-partner-api-models#4801); an issue without a
`messageId` is the whole feed's.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from publishers.channels.amazon_answers import Object, document, fault, objects, text, words
from publishers.push import Accepted, Retry, Row, Verdict

GZIP = "GZIP"
GZIP_MAGIC = b"\x1f\x8b"
UNPACKED_MAX = 32 * 1024 * 1024
"""Most bytes that a report may have unpacked: 25,000 messages, each with several errors."""
_GZIP_BITS = 31
"""What zlib calls the gzip format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The errors of a report: by message, and those of the whole feed."""

    messages: Mapping[int, Sequence[Object]] = field(default_factory=dict)
    whole: Sequence[Object] = ()


def read(body: bytes, algorithm: str) -> Report | None:
    """Return what a report's file says; None where it cannot be read, whatever it holds."""
    # A storage that unpacks by itself, or a client that does, leaves nothing to unpack.
    packed = algorithm == GZIP and body.startswith(GZIP_MAGIC)
    plain = _unpacked(body) if packed else body
    told = {} if plain is None else document(plain)
    return _errors(objects(told["issues"])) if isinstance(told.get("issues"), list) else None


def _unpacked(body: bytes) -> bytes | None:
    """Return what was packed; None where it is broken, or larger than `UNPACKED_MAX`."""
    unpacker = zlib.decompressobj(_GZIP_BITS)
    try:
        plain = unpacker.decompress(body, UNPACKED_MAX)
    except zlib.error:
        return None
    return plain if unpacker.eof else None


def _errors(issues: Sequence[Object]) -> Report:
    messages, whole = dict[int, list[Object]](), list[Object]()
    for issue in issues:
        if text(issue, "severity") == "ERROR":
            number = issue.get("messageId")
            (messages.setdefault(number, []) if type(number) is int else whole).append(issue)
    return Report(messages=messages, whole=tuple(whole))


def verdicts(rows: Sequence[Row], report: Report) -> tuple[Verdict, ...]:
    """Return what the report says of each row; messages are counted from 1."""
    return tuple(_verdict(report.messages.get(number, ()), report) for number, _ in enumerate(rows, 1))


def _verdict(own: Sequence[Object], report: Report) -> Verdict:
    if own:
        return fault(f"in a feed: {words(own)}", own)
    # What is wrong with the whole feed is not the row's fault, and no reason to give it up.
    return Retry(f"the whole feed: {words(report.whole)}") if report.whole else Accepted()
