"""The one kind of error that a person at the terminal is meant to read."""


class CannotRun(RuntimeError):  # noqa: N818 - says what the caller has to do: tell the user, and end
    """Something cannot be run on this machine as it is; the message is for the user and says why."""
