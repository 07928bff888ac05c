"""
aiokafka's transactional producer with two handlers exchanged, by subclassing: see `LaneSender`.

Both reach into aiokafka 0.14; `processor.private` checks the names at start-up.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import NodeNotReadyError
from aiokafka.producer.sender import BACKOFF_OVERRIDE, AddPartitionsToTxnHandler, EndTxnHandler, Sender

MARKER_WAIT_S = 0.004
"""How long to wait for the previous transaction's markers; aiokafka's 20 ms are most of a small transaction."""


class UnknownOutcomeError(Exception):
    """The answer to the end of a transaction was lost: it may or may not have been committed."""


class EndOnce(EndTxnHandler):  # type: ignore[misc] # aiokafka ships no types
    """
    Ends a transaction with one request, never two.

    aiokafka repeats EndTxn when its answer is lost.  With clients that predate KIP-890 the delayed first copy can then
    commit a part of the *next* transaction (KAFKA-17754).  An error *answer* means "not done", so repeating is right.
    """

    async def do(self, node_id: int) -> bool:
        """Send the request; raises `UnknownOutcomeError` when no answer comes, which ends this producer."""
        try:
            answer = await self._sender.client.send(node_id, self.create_request(), group=self.group)
        except NodeNotReadyError:  # never sent
            await asyncio.sleep(self.handle_error())
            return False
        except Exception as error:
            raise UnknownOutcomeError(repr(error)) from error
        backoff = self.handle_response(answer)
        if backoff is not None:
            await asyncio.sleep(backoff)
        return backoff is None


class AddPartitionsSoon(AddPartitionsToTxnHandler):  # type: ignore[misc] # likewise
    """Waits for the previous transaction's markers in small steps."""

    def handle_response(self, answer: Any) -> float | None:
        """Return how long to wait before the next try, in seconds, or None when done."""
        backoff: float | None = super().handle_response(answer)
        return MARKER_WAIT_S if backoff == BACKOFF_OVERRIDE else backoff


class LaneSender(Sender):  # type: ignore[misc] # likewise
    """aiokafka's sender with the two handlers above in the places of its own."""

    async def _do_add_partitions_to_txn(self, tps: Any) -> Any:
        return await AddPartitionsSoon(self, tps).do(await self._coordinator())

    async def _do_txn_commit(self, commit_result: Any) -> None:
        await self._message_accumulator.flush_for_commit()
        manager = self._txn_manager
        if manager.is_empty_transaction():
            manager.complete_transaction()
            return
        await EndOnce(self, commit_result).do(await self._coordinator())

    async def _coordinator(self) -> int:
        from aiokafka.client import CoordinationType

        node: int = await self._find_coordinator(CoordinationType.TRANSACTION, self._txn_manager.transactional_id)
        return node


class LaneProducer(AIOKafkaProducer):  # type: ignore[misc] # likewise
    """One partition's transactional producer."""

    def __init__(self, **settings: Any) -> None:
        """Take aiokafka's own settings."""
        super().__init__(**settings)
        old: Sender = self._sender  # type: ignore[has-type] # set by aiokafka's constructor
        self._sender = LaneSender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            message_accumulator=self._message_accumulator,
            retry_backoff_ms=round(old._retry_backoff * 1000),  # noqa: SLF001 - its own value back
            request_timeout_ms=self._request_timeout_ms,
        )

    async def abandon(self) -> None:
        """Close the connections without waiting for anything that is under way."""
        self._closed = True
        task = self._sender.sender_task
        if task is not None and not task.done():
            task.cancel()
        await self.client.close()
