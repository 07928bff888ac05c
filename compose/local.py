"""Run a real Kafka and a real PostgreSQL on this machine: `python -m compose.local`.

Makes the topics that need no channel and a configuration file for the services, prints `READY host:port` of Kafka on
stdout once both serve (with `--json` one JSON line instead), then runs until SIGINT or SIGTERM.
Nothing of it outlives this process, however it ends.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from compose.runner.deployment import PARTITIONS, create_topics, write_config
from compose.runner.errors import CannotRun
from compose.runner.stack import Stack, default_cache, stack

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: list[str] | None = None) -> int:
    """Run until told to stop; return 1 with one sentence on stderr when something cannot run here."""
    options = _options(argv)
    for number in STOP_SIGNALS:
        signal.signal(number, _leave)
    try:
        with stack(
            data=options.data, cache=options.cache, with_postgres=not options.no_postgres, keep=options.keep
        ) as running:
            config = running.data / "lastunit.toml"
            write_config(
                config, bootstrap=running.kafka.bootstrap, sections={"kafka": {"partitions": options.partitions}}
            )
            create_topics(config)
            sys.stdout.write(_announcement(running, config, as_json=options.json))
            sys.stdout.flush()
            while True:
                signal.pause()
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _leave(_number: int, _frame: object) -> None:
    """Unwind every `with` block; a second signal must not interrupt that."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _announcement(running: Stack, config: Path, *, as_json: bool) -> str:
    dsn = running.postgres.dsn if running.postgres else None
    if not as_json:
        database = f"PostgreSQL: {dsn}\n" if dsn else ""
        return f"{database}Configuration: {config}\nData and logs: {running.data}\nREADY {running.kafka.bootstrap}\n"
    facts = {
        "kafka": running.kafka.bootstrap,
        "postgres_dsn": dsn,
        "config": str(config),
        "data": str(running.data),
        "pids": running.supervisor.pids,
        "setup_s": round(running.setup_s, 2),
        "download_mib": round(running.download_mib, 1),
    }
    return json.dumps(facts) + "\n"


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m compose.local", description="Run Kafka and PostgreSQL here.")
    parser.add_argument("--data", type=Path, help="folder for all data (default: a temporary one)")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder for downloads (%(default)s)")
    parser.add_argument(
        "--partitions", type=int, default=PARTITIONS, help="partitions of topics with a SKU as key (%(default)s)"
    )
    parser.add_argument("--no-postgres", action="store_true", help="run Kafka only")
    parser.add_argument("--json", action="store_true", help="print one JSON line instead of READY host:port")
    parser.add_argument("--keep", action="store_true", help="keep the temporary data folder")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
