"""A worker without the fence: each process writes under ids of its own, so nobody shuts out who came before."""

import os
import sys

from processor.__main__ import main
from processor.writer import Names


def transactional_id(self: Names, partition: int) -> str:
    """Return an id that no other process has."""
    return f"{self.group}-{partition}-{os.getpid()}"


if __name__ == "__main__":
    Names.transactional_id = transactional_id  # type: ignore[method-assign] # this is the mutation
    sys.exit(main())
