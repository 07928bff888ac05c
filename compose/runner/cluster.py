"""A small Kafka cluster on the loopback interface: every node is a broker and a controller (KRaft combined mode)."""

import base64
import secrets
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compose.runner.broker import LOG4J, SETTINGS, STARTED, java
from compose.runner.child import Child, ChildEnded
from compose.runner.image import Image
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

START_ATTEMPTS = 5
START_S = 120.0
HEAP_MIB = 448
REPLICATED = 3
"""From three nodes on, everything has three replicas, two of which must have a record before it is acknowledged."""
SESSION_MS = {1: 3_000, REPLICATED: 9_000}
"""After how long the controller gives a silent broker up: Kafka's own 9 s where others can take over from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """
    A node's number and ports.

    `links` are further listeners by name, with the port each of them advertises: whoever comes in through a proxy at
    that port is told to come back through it.
    """

    number: int
    broker_port: int
    controller_port: int
    links: Mapping[str, tuple[int, int]]

    @property
    def address(self) -> str:
        """`host:port` of the ordinary listener."""
        return f"{LOOPBACK}:{self.broker_port}"


class Cluster:
    """
    One broker or three that can be stopped, killed, paused and started again, each on its own ports and data.

    Args:
        supervisor: who runs the processes.
        image: what they start from (`compose.runner.image.prepare`).
        data: folder for everything they write.
        size: 1 or 3 nodes.
        links: for each further listener, the port that each node advertises, in the nodes' order.

    """

    def __init__(
        self,
        supervisor: Supervisor,
        image: Image,
        data: Path,
        *,
        size: int,
        links: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        """Choose ports; `start` runs it."""
        self._supervisor, self._image, self._data = supervisor, image, data
        self.size = size
        advertised = links or {}
        width = 2 + len(advertised)
        ports = free_ports(width * size)
        self.nodes = [
            Node(
                number=number + 1,
                broker_port=ports[width * number],
                controller_port=ports[width * number + 1],
                links={
                    name: (ports[width * number + 2 + place], advertised[name][number])
                    for place, name in enumerate(advertised)
                },
            )
            for number in range(size)
        ]

    @property
    def bootstrap(self) -> str:
        """The nodes' addresses for clients; they stay the same over restarts."""
        return ",".join(node.address for node in self.nodes)

    @property
    def replication(self) -> int:
        """How many replicas a topic has here."""
        return REPLICATED if self.size >= REPLICATED else 1

    @property
    def min_isr(self) -> int:
        """How many replicas must have a record before it is acknowledged."""
        return self.replication // 2 + 1 if self.replication > 1 else 1

    def child(self, index: int) -> Child:
        """Return the process of a node, by its place (0 first)."""
        return self._supervisor.children[f"kafka-{self.nodes[index].number}"]

    def start(self) -> None:
        """
        Start all nodes and wait until they serve: none of them does before most of them run.

        Raises:
            compose.runner.child.ChildEnded: one does not start; the message has its last lines.

        """
        with ThreadPoolExecutor(self.size) as pool:
            list(pool.map(self.restart, range(self.size)))

    def restart(self, index: int) -> None:
        """Start a node, or start one again that was killed or stopped, and wait until it serves."""
        for left in reversed(range(START_ATTEMPTS)):
            try:
                self._launch(index)
            except ChildEnded as error:
                # Ours was taken while the node was down: it comes free again, and clients know no other.
                if left == 0 or "Address already in use" not in str(error):
                    raise
            else:
                return

    def _launch(self, index: int) -> None:
        node = self.nodes[index]
        folder = self._data / f"kafka-{node.number}"
        folder.mkdir(parents=True, exist_ok=True)
        properties = self._configure(node, folder)
        self._format(node, folder)
        flags = (*self._image.flags, f"-Xmx{HEAP_MIB}m")
        self._supervisor.start(
            f"kafka-{node.number}",
            java(folder, self._image.jars, "kafka.Kafka", str(properties), flags=flags),
            ready=STARTED,
            ready_s=START_S,
            cwd=folder,
            tier=INFRASTRUCTURE,
        )

    def _format(self, node: Node, folder: Path) -> None:
        """Give a new node the formatted storage under its own name; copied beside and renamed, never half-made."""
        log = folder / "log"
        if log.exists():
            return
        half = folder / "log.partial"
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(self._image.storage, half)
        meta = half / "meta.properties"
        unique = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        own = {"node.id": str(node.number), "directory.id": unique}
        lines = [line for line in meta.read_text().splitlines() if line.partition("=")[0] not in own]
        meta.write_text("\n".join([*lines, *(f"{key}={value}" for key, value in own.items()), ""]))
        half.rename(log)

    def _configure(self, node: Node, folder: Path) -> Path:
        names = {"PLAINTEXT": (node.broker_port, node.broker_port), **node.links}
        listeners = [f"{name}://{LOOPBACK}:{port}" for name, (port, _) in names.items()]
        replication, min_isr = str(self.replication), str(self.min_isr)
        settings = SETTINGS | {
            "node.id": str(node.number),
            "controller.quorum.voters": ",".join(f"{n.number}@{LOOPBACK}:{n.controller_port}" for n in self.nodes),
            "listeners": ",".join([*listeners, f"CONTROLLER://{LOOPBACK}:{node.controller_port}"]),
            "advertised.listeners": ",".join(f"{name}://{LOOPBACK}:{port}" for name, (_, port) in names.items()),
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in (*names, "CONTROLLER")),
            "log.dirs": str(folder / "log"),
            "broker.session.timeout.ms": str(SESSION_MS[self.replication]),
            "min.insync.replicas": min_isr,
            "offsets.topic.replication.factor": replication,
            "transaction.state.log.replication.factor": replication,
            "transaction.state.log.min.isr": min_isr,
        }
        (folder / "log4j2.properties").write_text(LOG4J)
        properties = folder / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return properties
