"""What must hold of every answer, record, log line and metric, whatever was sent."""

import json
import logging
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence

from ingest.message import Message
from schemas import codec
from schemas.channel_records import Wake
from schemas.codec import Record
from schemas.logs import JsonFormatter
from schemas.records import DeadLetter, OrderConfirmed, StockAdjusted
from schemas.topics import INGEST_WAKE, ORDER_CONFIRMED, STOCK_ADJUSTED, STOCK_DEADLETTER
from tests.fuzz.plan import CANARIES, Plan
from tests.ingest.stage import Reply

TYPES: Mapping[str, type[Record]] = {
    ORDER_CONFIRMED: OrderConfirmed,
    STOCK_ADJUSTED: StockAdjusted,
    STOCK_DEADLETTER: DeadLetter,
    INGEST_WAKE: Wake,
}
STATUSES = frozenset({200, 202, 400, 401, 404, 405, 408, 413, 415, 503})
"""Every status that the README names."""
TEXTS = ("/healthz", "/readyz", "/metrics")
"""Addresses that answer in text; the answer to a question by GET is the channel's own JSON."""
TRACES = (b"Traceback", b'File "', b".py", b"Error:", b"aiohttp")
LINES_KEPT = 5_000
UNITS_MAX = 1_000_000_000
ANSWER_MAX = 200_000


class Surprise(AssertionError):  # noqa: N818 - what the fuzz looks for
    """Something that must never happen."""


class Log(logging.Handler):
    """Looks at every line as it would be written: nothing secret, no customer, no trace."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter("ingest"))
        self.secrets = tuple(secrets)
        self.forbidden = (*self.secrets, *CANARIES)
        self.found: list[str] = []
        self.written: deque[str] = deque(maxlen=LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line."""
        line = self.format(record)
        self.written.append(line)
        if record.exc_info or "Traceback" in line or any(part in line for part in self.forbidden):
            self.found.append(line[:3_000])


def answer(plan: Plan, reply: Reply, sent: Sequence[Message], *, down: bool) -> None:
    """Raise `Surprise` unless an answer, and what was produced for it, are among what may be."""
    if reply.status not in STATUSES:
        raise Surprise(f"status {reply.status}")
    if reply.status == 503 and not down:
        raise Surprise("503, and the broker takes everything")
    if any(trace in reply.body for trace in TRACES) and plan.path.split("?")[0] not in TEXTS:
        raise Surprise(f"a trace in the answer: {reply.body[:500]!r}")
    if any(canary.encode() in reply.body for canary in CANARIES):
        raise Surprise(f"a customer in the answer: {reply.body[:500]!r}")
    _shape(plan, reply)
    if sent and not plan.proved:
        raise Surprise(f"{len(sent)} records without a proof")
    if sent and (down or reply.status not in (200, 202)):
        raise Surprise(f"{len(sent)} records and an answer {reply.status}")
    _proofs(plan, reply, down=down)
    for message in sent:
        record(message)


def _shape(plan: Plan, reply: Reply) -> None:
    if plan.method in ("GET", "HEAD") and reply.status in (200, 503):
        return
    if reply.headers.get("content-type") != "application/json" or len(reply.body) > ANSWER_MAX:
        raise Surprise(f"not our JSON: {reply.headers} {reply.body[:200]!r}")
    if plan.method != "HEAD" and not isinstance(json.loads(reply.body)["answer"], str):
        raise Surprise(f"no verdict: {reply.body[:200]!r}")


def _proofs(plan: Plan, reply: Reply, *, down: bool) -> None:
    """Check that a proof is what lets a webhook in, and that nothing else keeps it out."""
    if plan.kind is not None and plan.whole:
        if plan.proved and not down and reply.status not in (200, 400, 413):
            raise Surprise(f"signed, and answered {reply.status}")
        if not plan.proved and reply.status not in (401, 413) and b'"ping"' not in reply.body:
            raise Surprise(f"not signed, and answered {reply.status}")


def record(message: Message) -> None:
    """Raise `Surprise` unless a record is within the contract and holds nobody's data."""
    try:
        found = codec.decode(TYPES[message.topic], message.value)
    except codec.WireError as error:
        raise Surprise(f"{message.topic}: {error}") from None
    if isinstance(found, OrderConfirmed):
        if not found.order_id.startswith(f"{found.channel}_"):
            raise Surprise(f"order id {found.order_id!r} of {found.channel}")
        if not 0 <= found.qty <= UNITS_MAX or not 0 < len(found.sku.encode()) <= 255:
            raise Surprise(f"{found.qty} units of {found.sku!r}")
        if message.key != found.sku.encode():
            raise Surprise("a record under another key than its SKU")
    whole = b"\0".join((message.key, message.value, *(value for _, value in message.headers)))
    if any(canary.encode() in whole for canary in CANARIES):
        raise Surprise(f"a customer in a record of {message.topic}: {whole[:500]!r}")


def exposition(text: str, secrets: Iterable[str]) -> None:
    """Raise `Surprise` where a metric holds a secret, a customer, or more labels than a deployment has."""
    for part in (*secrets, *CANARIES):
        if part in text:
            raise Surprise(f"{part!r} in a metric")
    series = Counter(line.split("{")[0].split(" ")[0] for line in text.splitlines() if not line.startswith("#"))
    for name, count in series.items():
        if count > 2_000:
            raise Surprise(f"{name} has {count} series")
