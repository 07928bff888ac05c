"""
How a channel's calls prove who we are: secrets that are read anew for each call, and the access token they buy.

A token that the channel refuses is fetched anew, and the call is made once more, before that counts as refused
credentials.
"""

import time
from collections.abc import Mapping
from dataclasses import replace

from publishers.delivery import Delivery
from publishers.grant import Denied, Grant, Later
from publishers.kind import Kind
from publishers.push import TOKEN, Request, Response
from publishers.tokens import Tokens
from schemas.config import ConfigError, Secrets, channel_secret
from schemas.settings import Channel

FETCH_MS = 10_000
"""The time that a token's fetch may take."""


def _now() -> int:
    """Return a time in ms that nobody sets back: a token's life is a span."""
    return time.monotonic_ns() // 1_000_000


def asked(kind: Kind, grant: Grant | None) -> frozenset[str]:
    """Return the names of the secrets that have to be configured for a kind: its own, and those that buy its token."""
    return frozenset(kind.SECRETS) if grant is None else frozenset({*kind.SECRETS, *grant.SECRETS}) - {TOKEN}


class WithheldError(Exception):
    """Nothing proves who we are until a person changes something: secrets are missing, or buy no token."""


class NoTokenError(Exception):
    """There is no access token just now: where tokens are granted, something does not work."""


class Access:
    """What proves who we are to one channel."""

    def __init__(self, channel: Channel, kind: Kind, grant: Grant | None, secrets: Secrets, delivery: Delivery) -> None:
        """Fetch nothing yet."""
        self._channel, self._kind, self._grant, self._secrets = channel, kind, grant, secrets
        self._delivery = delivery
        self._tokens = None if grant is None else Tokens(channel, grant, self._fetch, _now)
        self._known: Mapping[str, str] | None = None
        self._epoch = 0
        self._refused = -1

    @property
    def names(self) -> list[str]:
        """Return under which names the secrets are configured."""
        return [
            f"LASTUNIT_{channel_secret(self._channel.name, name)}" for name in sorted(asked(self._kind, self._grant))
        ]

    async def headers(self) -> Mapping[str, str]:
        """Return the headers of a call to make now; raises `WithheldError` (and has noted it) or `NoTokenError`."""
        proof, _ = await self._proof()
        return self._kind.headers(proof)

    async def send(self, request: Request, timeout_ms: int) -> Response:
        """
        Make a call within `timeout_ms`, once more with another token where its token is refused.

        Raises `WithheldError` (and has noted it).  Where there is no token just now the call is unanswered and unsent.
        """
        ends_at = _now() + timeout_ms
        response, refused = await self._once(request, ends_at)
        if refused and _now() < ends_at:
            response, _ = await self._once(request, ends_at)
        return response

    def refused(self, epoch: int | None = None) -> None:
        """Take note that the channel refuses what was configured at a response's `epoch`, or (None) what is now."""
        self._refused = self._epoch if epoch is None else epoch

    def rotated(self) -> bool:
        """Say whether other secrets are configured than those that were refused."""
        try:
            self._configured()
        except WithheldError:
            return False
        return self._epoch != self._refused

    async def _once(self, request: Request, ends_at: int) -> tuple[Response, bool]:
        """Make the call; the second value says that its token was refused, and may have been replaced."""
        try:
            proof, epoch = await self._proof()
        except NoTokenError as error:
            return Response(status=0, err=str(error), unsent=True), False
        left = ends_at - _now()
        if left <= 0:
            return Response(status=0, err="the access token came too late", unsent=True), False
        response = replace(await self._delivery.send(request, self._kind.headers(proof), left), epoch=epoch)
        if self._tokens is None or self._grant is None or request.url or not self._grant.expired(response):
            return response, False
        self._tokens.refused(proof[TOKEN])
        return response, True

    async def _proof(self) -> tuple[Mapping[str, str], int]:
        """Return the secrets that the kind's headers are made of, the token among them, and their epoch."""
        try:
            return await self._bought()
        except WithheldError:
            self.refused()
            raise

    async def _bought(self) -> tuple[Mapping[str, str], int]:
        secrets, epoch = self._configured(), self._epoch
        if self._tokens is None or self._grant is None:
            return secrets, epoch
        found = await self._tokens.get({name: secrets[name] for name in self._grant.SECRETS})
        if isinstance(found, Denied):
            raise WithheldError(found.why)
        if isinstance(found, Later):
            raise NoTokenError(found.why)
        return {**secrets, TOKEN: found.value}, epoch

    def _configured(self) -> Mapping[str, str]:
        names = sorted(asked(self._kind, self._grant))
        try:
            secrets = {name: self._secrets.one(channel_secret(self._channel.name, name)) for name in names}
        except ConfigError as error:
            self._known = None
            raise WithheldError(str(error)) from None
        if secrets != self._known:
            self._known, self._epoch = secrets, self._epoch + 1
        return secrets

    async def _fetch(self, request: Request) -> Response:
        return await self._delivery.send(request, {}, FETCH_MS)
