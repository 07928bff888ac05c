"""What the tables know about a SKU, as the records that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas import channel_records, records


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    All that the tables know about a SKU.

    Args:
        level: its level, or null.
        levels: the levels of what bundles of this SKU are made of.
        listings: what each channel lists of it, by channel.
        channels: what each channel shows, by channel.
        calls: the last row of a call, by channel and listing.
        decisions: the last decisions, newest first.
        as_of_ms: all that Kafka had for this SKU at this time is in the tables; null when the ledger cannot say.
        now_ms: the database's clock.

    """

    level: records.StockLevel | None
    levels: Mapping[str, records.StockLevel] = field(default_factory=dict)
    listings: Mapping[str, Sequence[channel_records.Listing]] = field(default_factory=dict)
    channels: Mapping[str, channel_records.ChannelLevel]
    calls: Mapping[tuple[str, str], channel_records.SyncLog]
    decisions: Sequence[records.OrderOutcome]
    as_of_ms: int | None
    now_ms: int
