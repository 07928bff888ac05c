"""One Apache Kafka broker, its own controller (KRaft combined mode), on the loopback interface."""

import shutil
from pathlib import Path

from compose.runner.broker import STARTED, java, write_configuration
from compose.runner.child import Child, ChildEnded
from compose.runner.image import Image
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

START_ATTEMPTS = 5
START_S = 60.0


class Kafka:
    """A broker that can be stopped, killed and started again on the same port and data.

    Args:
        supervisor: who runs the process.
        image: what it starts from (`compose.runner.image.prepare`).
        data: folder for its logs and configuration; made if missing, reused if it holds a broker's data.
        name: the process's name, if several brokers run.

    """

    def __init__(self, supervisor: Supervisor, image: Image, data: Path, *, name: str = "kafka") -> None:
        """Prepare; `start` runs it."""
        self._supervisor = supervisor
        self._image = image
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
            compose.runner.child.ChildEnded: it does not start; the message has its last lines.

        """
        self._data.mkdir(parents=True, exist_ok=True)
        first = not self._ports
        for left in reversed(range(START_ATTEMPTS)):
            self._ports = free_ports(2) if first else self._ports
            try:
                self._launch()
            except ChildEnded as error:
                # Somebody was quicker to bind a port: take others, or wait for ours when clients know it already.
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

    def _configure(self) -> Path:
        return write_configuration(self._data, *self._ports)

    def _launch(self) -> None:
        image, log = self._image, self._data / "log"
        properties = self._configure()
        if not log.exists():
            # Copied beside and renamed: a half-made folder is never taken for whole.
            half = self._data / "log.partial"
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(image.storage, half)
            half.rename(log)
        self._child = self._supervisor.start(
            self._name,
            java(self._data, image.jars, "kafka.Kafka", str(properties), flags=image.flags),
            ready=STARTED,
            ready_s=START_S,
            cwd=self._data,
            tier=INFRASTRUCTURE,
        )
