"""What a deployment's one TOML file may say: typed, bounded, with the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from schemas.brokers import Kafka, Short
from schemas.shapes import Bytes, Pattern, Range
from schemas.topics import DAY_MS
from schemas.words import ChannelName, Millis, Policy, Units

__all__ = [
    "PER_APP",
    "Channel",
    "Config",
    "Ingest",
    "Kafka",
    "Kind",
    "Ledger",
    "Mode",
    "Order",
    "Percent",
    "Positive",
    "Processor",
    "Publishers",
    "Rules",
    "Short",
    "Store",
    "Url",
    "Window",
]

Url = Annotated[str, Pattern(r"https?://[^\s?#]+[^\s?#/]|")]
Positive = Annotated[int, Range(1, 2**40)]
Percent = Annotated[int, Range(0, 100)]


class Kind(StrEnum):
    """The kinds of channel that there is code for."""

    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    GENERIC = "generic"
    EBAY = "ebay"
    AMAZON = "amazon"
    ETSY = "etsy"


PER_APP = frozenset({Kind.EBAY, Kind.ETSY})
"""The kinds whose vendors count the calls of an app, whichever account they are for."""


class Store(StrEnum):
    """Where the processor's tables live: in memory for small catalogues, on disk for large ones."""

    MEMORY = "memory"
    ROCKSDB = "rocksdb"


class Order(StrEnum):
    """In which order a channel's SKUs are told: nearest oversell first, best sellers first, or as they came."""

    RISK = "risk"
    TOP20 = "top20"
    FIFO = "fifo"


