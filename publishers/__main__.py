"""`python -m publishers run | command | dlq | reconcile | adopt | explain | limits`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from schemas.cluster import ClusterError, check
from schemas.config import ConfigError, Secrets, config_path, load
from schemas.logs import setup as log_setup
from schemas.settings import Channel, Config, Publishers
from schemas.shapes import hints, reader
from schemas.words import Command

PIPE_CLOSED = 141
"""What a shell says of a command whose reader has gone."""
CONFIG = "the deployment's TOML file (or LASTUNIT_CONFIG)"


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the command line; `argv` says for which command, so that a publisher never loads the database's client."""
    from publishers.commands import COMMANDS, MEANINGS

    root = argparse.ArgumentParser(prog="python -m publishers", description="Levels out, to every channel.")
    commands = root.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="tell one channel, or stand by")
    run.add_argument("channel", help="its name in the configuration")
    run.add_argument("--config", help=CONFIG)
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", type=int, default=0, help="0 takes a free one")
    run.add_argument("--instance", help="a name of this process's own: after a restart it is active again at once")
    run.add_argument("--time-scale", type=_scale, help="for rehearsals: patience in thousandths, instead of the file's")
    run.set_defaults(run=_run)
    tell = commands.add_parser(
        "command",
        help="tell the channel's active publisher to do something",
        epilog="\n".join(f"{command:<13} {MEANINGS[command]}" for command in MEANINGS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tell.add_argument("channel", help="its name in the configuration")
    tell.add_argument("what", choices=[str(command) for command in COMMANDS], help="see below")
    tell.add_argument("--config", help=CONFIG)
    tell.add_argument("--sku", help="this SKU only (replay, discard)")
    tell.add_argument("--actor", default="cli", help="who asks")
    tell.add_argument("--reason", default="", help="for the record")
    tell.set_defaults(run=_command)
    dlq = commands.add_parser("dlq", help="the SKUs that were given up: list, show, replay, discard")
    if "dlq" in argv[:1]:
        from publishers import dlq_cli

        dlq_cli.add_arguments(dlq)
        dlq.set_defaults(run=dlq_cli.run)
    back = commands.add_parser("reconcile", help="read back all that a channel shows, and name what drifted")
    if "reconcile" in argv[:1]:
        from publishers import reconcile_cli

        reconcile_cli.add_arguments(back)
        back.set_defaults(run=lambda args: reconcile_cli.run(args, *_commanded(args)))
    take = commands.add_parser("adopt", help="take a channel's numbers as the first levels")
    if "adopt" in argv[:1]:
        from publishers import adopt_cli

        adopt_cli.add_arguments(take)
        take.set_defaults(run=lambda args: adopt_cli.run(args, *_configured(args)))
    explain = commands.add_parser("explain", help="why does every channel show what it shows")
    if "explain" in argv[:1]:
        from publishers.ledger import explain_cli

        explain_cli.add_arguments(explain)
        explain.set_defaults(run=explain_cli.run)
    limits = commands.add_parser("limits", help="how fast each channel may be called, and where it is documented")
    if "limits" in argv[:1]:
        from publishers import limits_cli

        limits_cli.add_arguments(limits)
        limits.set_defaults(run=limits_cli.run)
    return root


def _scale(given: str) -> int:
    """Return a scale of time as the configuration takes it."""
    try:
        return int(reader(hints(Publishers)["time_scale"])(int(given)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _commanded(args: argparse.Namespace) -> tuple[Config, Channel]:
    """Return what a command needs that a running publisher carries out."""
    from publishers.commands import configuration

    return _configured(args, configuration)


def _configured(args: argparse.Namespace, read: Callable[[Path], Config] = load) -> tuple[Config, Channel]:
    from publishers.channels import KINDS

    config = read(config_path(args.config, os.environ))
    try:
        channel = config.channel(args.channel)
    except KeyError:
        known = ", ".join(config.channel_names) or "none"
        raise ConfigError(f"no channel is called {args.channel!r}; there are: {known}") from None
    if channel.kind not in KINDS:
        raise ConfigError(f"channel {channel.name}: kind {channel.kind} takes no levels, there is nothing to publish")
    if not channel.base_url:
        raise ConfigError(f"channel {channel.name}: base_url is missing")
    return config, channel


def _run(args: argparse.Namespace) -> int:
    from publishers.app import Publisher

    config, channel = _configured(args)
    if args.time_scale is not None:
        config = replace(config, publishers=replace(config.publishers, time_scale=args.time_scale))
    log_setup(f"publisher-{channel.name}")
    if faults := check(config):
        raise ConfigError("\n".join(faults))

    async def live() -> None:
        path = config_path(args.config, os.environ)
        publisher = Publisher(config, channel, Secrets(os.environ), args.instance, path)
        await publisher.run(args.host, args.port, lambda line: print(line, flush=True))

    asyncio.run(live())
    return 0


def _command(args: argparse.Namespace) -> int:
    from publishers.commands import BY_SKU, UnsentError, send

    what, (config, channel) = Command(args.what), _commanded(args)
    if args.sku is not None and what not in BY_SKU:
        raise ConfigError(f"nothing was sent: {what} is of the whole channel, leave out --sku")
    try:
        send(config, channel.name, what, args.sku, args.actor, args.reason)
    except UnsentError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{args.what} sent to {channel.name}")
    return 0


def _words(command: str) -> AbstractContextManager[None]:
    """Return how Kafka's client speaks meanwhile: to a service's log in full, to people once."""
    if command == "run":
        return nullcontext()
    from schemas.quiet import for_people

    return for_people()


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command; returns the exit code.

    That is 2 where configuration or cluster cannot be used, 130 for Ctrl-C, 141 where who read the output has gone.
    """
    given = sys.argv[1:] if argv is None else argv
    args = parser(given).parse_args(given)
    try:
        with _words(args.command):
            code: int = args.run(args)
            sys.stdout.flush()
    except (ConfigError, ClusterError) as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # who reads along (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:  # somebody has waited long enough; what was asked for goes on where it runs
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
