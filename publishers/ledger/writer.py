"""The PostgreSQL side: one connection, one transaction a batch, positions compared before they are moved."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files

import asyncpg

from publishers.ledger.batch import Batch, Slot
from publishers.ledger.rows import Row
from publishers.ledger.tables import BY_NAME
from schemas.config import ConfigError

CONNECT_S = 5.0
COMMAND_S = 60.0
LOCK = 7_226_014_509_311_021
"""The advisory lock that one migrating process holds; any number will do, as long as it stays this one."""
MIGRATIONS = ("schema_1.sql", "schema_2.sql", "schema_3.sql")
OUTAGES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asyncpg raises when PostgreSQL is down, starting, stopping, full or locked: wait and begin again.

`InternalClientError` among them: a server that stops in the middle of an answer leaves the client in that state.
"""

_OPEN = """
INSERT INTO ledger_positions (topic_id, topic_partition, topic, next_offset)
SELECT * FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[])
ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM ledger_positions WHERE topic = ANY($1::text[]) AND topic_id <> ALL($2::text[])"
_READ = "SELECT topic, topic_partition, next_offset FROM ledger_positions WHERE topic_id = ANY($1::text[])"
_MOVE = """
UPDATE ledger_positions p
SET next_offset = r.next_offset, caught_up_at = CASE WHEN r.at_end THEN clock_timestamp() ELSE p.caught_up_at END
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::boolean[])
    AS r (topic_id, topic_partition, expected, next_offset, at_end)
WHERE p.topic_id = r.topic_id AND p.topic_partition = r.topic_partition AND p.next_offset = r.expected
"""


class MovedError(Exception):
    """A position is not where this process left it (another ledger, a restored backup): read the positions again."""


class SchemaError(Exception):
    """The database's tables are of another version than this program: its words say what to start."""


async def connected(dsn: str, command_timeout: float) -> asyncpg.Connection:
    """Connect; raises one of `OUTAGES`, or `ConfigError`, which names nothing of an address that cannot be read."""
    try:
        return await asyncpg.connect(dsn, timeout=CONNECT_S, command_timeout=command_timeout)
    except OSError:
        raise  # a refused certificate is a ValueError too
    except ValueError:
        # The client's own words quote what it took for a port: it may be a part of the password.
        raise ConfigError(
            "secret POSTGRES_DSN is no address: want postgresql://user:password@host:port/database,"
            " with / # @ : and the like in the password percent-encoded"
        ) from None


class Writer:
    """
    Writes batches; `connect` first, and again after any error.

    Args:
        dsn: returns the connection string, asked at each connect, so that a rotated password is taken up.

    """

    def __init__(self, dsn: Callable[[], str]) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    @property
    def up(self) -> bool:
        """Say whether there is a connection that has not failed."""
        return self._connection is not None and not self._connection.is_closed()

    async def connect(self) -> None:
        """Connect and bring the tables up to date; raises one of `OUTAGES`, `ConfigError` or `SchemaError`."""
        if not self.up:
            self._connection = await connected(self._dsn(), COMMAND_S)
            await migrate(self._connection)

    async def close(self) -> None:
        """Give the connection up; what was not committed has not happened."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*OUTAGES):  # it is given up either way
                await connection.close(timeout=CONNECT_S)
            connection.terminate()

    async def open(self, ids: Mapping[str, str], start: Mapping[Slot, int]) -> dict[Slot, int]:
        """
        Return the next offset of each partition in `start`, making rows for new ones.

        Args:
            ids: topic ids by name; positions of other ids under these names belong to deleted topics and go.
            start: the offset that a new partition begins at.

        """
        new = [(ids[topic], partition, topic, offset) for (topic, partition), offset in sorted(start.items())]
        async with self._live.transaction():
            await self._live.execute(_FORGET, list(ids), list(ids.values()))
            await self._live.execute(_OPEN, *_columns(new, 4))
            found = await self._live.fetch(_READ, list(ids.values()))
        offsets = {(row["topic"], row["topic_partition"]): row["next_offset"] for row in found}
        return {slot: offsets[slot] for slot in start}

    async def write(self, batch: Batch) -> dict[str, int]:
        """
        Write a batch and move its positions, all or nothing; return how many rows were written, by table.

        Raises `MovedError`, in which case nothing was written, or one of `OUTAGES`, in which case the positions in
        the database say whether it was: read them again, never guess.
        """
        async with self._live.transaction():
            await self._move(batch)
            for table, owners in batch.removals():
                await self._live.execute(BY_NAME[table].delete, *_columns(owners, 0))
            return {
                table: _count(await self._live.execute(BY_NAME[table].insert, *_columns(rows, 0)))
                for table, rows in batch.rows()
            }

    async def _move(self, batch: Batch) -> None:
        moves = [(*at, move.expected, move.next_offset, move.at_end) for at, move in sorted(batch.moves.items())]
        moved = _count(await self._live.execute(_MOVE, *_columns(moves, 5)))
        if moved != len(moves):
            raise MovedError(f"{len(moves) - moved} of {len(moves)} positions are not where they were left")

    @property
    def _live(self) -> asyncpg.Connection:
        if self._connection is None:
            raise asyncpg.InterfaceError("not connected")
        return self._connection


async def migrate(connection: asyncpg.Connection) -> None:
    """Apply the versions that are missing, in order; one process at a time, each version whole or not at all."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS ledger_schema"
            " (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        have = await _version(connection)
        for version, name in list(enumerate(MIGRATIONS, 1))[have:]:
            await connection.execute(files(__package__).joinpath(name).read_text(encoding="utf-8"))
            await connection.execute("INSERT INTO ledger_schema (version) VALUES ($1)", version)


async def require_current(connection: asyncpg.Connection) -> None:
    """
    Let a reader go on whose queries fit the tables; changes nothing.

    Raises `SchemaError` where the tables have another version than this program writes, or one of `OUTAGES`.
    """
    have = await _version(connection)
    if have < len(MIGRATIONS):
        raise SchemaError(
            f"the ledger's tables have version {have}, this program needs {len(MIGRATIONS)}:"
            " start `python -m publishers.ledger` once, it brings its tables up to date"
        )


async def _version(connection: asyncpg.Connection) -> int:
    """Return the tables' version; raises `SchemaError` where it is newer than this program."""
    have: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM ledger_schema")
    if have > len(MIGRATIONS):
        raise SchemaError(
            f"the ledger's tables have version {have}, this program knows {len(MIGRATIONS)}: run the newer program"
        )
    return have


def _columns(rows: Sequence[Row], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) or [()] * width


def _count(status: str) -> int:
    """Return the rows in a command's status: `INSERT 0 12`, `UPDATE 12`."""
    return int(status.rsplit(" ", 1)[1])
