"""What a handler may use, in one place."""

from dataclasses import dataclass, field

from aiohttp import web

from ingest.keys import Keyring
from ingest.listings import Listings
from ingest.outcomes import Outcomes
from ingest.producer import Producer
from schemas.config import Channel, Config, Secrets
from schemas.settings import Kind


@dataclass(slots=True, kw_only=True)
class Service:
    """One running ingest process."""

    config: Config
    secrets: Secrets
    producer: Producer
    listings: Listings
    outcomes: Outcomes
    keys: Keyring = field(init=False)
    draining: bool = False
    in_flight: int = 0
    channels: dict[str, Channel] = field(init=False)
    aliases: dict[tuple[Kind, str], Channel] = field(init=False)

    def __post_init__(self) -> None:
        """Index the channels by name, and by the alias that tells them apart behind a shared address."""
        # Half of the time for an answer: the other half is Kafka's.
        self.keys = Keyring(self.secrets, patience_ms=self.config.ingest.answer_within_ms // 2)
        self.channels = {channel.name: channel for channel in self.config.channels}
        named = (channel for channel in self.config.channels if channel.alias)
        self.aliases = {(channel.kind, channel.alias.lower()): channel for channel in named}

    @property
    def ready(self) -> bool:
        """
        Say whether requests should come here.

        Not a question of the broker: during a blip a 503 with `Retry-After` tells a channel more than no connection.
        """
        return self.listings.loaded and not self.draining

    @property
    def alive(self) -> bool:
        """Say whether both threads are at work."""
        return self.producer.alive and self.listings.alive


SERVICE = web.AppKey("service", Service)
