"""`python -m ingest` with one thing taken out: a poll does not notice the lines that have left an order."""

import sys

from ingest import __main__
from ingest.poll import records


def main() -> int:
    """Run the command; `gone` finds nothing, whatever it is shown."""
    vars(records)["gone"] = lambda *_: iter(())
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
