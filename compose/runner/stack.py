"""Kafka and PostgreSQL together, under one supervisor and one data folder."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from compose.runner.jars import fetch
from compose.runner.kafka import Kafka
from compose.runner.postgres import Postgres
from compose.runner.processes import HOME, Supervisor

TOPICS_S = 60.0


class TopicsNotCreated(RuntimeError):  # noqa: N818 - the sentence that the user reads
    """The topics could not be created; the message has the tool's output."""


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


@contextmanager
def data_folder(wanted: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield the folder for all data: `wanted`, or a temporary one that goes away afterwards unless `keep`."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="lastunit-"))
    folder.chmod(0o711)  # PostgreSQL's user passes through; nobody else can list
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


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
        compose.runner.postgres.NotStarted: PostgreSQL cannot run here.

    """
    began = time.monotonic()
    jars = fetch(cache or default_cache(), notes)
    with data_folder(data, keep=keep) as folder, Supervisor(logs=folder / "logs") as supervisor:
        kafka = Kafka(supervisor, jars.jars, folder / "kafka")
        kafka.start()
        postgres = Postgres(supervisor, folder / "postgres", notes=notes) if with_postgres else None
        if postgres is not None:
            postgres.start()
        yield Stack(
            supervisor=supervisor,
            kafka=kafka,
            postgres=postgres,
            data=folder,
            setup_s=time.monotonic() - began - jars.download_s,
            download_mib=jars.download_mib,
            download_s=jars.download_s,
        )


def create_topics(config: Path) -> None:
    """Create all topics on the broker that a configuration file names, with the project's own tool.

    Raises:
        TopicsNotCreated: it failed.

    """
    command = [sys.executable, "-m", "schemas", "topics", "--create", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOME, timeout=TOPICS_S, check=False)
    if done.returncode != 0:
        message = f"the topics were not created:\n{done.stdout}{done.stderr}"
        raise TopicsNotCreated(message)