class Mode(StrEnum):
    """Whether a channel's publisher only shows what it would do, or does it."""

    SHADOW = "shadow"
    PUSH = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    What a channel is shown of a level.

    `n = (quantity - buffer) * percent // 100`, at most `max`; 0 where it is below `floor`, below zero or paused.
    """

    buffer: Units = 0
    percent: Percent = 100
    max: Units | None = None
    floor: Units = 0
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    A limit: `calls` (or, with `points`, points) in `per_ms` milliseconds, with room for `burst` at once.

    A `rolling` one is no bucket that refills: in any `per_ms` there are at most `calls`, and `burst` is the same.  With
    `per_listing` it holds for each listing by itself.
    """

    calls: Positive
    per_ms: Positive
    burst: Positive
    points: bool = False
    rolling: bool = False
    per_listing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """
    One account at one sales channel.

    `since` is when it was connected: older orders that we do not know change nothing.  `alias` is the account's own
    name at the channel, by which a webhook at a shared address finds it: a Shopify shop's domain, an Amazon seller id,
    an Etsy shop id, an eBay seller's user id.  Empty limits and an empty ladder mean the kind's own.  By up to
    `search_lag_ms` the channel's search may show an order later than the channel has taken it: for so long a sale that
    no order explains is believed.

    `push_limit`, `read_limit` (read-backs) and `orders_limit` split what the channel allows by purpose; channels of a
    kind with the same `app` share what it allows an app: evenly, but for `orders_limit`, which each of them must name.
    Every `reconcile_every_ms` the whole channel is read back.  When one change would show 0 for more than
    `brake_percent` of the listings, and neither orders nor an operator's pause are the cause, it waits for a person
    (100: never).

    `auth_url` is where access tokens are fetched, where that is another address than `base_url`.  `webhook_url` is the
    public address of this channel's webhooks, as the channel was told it.  `hold_pending` says whether an order that is
    not paid yet holds its units, where the channel tells (Amazon, Etsy).  Amazon alone has `marketplaces`, and the SQS
    `queues` with their `queue_endpoint` (empty: AWS's own).  With `renew_sold_out` a listing that has sold out is put
    on sale again where that costs a fee (Etsy); without it a person does that.
    """

    name: ChannelName
    kind: Kind
    since: Millis
    base_url: Url = ""
    auth_url: Url = ""
    webhook_url: Url = ""
    alias: Short = ""
    marketplaces: tuple[Short, ...] = ()
    queues: tuple[Url, ...] = ()
    queue_endpoint: Url = ""
    hold_pending: bool = True
    renew_sold_out: bool = False
    location: Short = ""
    api_version: Annotated[str, Pattern(r"[A-Za-z0-9./-]{0,20}")] = ""
    mode: Mode = Mode.SHADOW
    rules: Rules = field(default_factory=Rules)
    sku_rules: Mapping[str, Rules] = field(default_factory=dict)
    app: Short = ""
    order: Order = Order.RISK
    push_limit: tuple[Window, ...] = ()
    read_limit: tuple[Window, ...] = ()
    orders_limit: tuple[Window, ...] = ()
    ladder_ms: tuple[Positive, ...] = ()
    call_timeout_ms: Annotated[int, Range(100, 600_000)] = 10_000
    poll_every_ms: Annotated[int, Range(100, DAY_MS)] = 60_000
    search_lag_ms: Annotated[int, Range(1_000, DAY_MS)] = 300_000
    reconcile_every_ms: Annotated[int, Range(1_000, 7 * DAY_MS)] = 900_000
    brake_percent: Percent = 20

    def rules_for(self, sku: str) -> Rules:
        """Return the rules of one SKU: its own where there are any, else the channel's."""
        return self.sku_rules.get(sku, self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingest:
    """
    What is accepted from outside.

    Below the folder `state_dir` each poller keeps its index of order lines, so that a start reads only what is new;
    without one the index is in memory, about 0.75 KB a line, and is read anew at each start.
    """

    body_max: Positive = 1_048_576
    lines_max: Positive = 10_000
    answer_within_ms: Annotated[int, Range(100, 60_000)] = 2_000
    state_dir: Annotated[str, Bytes(0, 1_000)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """
    How stock is decided.

    `store` says where the tables live; `rocksdb` keeps them below the folder `state_dir`, so that a worker that comes
    back reads only what is new in the topics.  `standbys` is how many other workers follow each partition's tables,
    ready to take over.  Order lines older than `horizon_ms` are forgotten; `order.outcome` keeps them no longer either.

    A record that cannot be used becomes a dead letter; more than `dead_letters_max` of them among
    `dead_letters_window` records of a topic's partition on end stop the partition, before a broken release upstream
    drains its topic.  `session_timeout_ms` is how long a dead worker keeps its partitions from the others; a worker
    that is started again under its own name (`--instance`, a StatefulSet's pod name) within it has them back at once.
    """

    policy: Policy = Policy.REJECT
    sku_policies: Mapping[str, Policy] = field(default_factory=dict)
    horizon_ms: Annotated[int, Range(1, 90 * DAY_MS)] = 90 * DAY_MS
    store: Store = Store.MEMORY
    state_dir: Annotated[str, Bytes(0, 1_000)] = ""
    standbys: Annotated[int, Range(0, 1)] = 1
    batch_max: Annotated[int, Range(1, 10_000)] = 4_000
    session_timeout_ms: Annotated[int, Range(6_000, 300_000)] = 10_000
    dead_letters_max: Annotated[int, Range(0, 200)] = 50
    dead_letters_window: Annotated[int, Range(1, 1_000_000)] = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishers:
    """
    How channels are told.

    `time_scale`, in thousandths, shortens ladders, circuits and incidents for rehearsals (1000 is real time).  Where
    Slack is told of incidents with a bot's token, `slack_channel` is the channel's id, or its name with `#`.
    """

    time_scale: Annotated[int, Range(1, 1_000)] = 1_000
    slack_channel: Short = ""
    slack_api_url: Url = "https://slack.com/api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """How the ledger writes."""

    batch_max: Annotated[int, Range(1, 100_000)] = 2_000
    flush_ms: Annotated[int, Range(1, 60_000)] = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole deployment."""

    kafka: Kafka
    channels: tuple[Channel, ...] = ()
    ingest: Ingest = field(default_factory=Ingest)
    processor: Processor = field(default_factory=Processor)
    publishers: Publishers = field(default_factory=Publishers)
    ledger: Ledger = field(default_factory=Ledger)

    def channel(self, name: str) -> Channel:
        """Return the channel of that name; raises `KeyError` when there is none."""
        return {channel.name: channel for channel in self.channels}[name]

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Return the names of all channels, in the file's order."""
        return tuple(channel.name for channel in self.channels)
