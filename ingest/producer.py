"""
Kafka's acknowledgement as something to wait for.

One thread serves librdkafka's callbacks; a batch's future is resolved when its last record is acknowledged by all
replicas in sync, or when the time for an answer is over.  A record that is acknowledged after that is harmless: it says
what a line holds, and the channel will say it again.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Producer as Client

from ingest import metrics
from ingest.message import Message
from schemas.config import Config

LOG = logging.getLogger(__name__)
POLL_S = 0.1
FLUSH_S = 5.0
SETTINGS: dict[str, str | float] = {
    "linger_ms": 2,
    # librdkafka's default of 10 s would keep answering 503 long after a broker is back.
    "reconnect_backoff_max_ms": 500,
    # A broker that is connected and says nothing: give up in time for the next try.
    "socket_timeout_ms": 10_000,
    # What waits is bounded by memory too, not only by requests.
    "queue_buffering_max_kbytes": 131_072,
}


class Unavailable(Exception):  # noqa: N818 - named for the reaction it demands
    """Kafka has not acknowledged every record in time: answer 503, the channel comes again."""


class _Finished:
    """
    Batches on their way from librdkafka's thread to the loop, which is woken once for all that come together.

    All wait for the same time, so the first to begin is the first to be given up: one timer is enough for all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, within_s: float) -> None:
        self.loop = loop
        self._within_s = within_s
        self._batches: deque[_Batch] = deque()
        self._woken = False
        self._waiting: deque[tuple[float, _Batch]] = deque()
        self._timed = False

    def expect(self, batch: "_Batch") -> None:
        """Give a batch up once the time for an answer is over."""
        due = self.loop.time() + self._within_s
        self._waiting.append((due, batch))
        if not self._timed:
            self._timed = True
            self.loop.call_at(due, self._expire)

    def _expire(self) -> None:
        now = self.loop.time()
        while self._waiting and (self._waiting[0][0] <= now or self._waiting[0][1].done.done()):
            self._waiting.popleft()[1].expire()
        self._timed = bool(self._waiting)
        if self._timed:
            self.loop.call_at(self._waiting[0][0], self._expire)

    def add(self, batch: "_Batch") -> None:
        """Hand over a batch, from any thread."""
        self._batches.append(batch)
        # First the batch, then the question; the loop answers it before it takes batches.  So none is left behind.
        if not self._woken and not self.loop.is_closed():
            self._woken = True
            self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        self._woken = False
        while self._batches:
            self._batches.popleft().resolve()


class _Batch:
    """The records of one answer; resolved once, in the loop."""

    __slots__ = ("done", "error", "finished", "left")

    def __init__(self, size: int, finished: _Finished) -> None:
        self.left = size
        self.error: KafkaError | None = None
        self.finished = finished
        self.done: asyncio.Future[None] = finished.loop.create_future()

    def acknowledged(self, error: KafkaError | None, _message: object) -> None:
        """Count one record; called by the client from its callback thread."""
        self.left -= 1
        self.error = self.error or error
        if self.left == 0:
            self.finished.add(self)

    def resolve(self) -> None:
        """Tell who waits."""
        if self.done.done():
            return  # nobody waits any more
        if self.error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(Unavailable(self.error.name()))

    def expire(self) -> None:
        """Give up: the time for an answer is over."""
        if not self.done.done():
            self.done.set_exception(Unavailable("no acknowledgement in time"))


class Producer:
    """An idempotent producer for one event loop."""

    def __init__(self, config: Config) -> None:
        """Connect in the background; nothing fails here when no broker answers."""
        self._config = config
        self._within_s = config.ingest.answer_within_ms / 1_000
        self._stopped = threading.Event()
        self._back: _Finished | None = None
        self._client = self._connect()
        self._thread = threading.Thread(target=self._serve, name="producer", daemon=True)
        self._thread.start()

    def _connect(self) -> Any:
        timeout = {"delivery_timeout_ms": self._config.ingest.answer_within_ms}
        return Client(self._config.kafka.producer(**SETTINGS, **timeout), logger=LOG)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            self._client.poll(POLL_S)

    @property
    def alive(self) -> bool:
        """Say whether acknowledgements are being served."""
        return self._thread.is_alive()

    async def send(self, messages: Sequence[Message]) -> None:
        """
        Return once Kafka has every message; raises `Unavailable` when it has not within the time for an answer.

        Bounded by `ingest.answer_within_ms`: librdkafka notices expired records only once a second.
        """
        if not messages:
            return
        batch = _Batch(len(messages), self._finished())
        # Not `wait_for`: it may take a cancellation for an acknowledgement of the same moment, and SIGTERM is lost.
        batch.finished.expect(batch)
        try:
            for message in messages:
                self._produce(message, batch)
            await batch.done
        except (Unavailable, BufferError, KafkaException) as error:
            batch.done.cancel()  # nobody waits for it any more
            metrics.SEND_FAILURES.inc()
            self._replace_if_fatal(error)
            raise Unavailable(str(error) or type(error).__name__) from None
        for topic in {message.topic for message in messages}:
            metrics.RECORDS.labels(topic).inc(sum(message.topic == topic for message in messages))

    def _finished(self) -> _Finished:
        """Return the way back to the running loop."""
        loop = asyncio.get_running_loop()
        if self._back is None or self._back.loop is not loop:
            self._back = _Finished(loop, self._within_s)
        return self._back

    def _produce(self, message: Message, batch: _Batch) -> None:
        self._client.produce(
            self._config.kafka.topic(message.topic),
            key=message.key,
            value=message.value,
            headers=message.headers,
            on_delivery=batch.acknowledged,
        )

    def _replace_if_fatal(self, error: Exception) -> None:
        """Start over with a new producer id after an error that an idempotent producer cannot outlive."""
        cause = error.args[0] if isinstance(error, KafkaException) else None
        if isinstance(cause, KafkaError) and (cause.fatal() or cause.code() == KafkaError._FATAL):  # noqa: SLF001 - the library's public name for it
            LOG.critical("producer replaced after a fatal error: %s", cause.name())
            self._client = self._connect()

    async def close(self) -> None:
        """Wait for what is under way, at most `FLUSH_S`, and stop."""
        left = await asyncio.to_thread(self._client.flush, FLUSH_S)
        if left:
            LOG.warning("%d records were not acknowledged; none of them was answered 200", left)
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)
