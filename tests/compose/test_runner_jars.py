"""Kafka's jars: whatever state the cache and the network are in, a class path is whole or there is a sentence."""

import gc
import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from compose.runner import jars
from compose.runner.jar import Jar
from compose.runner.lock import JARS, KAFKA_VERSION

CONTENTS = {"one": b"first jar" * 1000, "two": b"second jar" * 2000}
LOCKED = tuple(
    Jar(f"org.example:{name}:1.0", len(content), hashlib.sha256(content).hexdigest())
    for name, content in CONTENTS.items()
)


# jgo leaves responses that failed to the garbage collector, which the fixture makes run here and not in another module.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


class Repository:
    """A Maven repository on this machine: the outside world's stand-in. `answers` may be changed by a test."""

    def __init__(self) -> None:
        """Serve on a free port."""
        self.answers = {f"{name}-1.0.jar": content for name, content in CONTENTS.items()}
        self.requests: list[str] = []
        self.cut_after: int | None = None
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                repository.requests.append(name)
                content = repository.answers.get(name)
                self.send_response(200 if content is not None else 404)
                self.send_header("content-length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write((content or b"")[: repository.cut_after])

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving: from now on connections are refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """Yield the only repository that jgo knows, with the only two jars that are locked."""
    served = Repository()
    monkeypatch.setattr(jars, "JARS", LOCKED)
    monkeypatch.setattr("jgo.maven._core.DEFAULT_REMOTE_REPOS", {"here": served.url})
    yield served
    served.close()
    gc.collect()


Files = Callable[[], dict[str, bytes]]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return a function that reads everything in the cache, but the empty lock file."""
    return lambda: {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix}


@pytest.fixture
def whole() -> dict[str, bytes]:
    """Return what a complete cache holds."""
    return {f"{name}-1.0.jar": content for name, content in CONTENTS.items()}


def test_an_empty_cache_is_filled_and_a_full_one_needs_no_network(
    repository: Repository, tmp_path: Path, files: Files, whole: dict[str, bytes]
) -> None:
    """The first run fetches every jar and says how much; the second asks nobody."""
    first = jars.fetch(tmp_path, io.StringIO())
    assert files() == whole
    assert first.download_mib == pytest.approx(sum(map(len, CONTENTS.values())) / 2**20)
    assert [path.read_bytes() for path in first.jars] == list(CONTENTS.values())
    repository.requests.clear()
    second = jars.fetch(tmp_path, io.StringIO())
    assert (second.download_mib, second.download_s, second.jars) == (0, 0, first.jars)
    assert repository.requests == []


@pytest.mark.parametrize("damage", [b"", b"half of", b"x" * len(CONTENTS["one"])], ids=["empty", "short", "altered"])
def test_a_damaged_jar_in_the_cache_is_fetched_again(
    repository: Repository, tmp_path: Path, files: Files, whole: dict[str, bytes], damage: bytes
) -> None:
    """A cache is never trusted: a jar of another size or content is replaced, and only that one."""
    broken = jars.fetch(tmp_path, io.StringIO()).jars[0]
    broken.write_bytes(damage)
    repository.requests.clear()
    jars.fetch(tmp_path, io.StringIO())
    assert files() == whole
    assert not any(name.startswith("two") for name in repository.requests)


def test_a_download_that_breaks_off_leaves_nothing_behind_and_the_next_run_repairs_it(
    repository: Repository, tmp_path: Path, files: Files, whole: dict[str, bytes]
) -> None:
    """A connection that ends in the middle of each jar is an error in one sentence; the next run succeeds."""
    repository.cut_after = 100
    with pytest.raises(jars.NotFetched, match="the next run fetches the rest"):
        jars.fetch(tmp_path, io.StringIO())
    assert files() == {}
    repository.cut_after = None
    jars.fetch(tmp_path, io.StringIO())
    assert files() == whole


def test_what_a_killed_run_left_behind_is_removed(
    repository: Repository, tmp_path: Path, files: Files, whole: dict[str, bytes]
) -> None:
    """A run that was killed in the middle of a download leaves a folder: the next run clears it away."""
    assert repository.answers
    left = tmp_path / f"kafka-{KAFKA_VERSION}" / ".scratch-killed" / "one-1.0.jar"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    jars.fetch(tmp_path, io.StringIO())
    assert files() == whole
    assert not left.parent.exists()


def test_two_runs_at_once_fetch_everything_once(repository: Repository, tmp_path: Path) -> None:
    """The second waits for the first and finds the cache full."""
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: jars.fetch(tmp_path, io.StringIO()), range(2)))
    assert both[0].jars == both[1].jars
    assert sorted(one.download_mib > 0 for one in both) == [False, True]
    assert sorted(name for name in repository.requests if name.endswith(".jar")) == ["one-1.0.jar", "two-1.0.jar"]


def test_what_arrived_is_kept_when_another_jar_cannot_be_had(
    repository: Repository, tmp_path: Path, files: Files, whole: dict[str, bytes]
) -> None:
    """A jar that is nowhere to be found costs the run, not the jars that did arrive."""
    del repository.answers["two-1.0.jar"]
    with pytest.raises(jars.NotFetched, match=r"two-1\.0\.jar"):
        jars.fetch(tmp_path, io.StringIO())
    assert set(files()) <= {"one-1.0.jar"}
    repository.answers = whole
    jars.fetch(tmp_path, io.StringIO())
    assert files() == whole


def test_another_content_than_locked_is_never_used(repository: Repository, tmp_path: Path, files: Files) -> None:
    """A repository that serves other bytes under a known name is refused, digest and all."""
    repository.answers["one-1.0.jar"] = b"y" * len(CONTENTS["one"])
    with pytest.raises(jars.NotFetched, match=LOCKED[0].sha256):
        jars.fetch(tmp_path, io.StringIO())
    assert "one-1.0.jar" not in files()


def test_no_network_is_said_in_one_sentence(repository: Repository, tmp_path: Path) -> None:
    """Nobody listens: one line, that names no host, tells what is kept and what happens next."""
    repository.close()
    with pytest.raises(jars.NotFetched) as caught:
        jars.fetch(tmp_path, io.StringIO())
    sentence = str(caught.value)
    assert "no network" in sentence
    assert "\n" not in sentence
    assert "127.0.0.1" not in sentence


def test_plain_output_tells_progress_in_lines(repository: Repository, tmp_path: Path) -> None:
    """Where there is no terminal, a few whole lines tell how far it is, and no control characters."""
    assert repository.answers
    stream = io.StringIO()
    jars.fetch(tmp_path, stream)
    lines = stream.getvalue().splitlines()
    assert lines[0] == f"Apache Kafka {KAFKA_VERSION}: 0.0 MiB"
    assert lines[-1] == f"Apache Kafka {KAFKA_VERSION}: 100 %"
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_bar(repository: Repository, tmp_path: Path) -> None:
    """On a terminal the bar is drawn in place."""
    assert repository.answers

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    jars.fetch(tmp_path, stream)
    assert f"Apache Kafka {KAFKA_VERSION}" in stream.getvalue()


def test_the_lock_names_every_jar_once_with_a_digest() -> None:
    """The committed lock is one version of Kafka, each file once, each with a SHA-256 and a size."""
    names = [jar.filename for jar in JARS]
    assert len(set(names)) == len(names)
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in names
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in JARS)
