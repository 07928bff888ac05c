"""
One SQS queue: receive, delete, keep.

Facts: docs.aws.amazon.com SQS API reference.  At most ten messages a call, long polling up to 20 s; a message that was
received is shown to nobody else for the visibility timeout, and comes again unless it is deleted before.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from ingest.queue.address import name, region

LOG = logging.getLogger(__name__)
BATCH = 10
"""SQS's own maximum for one call."""
WAIT_S = 20
"""The longest that SQS holds an empty answer back."""
VISIBILITY_S = 15
"""
How long a received message is ours without a word; while Kafka is slow it is kept alive.

As short as that keeps orders from waiting long for another process when this one is killed.
"""
REFUSED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Error codes that say that it is the credentials."""

BUSY = frozenset({"KmsThrottled", "OverLimit", "RequestThrottled"})
"""Error codes that come with a 403 and mean that it is too much."""


class Trouble(Exception):  # noqa: N818 - named for the reaction it demands
    """The queue did not answer as it should: ask again later."""


class CredentialsRefused(Trouble):
    """The credentials are refused: somebody has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A key of our own secrets; without one botocore looks where it always does (a role of the pod, say)."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    session: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A received message; `sent_at` is when it was put into the queue, milliseconds."""

    body: bytes = field(repr=False)
    receipt: str = field(repr=False)
    sent_at: int


class Queue:
    """A queue; any number of tasks of one loop may use it."""

    def __init__(
        self, url: str, endpoint: str, credentials: Callable[[], Credentials | None], session: AioSession
    ) -> None:
        """
        Connect at the first call.

        Args:
            url: the queue's own, which names its region.
            endpoint: where to call instead of AWS's own address, "" for that.
            credentials: read before each call for messages, so that a rotated key is taken up.
            session: botocore's, shared by all queues: it reads AWS's own models once, and keeps a role's credentials.

        """
        self.url, self.name = url, name(url)
        self._endpoint, self._credentials = endpoint, credentials
        self._session, self._stack, self._older = session, AsyncExitStack(), AsyncExitStack()
        self._client: Any = None
        self._used: Credentials | None = None
        self._connecting = asyncio.Lock()

    async def _connected(self) -> Any:
        async with self._connecting:
            wanted = self._credentials()
            if self._client is None or wanted != self._used:
                await self._renew(wanted)
        return self._client

    async def _renew(self, wanted: Credentials | None) -> None:
        """Open a client; the one before stays open until the next time, since tasks may be in the middle of a call."""
        stack = AsyncExitStack()
        self._client = await stack.enter_async_context(self._connect(wanted))
        self._used = wanted
        idle, self._older, self._stack = self._older, self._stack, stack
        await idle.aclose()

    def _connect(self, wanted: Credentials | None) -> Any:
        given = {} if wanted is None else _keys(wanted)
        return self._session.create_client(
            "sqs",
            region_name=region(self.url),
            endpoint_url=self._endpoint or None,
            config=AioConfig(
                connect_timeout=5,
                read_timeout=WAIT_S + 10,
                # Our own back-off, which shows in the metrics.
                retries={"total_max_attempts": 1, "mode": "standard"},
                max_pool_connections=32,
            ),
            **given,
        )

    async def receive(self) -> list[Letter]:
        """Return up to ten messages, none after 20 s without any; raises `Trouble`."""
        answer = await self._call(
            "receive_message",
            MaxNumberOfMessages=BATCH,
            WaitTimeSeconds=WAIT_S,
            VisibilityTimeout=VISIBILITY_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return [_letter(message) for message in answer.get("Messages", ())]

    async def delete(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete messages and return those that SQS did not delete; raises `Trouble`."""
        entries = [{"Id": str(at), "ReceiptHandle": letter.receipt} for at, letter in enumerate(letters)]
        answer = await self._call("delete_message_batch", Entries=entries)
        return [letters[int(failed["Id"])] for failed in answer.get("Failed", ())]

    async def keep(self, letters: Sequence[Letter]) -> None:
        """Keep messages from being shown to others for another visibility timeout; raises `Trouble`."""
        entries = [
            {"Id": str(at), "ReceiptHandle": letter.receipt, "VisibilityTimeout": VISIBILITY_S}
            for at, letter in enumerate(letters)
        ]
        await self._call("change_message_visibility_batch", Entries=entries)

    async def _call(self, operation: str, **parameters: Any) -> Any:
        try:
            client = await self._connected()
            return await getattr(client, operation)(QueueUrl=self.url, **parameters)
        except ClientError as error:
            raise _judged(error) from None
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise CredentialsRefused(type(error).__name__) from None
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise Trouble(type(error).__name__) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._older.aclose()
        await self._stack.aclose()


def _keys(given: Credentials) -> dict[str, str | None]:
    return {
        "aws_access_key_id": given.key,
        "aws_secret_access_key": given.secret,
        "aws_session_token": given.session,
    }


def _letter(message: Any) -> Letter:
    sent = message.get("Attributes", {}).get("SentTimestamp", "0")
    return Letter(body=message["Body"].encode(), receipt=message["ReceiptHandle"], sent_at=int(sent))


def _judged(error: ClientError) -> Trouble:
    """Tell refused credentials from a queue in trouble; the code is AWS's own word, the message may quote ids."""
    code = str(error.response.get("Error", {}).get("Code", "")).rpartition(".")[2]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    denied = code in REFUSED or (status in (401, 403) and code not in BUSY)
    return CredentialsRefused(code) if denied else Trouble(code or str(status))
