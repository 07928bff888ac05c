"""A deployment's configuration file for servers that run on this machine."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from compose.runner.errors import CannotRun
from compose.runner.processes import HOME

PARTITIONS = 4
TOPICS_S = 60.0


class TopicsNotCreated(CannotRun):
    """The topics could not be created; the message has the tool's output."""


def write_config(
    path: Path,
    *,
    bootstrap: str,
    channels: Sequence[Mapping[str, object]] = (),
    sections: Mapping[str, Mapping[str, object]] | None = None,
) -> Path:
    """Write a configuration for one broker on this machine and return its path.

    Args:
        path: the TOML file; its folder is made if missing.
        bootstrap: the broker's `host:port`.
        channels: the `[[channels]]`, as `schemas.config` wants them.
        sections: other sections (`kafka`, `processor`, ...); what `kafka` says here wins over our defaults.

    """
    more = dict(sections or {})
    kafka: dict[str, object] = {"bootstrap": bootstrap, "partitions": PARTITIONS, "replication": 1, "min_isr": 1}
    tables = {"kafka": kafka | dict(more.pop("kafka", {})), **more}
    parts = [_table(f"[{name}]", table) for name, table in tables.items()]
    parts += [_table("[[channels]]", channel) for channel in channels]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def create_topics(config: Path) -> None:
    """Create all topics of a configuration on its broker, with the project's own tool.

    Raises:
        TopicsNotCreated: it failed.

    """
    command = [sys.executable, "-m", "schemas", "topics", "--create", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HOME, timeout=TOPICS_S, check=False)
    if done.returncode != 0:
        message = f"the topics were not created:\n{done.stdout}{done.stderr}"
        raise TopicsNotCreated(message)


def _table(title: str, values: Mapping[str, object]) -> str:
    return "".join([f"{title}\n", *(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())])


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    # JSON's strings, numbers and truth values are TOML's too.
    return json.dumps(value, ensure_ascii=False)


def _key(key: object) -> str:
    return json.dumps(str(key), ensure_ascii=False)
