"""A jar as the lock names it."""

from typing import NamedTuple


class Jar(NamedTuple):
    """One jar: its Maven coordinate `group:artifact:version`, size in bytes and SHA-256."""

    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Return the jar's file name."""
        _group, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"
