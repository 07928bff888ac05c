"""Kafka's published jars: fetched once, checked by SHA-256, cached, never trusted half-finished.

`lock.py` names every jar of Kafka's run-time class path with its digest and size, so nothing is resolved at start and
nothing can change unseen. A jar is fetched by jgo (which knows the repositories, and the user's mirrors from its own
configuration file) into a scratch folder, compared with the lock, and only then moved to its place in one step.
"""

import concurrent.futures
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import requests
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver

from compose.runner.cache import scratch
from compose.runner.errors import CannotRun
from compose.runner.jar import Jar
from compose.runner.lock import JARS, KAFKA_VERSION
from compose.runner.progress import MIB, Meter, download_meter

PARALLEL = 4
ATTEMPTS = 3
TIMEOUT_S = 30
"""Seconds without a byte after which one attempt has failed."""


class NotFetched(CannotRun):
    """The jars are not complete: the message is one sentence for the user; the next run starts where this one ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPath:
    """All jars of Kafka, present and checked.

    Attributes:
        home: the folder that holds them, and whatever else is made of them once.
        jars: files in the order of the class path.
        download_mib: what had to be fetched for it this time.
        download_s: how long that took.

    """

    home: Path
    jars: tuple[Path, ...]
    download_mib: float
    download_s: float


def fetch(cache: Path, stream: TextIO) -> ClassPath:
    """Return Kafka's class path, fetching what the cache does not hold.

    Args:
        cache: our cache folder; made if missing; nothing outside it is written.
        stream: where progress is shown.

    Raises:
        NotFetched: a jar could not be fetched, or came with another content than locked.

    """
    home = cache / f"kafka-{KAFKA_VERSION}"
    home.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    missing = _missing(home)
    if missing:
        with scratch(home) as folder:
            missing = _missing(home)  # again: another process may have fetched them while we waited for it
            total = sum(jar.size for jar in missing)
            with download_meter(f"Apache Kafka {KAFKA_VERSION}", total, stream) as meter:
                _fetch_all(missing, home, folder, meter)
    return ClassPath(
        home=home.resolve(),
        jars=tuple(home.resolve() / jar.filename for jar in JARS),
        download_mib=sum(jar.size for jar in missing) / MIB,
        download_s=time.monotonic() - started if missing else 0.0,
    )


def _missing(home: Path) -> list[Jar]:
    return [jar for jar in JARS if not _complete(home / jar.filename, jar)]


def _complete(path: Path, jar: Jar) -> bool:
    """Compare size and digest each time (0.1 s in all): a cache is somebody's disk."""
    return path.is_file() and path.stat().st_size == jar.size and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_all(missing: Sequence[Jar], home: Path, folder: Path, meter: Meter) -> None:
    """Fetch in parallel; the first failure ends it, what is complete stays."""
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        waiting = [pool.submit(_fetch_one, jar, home, folder, meter) for jar in missing]
        try:
            for one in concurrent.futures.as_completed(waiting):
                one.result()
        except BaseException:  # Ctrl-C too: what has not begun must not begin
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch_one(jar: Jar, home: Path, folder: Path, meter: Meter) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        counted = _Counted(meter)
        try:
            got = _download(jar, folder / f"{jar.filename}.{attempt}", counted)
        except (requests.RequestException, RuntimeError, OSError) as error:
            # jgo reports an artifact that no repository has as a RuntimeError.
            counted.take_back()
            if attempt == ATTEMPTS:
                raise NotFetched(_sentence(jar, error)) from error
            continue
        if (digest := _sha256(got)) != jar.sha256:
            counted.take_back()
            if attempt == ATTEMPTS:
                message = f"{jar.filename} arrived with SHA-256 {digest}, but {jar.sha256} is expected: not used."
                raise NotFetched(message)
            continue
        got.replace(home / jar.filename)
        return


def _download(jar: Jar, repository: Path, counted: "_Counted") -> Path:
    resolver = PythonResolver(progress_callback=counted.progress)
    context = MavenContext(resolver=resolver, repo_cache=repository, timeout=TIMEOUT_S)
    context.remote_repos = {**GlobalSettings.load().repositories, **context.remote_repos}
    return context.create_dependency(jar.coordinate).artifact.resolve()


def _sentence(jar: Jar, error: Exception) -> str:
    reason = "no network" if isinstance(error, requests.ConnectionError) else str(error) or type(error).__name__
    return (
        f"Apache Kafka's jars could not be fetched ({jar.filename}: {reason}); "
        "what is complete is kept, and the next run fetches the rest."
    )


class _Counted:
    """Bytes of one attempt, so that a failed attempt does not count."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def progress(self, _filename: str, _total: int) -> Iterator[Meter]:
        """Serve as jgo's progress callback."""
        yield self._add

    def take_back(self) -> None:
        """Undo what this attempt has counted."""
        self._meter(-self._bytes)
        self._bytes = 0

    def _add(self, count: int) -> None:
        with self._lock:
            self._bytes += count
        self._meter(count)
