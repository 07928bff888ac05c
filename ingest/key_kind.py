"""How a kind's public keys are found, where a webhook names the key that signed it.  Every function is pure."""

from collections.abc import Sequence
from typing import Protocol

from ingest.poll.kind import Answer, Denied, Grant, Later, Request
from ingest.webhook import Headers
from schemas.settings import Channel


class Keys(Protocol):
    """What the shell (`ingest.keys`) needs to fetch a key; the kind's `verify` is handed it instead of secrets."""

    @property
    def GRANT(self) -> Grant:  # noqa: N802 - a module's constant
        """How the access token is fetched with which keys are asked for."""

    @property
    def SECRETS(self) -> Sequence[str]:  # noqa: N802 - a module's constant
        """What must be configured for it, as `channel_secret` names it."""

    def key_id(self, headers: Headers) -> str:
        """Return the name of the key that is said to have signed; raises `BadSignature` where none is named."""

    def request(self, channel: Channel, token: str, key_id: str) -> Request:
        """Return the call that fetches a key."""

    def read(self, answer: Answer) -> str | Later | Denied:
        """Return the key as the channel shows it, "" where it says that there is none; never raises."""
