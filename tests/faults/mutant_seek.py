"""A worker that does not seek to the position that follows from its tables: it reads on where the group stands."""

import sys
from collections.abc import Mapping
from typing import Any

from processor.__main__ import main
from processor.transport import Thread

with_seek = Thread._rewind


async def rewind(self: Thread, positions: Mapping[Any, int]) -> None:
    """Do everything but seek."""
    del positions
    await with_seek(self, {})


if __name__ == "__main__":
    Thread._rewind = rewind  # type: ignore[method-assign] # this is the mutation
    sys.exit(main())
