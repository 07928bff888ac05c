"""The tables that the ledger fills, as data: columns in the order of a row, and the statements that write them."""

from dataclasses import dataclass

POSITION = (("topic_id", "text"), ("topic_partition", "integer"), ("topic_offset", "bigint"))
"""Where a row's record stands in Kafka: the last three values of every row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    One table.

    Args:
        name: its name.
        columns: name and PostgreSQL type of each column, without the position.
        key: the columns that name a row which a newer record replaces; empty where rows are only ever added.
        owner: the part of the key that a record speaks for as a whole: its rows go when a newer record comes.

    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()

    @property
    def insert(self) -> str:
        """
        Return the statement that writes any number of rows, given as one array a column.

        Rows that stand there already are left alone (added rows) or replaced by newer records only (keyed rows), so
        writing the same records again changes nothing.
        """
        columns = (*self.columns, *POSITION)
        names = ", ".join(f'"{name}"' for name, _ in columns)
        return f"INSERT INTO {self.name} ({names}) SELECT {names} FROM {_unnest(columns)} ON CONFLICT {self._conflict}"  # noqa: S608 - every name stands in this file

    @property
    def _conflict(self) -> str:
        if not self.key:
            return "DO NOTHING"
        moves = ", ".join(f'"{name}" = excluded."{name}"' for name, _ in (*self.columns, *POSITION))
        return f"({', '.join(self.key)}) DO UPDATE SET {moves} WHERE {_older(self.name, 'excluded')}"

    @property
    def delete(self) -> str:
        """Return the statement that removes what older records said of `owner`, given as one array a column."""
        columns = (*((name, "text") for name in self.owner), *POSITION)
        same = " AND ".join(f"{self.name}.{name} = r.{name}" for name in self.owner)
        return f"DELETE FROM {self.name} USING {_unnest(columns)} WHERE {same} AND {_older(self.name, 'r')}"  # noqa: S608 - likewise


def _unnest(columns: tuple[tuple[str, str], ...]) -> str:
    arrays = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(columns, 1))
    names = ", ".join(f'"{name}"' for name, _ in columns)
    return f"unnest({arrays}) AS r ({names})"


def _older(ours: str, theirs: str) -> str:
    """Offsets compare within one topic only; a topic that was made again has another id, and is the newer one."""
    return f"({ours}.topic_id <> {theirs}.topic_id OR {ours}.topic_offset < {theirs}.topic_offset)"


PRODUCTS = Table(
    name="products",
    key=("sku",),
    owner=("sku",),
    columns=(
        ("sku", "text"),
        ("master_quantity", "bigint"),
        ("version", "bigint"),
        ("paused", "text"),
        ("policy", "text"),
        ("waiting", "jsonb"),
        ("waiting_more", "bigint"),
        ("velocity", "bigint"),
        ("cause", "jsonb"),
        ("source", "jsonb"),
        ("updated_at", "timestamptz"),
    ),
)
ORDER_EVENTS = Table(
    name="order_events",
    columns=(
        ("sku", "text"),
        ("qty", "bigint"),
        ("channel", "text"),
        ("order_id", "text"),
        ("result", "text"),
        ("timestamp", "timestamptz"),
        ("held", "bigint"),
        ("shortfall", "bigint"),
        ("delta", "bigint"),
        ("new_qty", "bigint"),
        ("version", "bigint"),
        ("revision", "bigint"),
        ("seen_at", "timestamptz"),
        ("ordered_at", "timestamptz"),
        ("source", "jsonb"),
    ),
)
SYNC_LOG = Table(
    name="sync_log",
    columns=(
        ("call_id", "text"),
        ("channel", "text"),
        ("sku", "text"),
        ("listing_id", "text"),
        ("quantity_sent", "bigint"),
        ("version", "bigint"),
        ("response_code", "bigint"),
        ("verdict", "text"),
        ("error", "text"),
        ("started_at", "timestamptz"),
        ("duration_ms", "bigint"),
        ("lag_ms", "bigint"),
    ),
)
CHANNEL_STATE = Table(
    name="channel_state",
    key=("sku", "channel", "listing_id"),
    owner=("sku", "channel"),
    columns=(
        ("sku", "text"),
        ("channel", "text"),
        ("listing_id", "text"),
        ("shown", "bigint"),
        ("shown_at", "timestamptz"),
        ("inferred", "boolean"),
        ("sent", "bigint"),
        ("sent_version", "bigint"),
        ("sent_at", "timestamptz"),
        ("request_id", "text"),
        ("retired", "boolean"),
        ("hidden", "bigint"),
        ("status", "text"),
        ("attempt", "bigint"),
        ("next_attempt_at", "timestamptz"),
        ("err", "text"),
        ("dirty_since", "timestamptz"),
        ("at", "timestamptz"),
        ("accepted_at", "timestamptz"),
    ),
)
LISTINGS = Table(
    name="listings",
    key=("channel", "listing_id", "place"),
    owner=("channel", "listing_id", "place"),
    columns=(
        ("channel", "text"),
        ("listing_id", "text"),
        ("place", "text"),
        ("sku", "text"),
        ("components", "jsonb"),
        ("retired", "boolean"),
    ),
)
FAULTS = Table(
    name="ledger_faults",
    columns=(("topic", "text"), ("kind", "text"), ("err", "text"), ("through_offset", "bigint")),
)
BY_NAME = {table.name: table for table in (PRODUCTS, ORDER_EVENTS, SYNC_LOG, CHANNEL_STATE, LISTINGS, FAULTS)}
