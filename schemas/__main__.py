"""`python -m schemas topics|docs`: the contract against a real cluster, and as documents."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from schemas.config import ConfigError, config_path, load
from schemas.documents import documents

HERE = Path(__file__).parent
DOCUMENT_VERSION = "1"
"""The contract's version: it rises when a record's major version does, not with each release."""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns 0 when all is well, 1 for what differs, 2 for what cannot be used."""
    from schemas.cluster import ClusterError

    args = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except (ConfigError, ClusterError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m schemas", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="topics|docs")
    topics = commands.add_parser("topics", help="create or check the topics of a deployment")
    topics.add_argument("--config", help="the deployment's TOML file (or LASTUNIT_CONFIG)")
    which = topics.add_mutually_exclusive_group(required=True)
    which.add_argument("--create", action="store_true", help="create what is missing")
    which.add_argument("--check", action="store_true", help="say what differs")
    topics.set_defaults(run=_topics)
    docs = commands.add_parser("docs", help="write the JSON Schemas and the AsyncAPI document")
    docs.add_argument("--check", action="store_true", help="say what is out of date, write nothing")
    docs.set_defaults(run=_docs)
    return parser


def _topics(args: argparse.Namespace) -> int:
    from schemas.cluster import check, create, settled

    config = load(config_path(args.config, os.environ))
    if args.create:
        for name in create(config):
            print(f"created {name}")
    faults = settled(config) if args.create else check(config)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _docs(args: argparse.Namespace) -> int:
    stale = [(path, text) for path, text in _rendered() if not path.exists() or path.read_bytes() != text]
    for path, text in stale:
        if args.check:
            print(f"{path.name} is out of date: run `python -m schemas docs`", file=sys.stderr)
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(text)
            print(f"wrote {path.name}")
    return 1 if stale and args.check else 0


def _rendered() -> Iterator[tuple[Path, bytes]]:
    for name, document in documents(DOCUMENT_VERSION):
        yield HERE / name, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    sys.exit(main())
