"""What the tables know about a SKU, as the records that it came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas import channel_records, records


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    All that the tables know about a SKU.

    Args:
        level: its level, or null.
        channels: what each channel shows, by channel.
        calls: the last row of a call, by channel and listing.
        decisions: the last decisions, newest first.
        as_of_ms: all that Kafka had for this SKU at this time is in the tables; null when the ledger cannot say.
        now_ms: the database's clock.

    """

    level: records.StockLevel | None
    channels: Mapping[str, channel_records.ChannelLevel]
    calls: Mapping[tuple[str, str], channel_records.SyncLog]
    decisions: Sequence[records.OrderOutcome]
    as_of_ms: int | None
    now_ms: int
