"""A broker with a second listener: TLS, and SASL with PLAIN or SCRAM; everything of ours stays on the plain one."""

from pathlib import Path

from compose.runner.image import Image
from compose.runner.kafka import Kafka
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import Supervisor

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required"


class SecuredKafka(Kafka):
    """
    One broker that can also be reached as on a real network.

    Args:
        supervisor: who runs the process.
        image: what it starts from.
        data: folder for its logs and configuration.
        certificate: a PEM file with its private key and certificate chain, good for the loopback address.
        users: passwords by name, for PLAIN; SCRAM's are made with an admin client.

    """

    def __init__(
        self, supervisor: Supervisor, image: Image, data: Path, *, certificate: Path, users: dict[str, str]
    ) -> None:
        """Prepare; `start` runs it."""
        super().__init__(supervisor, image, data, name="kafka-secured")
        (self._port,) = free_ports(1)
        self._certificate = certificate
        self._users = users

    @property
    def secured(self) -> str:
        """`host:port` of the listener that asks who is there."""
        return f"{LOOPBACK}:{self._port}"

    def _configure(self) -> Path:
        properties = super()._configure()
        known = dict(line.split("=", 1) for line in properties.read_text().splitlines())
        more = f"SASL_SSL://{self.secured}"
        users = " ".join(f'user_{name}="{password}"' for name, password in self._users.items())
        known |= {
            "listeners": f"{known['listeners']},{more}",
            "advertised.listeners": f"{known['advertised.listeners']},{more}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._certificate),
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{PLAIN} {users};",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM};",
        }
        properties.write_text("".join(f"{key}={value}\n" for key, value in known.items()))
        return properties
