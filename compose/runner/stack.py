"""Kafka and PostgreSQL together, under one supervisor and one data folder."""

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from compose.runner.image import prepare
from compose.runner.jars import fetch
from compose.runner.kafka import Kafka
from compose.runner.postgres import Postgres
from compose.runner.processes import Supervisor


def default_cache() -> Path:
    """Return the folder for downloads that later runs use again."""
    return Path.home() / ".cache" / "lastunit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What runs.

    Attributes:
        supervisor: starts further processes, which end with these.
        kafka: the broker.
        postgres: the database server, unless it was not wanted.
        data: the folder with everything they write; logs are in `logs` below it.
        setup_s: seconds until both served, without the download.
        download_mib: what was fetched for it.
        download_s: how long that took.

    """

    supervisor: Supervisor
    kafka: Kafka
    postgres: Postgres | None
    data: Path
    setup_s: float
    download_mib: float
    download_s: float


def scratch_folder() -> Path:
    """Make a temporary folder for all data: through which PostgreSQL's user can pass, but which only we can list."""
    folder = Path(tempfile.mkdtemp(prefix="lastunit-"))
    folder.chmod(0o711)
    return folder


@contextmanager
def stack(
    *,
    data: Path | None = None,
    cache: Path | None = None,
    with_postgres: bool = True,
    keep: bool = False,
    notes: TextIO = sys.stderr,
) -> Iterator[Stack]:
    """Run Kafka and PostgreSQL while the block runs.

    Args:
        data: folder for all data; by default a temporary one.
        cache: folder for downloads; by default `~/.cache/lastunit`.
        with_postgres: whether to start PostgreSQL.
        keep: keep the temporary data folder.
        notes: where progress is shown.

    Raises:
        compose.runner.jars.NotFetched: the jars could not be fetched.
        compose.runner.image.NotFormatted: Kafka's storage could not be made.
        compose.runner.postgres.NotStarted: PostgreSQL cannot run here.

    """
    began = time.monotonic()
    jars = fetch(cache or default_cache(), notes)
    folder = scratch_folder() if data is None else data.resolve()
    removed = folder if data is None and not keep else None
    with Supervisor(logs=folder / "logs", removed=removed) as supervisor:
        postgres = Postgres(supervisor, folder / "postgres", notes=notes) if with_postgres else None
        with ThreadPoolExecutor(1) as pool:
            database = pool.submit(postgres.start) if postgres else None
            kafka = Kafka(supervisor, prepare(supervisor, jars, notes), folder / "kafka")
            kafka.start()
            if database is not None:
                database.result()
        yield Stack(
            supervisor=supervisor,
            kafka=kafka,
            postgres=postgres,
            data=folder,
            setup_s=time.monotonic() - began - jars.download_s,
            download_mib=jars.download_mib,
            download_s=jars.download_s,
        )
