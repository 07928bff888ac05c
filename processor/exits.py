"""Why a worker ends: crash-only, an exit code per cause, so that a supervisor's log says what happened."""

from enum import IntEnum


class Exit(IntEnum):
    """The process's exit codes; the values follow `sysexits.h` where it has one."""

    OK = 0
    CONFIG = 78
    CLUSTER = 69
    UPGRADE = 70
    FENCED = 80
    DOUBT = 81
    STALLED = 82
    CRASHED = 83
    DRAIN_TIMEOUT = 84
    STATE = 85


class FatalError(Exception):
    """The worker cannot go on and a restart recovers: end the process at once, without any clean-up."""

    def __init__(self, code: Exit, reason: str) -> None:
        """Name the exit code and say in one sentence what happened."""
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WedgedError(Exception):
    """One partition cannot go on and a restart does not help: it stops, the others go on, an operator decides."""
