"""`python -m processor --config FILE`: run one worker; `python -m processor skip|resume`: move a partition on."""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Sequence

from schemas.cluster import ClusterError, check
from schemas.config import Config, ConfigError, config_path, load
from schemas.logs import setup


def main(argv: Sequence[str] | None = None) -> int:
    """Check everything, then work until told to stop; returns the exit code (see `processor.exits`)."""
    from processor.exits import Exit

    chosen = list(sys.argv[1:] if argv is None else argv)
    if chosen and not chosen[0].startswith("-"):
        return _command(chosen)
    arguments = _arguments(chosen)
    setup("processor")
    quiet_libraries()
    try:
        config = load(config_path(arguments.config, os.environ))
        faults = check(config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return Exit.CONFIG
    except ClusterError as error:
        print(error, file=sys.stderr)
        return Exit.CLUSTER
    if faults:
        print("\n".join(faults), file=sys.stderr)
        return Exit.CLUSTER
    return _work(config, arguments)


def _command(argv: list[str]) -> int:
    from processor import skip_cli

    setup("processor", "ERROR")
    return skip_cli.main(argv)


def _work(config: Config, arguments: argparse.Namespace) -> int:
    from processor import collector, options, private, service
    from processor.exits import Exit

    if gone := private.missing():
        print("\n".join(gone), file=sys.stderr)
        return Exit.UPGRADE
    try:
        options.client(config.kafka)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return Exit.CONFIG
    if arguments.check:
        print("all is well")
        return Exit.OK
    chosen = service.Options(host=arguments.host, port=arguments.port, instance=arguments.instance)
    collector.relax()
    return asyncio.run(service.run(config, chosen))


def quiet_libraries() -> None:
    """Keep the libraries' own chatter out of the log; one dead broker makes aiokafka log ten lines a second."""
    for name in ("aiokafka", "faust", "mode", "processor.app", "processor.faust_tables", "processor.transport"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("aiokafka.consumer.fetcher").setLevel(logging.CRITICAL)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m processor", description="Decide orders and keep the stock levels.")
    parser.add_argument("--config", help="the deployment's TOML file (default: LASTUNIT_CONFIG)")
    parser.add_argument("--host", default="127.0.0.1", help="where /healthz, /readyz and /metrics are served")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one, printed as READY host:port")
    parser.add_argument(
        "--instance",
        default=socket.gethostname(),
        help="this worker's lasting name in the group, unique among its workers (default: the host's name); "
        "'' joins without one, and a killed worker's partitions then wait for its session to time out",
    )
    parser.add_argument("--check", action="store_true", help="check configuration and cluster, then end")
    parser.epilog = "`python -m processor skip --help` says how a partition that has stopped goes on."
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
