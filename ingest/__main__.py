"""
`python -m ingest serve | poll | queue | import | discover | unmapped | remap`: orders in, files, listings.

Each command imports only what it runs, so that a process holds no more than it needs.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from types import MappingProxyType
from typing import cast

from schemas.quiet import for_people

COMMANDS = MappingProxyType(
    {
        "serve": ("ingest.serve", "take webhooks and stock adjustments over HTTP"),
        "poll": ("ingest.poll_cli", "read the orders that no webhook told of, one channel a process"),
        "queue": ("ingest.queue_cli", "take Amazon's order notifications out of the seller's SQS queues"),
        "import": ("ingest.import_cli", "take stock levels, listings or bundles from a CSV file"),
        "discover": ("ingest.discover_cli", "read a channel's own listings and show what differs"),
        "unmapped": ("ingest.unmapped_cli", "list the order lines that wait for their listing"),
        "remap": ("ingest.remap_cli", "count the lines that had no listing once they have one"),
    }
)

PEOPLES = frozenset({"import", "discover", "unmapped"})
"""What a person runs at a terminal: Kafka's client says each thing once there, and not for each attempt."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m ingest", description=__doc__.partition("\n\n")[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if given[:1] == [name]:
            import_module(module).add_arguments(command)
    args = parser.parse_args(given)
    with for_people() if args.command in PEOPLES else nullcontext():
        return cast("int", import_module(COMMANDS[args.command][0]).run(args))


if __name__ == "__main__":
    sys.exit(main())
