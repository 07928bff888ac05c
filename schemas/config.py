"""
The one TOML file for what is public, the environment or files for secrets; all faults are listed at once.

Nothing else in the project reads the environment.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import is_dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from schemas.settings import PER_APP, Channel, Config, Kind, Rules, Store
from schemas.shapes import Field, WireError, hints, read_field, shape

__all__ = ["Channel", "Config", "ConfigError", "Secrets", "channel_secret", "config_path", "load", "parse"]

ENV_CONFIG = "LASTUNIT_CONFIG"
FROM_FILE = "file:"
SECRET_OPTIONS = frozenset({"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem"})
"""What librdkafka takes that must not stand in a file for everybody."""
SKU_MAX, SKU_SHOWN = 255, 60
_SEPARATOR = re.compile(r"[\s,]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")


class ConfigError(Exception):
    """The configuration cannot be used; the message lists every fault and what to do."""


def config_path(argument: str | None, environ: Mapping[str, str]) -> Path:
    """Return the file to read: the argument, else `LASTUNIT_CONFIG`; raises `ConfigError` when neither is given."""
    chosen = argument or environ.get(ENV_CONFIG)
    if not chosen:
        raise ConfigError(f"no configuration: pass --config FILE or set {ENV_CONFIG}")
    return Path(chosen)


def load(path: Path, without: Collection[str] = ()) -> Config:
    """
    Read and check a deployment's file; raises `ConfigError` with every fault in it.

    What its channels say of the settings `without` is left out, right or wrong.
    """
    try:
        return _with_files(parse(_shorn(tomllib.loads(path.read_text(encoding="utf-8")), without)))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}:\n{error}") from None


def _shorn(data: dict[str, Any], without: Collection[str]) -> dict[str, Any]:
    channels = data.get("channels")
    for channel in channels if isinstance(channels, list) else ():
        for name in {*without}.intersection(channel if isinstance(channel, dict) else ()):
            del channel[name]
    return data


def _with_files(config: Config) -> Config:
    """Put the contents of files in place of the Kafka options that name one."""
    options = {
        name: Path(value.removeprefix(FROM_FILE)).read_text(encoding="utf-8").strip()
        if value.startswith(FROM_FILE)
        else value
        for name, value in config.kafka.options.items()
    }
    return replace(config, kafka=replace(config.kafka, options=options))


def parse(data: Mapping[str, Any]) -> Config:
    """Turn parsed TOML into a `Config`; raises `ConfigError` with one line a fault."""
    faults = [*_faults(Config, data, "")]
    if not faults:
        values: dict[str, Any] = {field.name: read_field(field, _times(data)) for field in shape(Config, str)}
        config = Config(**values)
        faults = [*_contradictions(config)]
        if not faults:
            return config
    raise ConfigError("\n".join(f"- {fault}" for fault in faults))


def _times(value: Any) -> Any:
    """Turn TOML's offset date-times into milliseconds; a local one stays and is refused as no integer."""
    if isinstance(value, dict):
        return {key: _times(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_times(item) for item in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        return int(value.astimezone(UTC).timestamp() * 1000)
    return value


def _faults(kind: type, data: Mapping[str, Any], at: str) -> Iterator[str]:
    """Check each field by itself, so that one fault does not hide the next; unknown names are faults too."""
    known = {field.wire: field for field in shape(kind, str)}
    yield from (f"{at}{name}: unknown setting" for name in data if name not in known)
    for name, field in known.items():
        yield from _field_faults(kind, field, data, f"{at}{name}")


def _field_faults(kind: type, field: Field, data: Mapping[str, Any], at: str) -> Iterator[str]:
    value, inner = data.get(field.wire), hints(kind)[field.name]
    if isinstance(value, dict) and isinstance(inner, type) and is_dataclass(inner):
        yield from _faults(inner, value, f"{at}.")
    elif field.name == "channels" and isinstance(value, list) and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _faults(Channel, item, f"channels[{item.get('name', number)}].")
    else:
        try:
            read_field(field, _times(data))
        except WireError as error:
            yield f"{at}{error.path.removeprefix(field.wire)}: {error.problem}"


def _contradictions(config: Config) -> Iterator[str]:
    yield from _ambiguities(config)
    for channel in config.channels:
        yield from (f"channels[{channel.name}].{fault}" for fault in _limit_faults(channel))
        yield from _app_faults(channel, config)
    for channel in config.channels:
        yield from _rule_faults(f"channels[{channel.name}].rules", channel.rules)
        for sku, rules in channel.sku_rules.items():
            at = f"channels[{channel.name}].sku_rules[{sku[:SKU_SHOWN]}]"
            if not 1 <= len(sku.encode()) <= SKU_MAX:
                yield f"{at}: a SKU has 1 to {SKU_MAX} bytes"
            yield from _rule_faults(at, rules)
    for name in sorted(SECRET_OPTIONS & config.kafka.options.keys()):
        if not config.kafka.options[name].startswith(FROM_FILE):
            yield f"kafka.options.{name}: a secret has no place in this file; write {FROM_FILE}/path/of/the/secret"
    if config.processor.store is Store.ROCKSDB and not config.processor.state_dir:
        yield "processor.state_dir: missing; the store `rocksdb` keeps its tables in a folder"
    if config.kafka.min_isr > config.kafka.replication:
        yield f"kafka.min_isr: {config.kafka.min_isr} is more than kafka.replication ({config.kafka.replication})"


def _rule_faults(at: str, rules: Rules) -> Iterator[str]:
    """Say what would always show 0 without saying so: `paused = true` says so, and so does `percent = 0`."""
    if rules.max is not None and 0 < rules.max < rules.floor:
        yield f"{at}: max {rules.max} is less than floor {rules.floor}, so nothing would ever be shown"


def _limit_faults(channel: Channel) -> Iterator[str]:
    """Yield what would be left out of account in silence, or could not be meant."""
    for name in ("push_limit", "read_limit", "orders_limit"):
        for number, window in enumerate(getattr(channel, name)):
            at = f"{name}[{number}]"
            if window.rolling and window.burst != window.calls:
                yield f"{at}.burst: {window.burst} of a rolling window of {window.calls}; write {window.calls}"
            if window.points and channel.kind is not Kind.SHOPIFY:
                yield f"{at}.points: only Shopify counts points"
            if window.per_listing and name != "push_limit":
                yield f"{at}.per_listing: only what is told is counted by listing"
            if name == "orders_limit" and (window.rolling or window.points):
                yield f"{at}: the order poll counts calls, in buckets that refill"


def _app_faults(channel: Channel, config: Config) -> Iterator[str]:
    shared = [one for one in config.channels if channel.app and (one.kind, one.app) == (channel.kind, channel.app)]
    if channel.kind in PER_APP and len(shared) > 1 and not channel.orders_limit:
        yield (
            f"channels[{channel.name}].orders_limit: missing; {len(shared)} channels share the app {channel.app!r}, "
            "and each poller would take the whole of what an app may ask for orders"
        )


def _ambiguities(config: Config) -> Iterator[str]:
    for name, times in Counter(config.channel_names).items():
        if times > 1:
            yield f"channels[{name}]: {times} channels have this name"
    for alias, times in Counter(channel.alias.lower() for channel in config.channels if channel.alias).items():
        if times > 1:
            yield f"channels: {times} channels have the alias {alias!r}; a webhook must find exactly one"
    for channel in config.channels:
        if channel.kind is Kind.ETSY and channel.base_url and not _NUMBER.fullmatch(channel.alias):
            yield f"channels[{channel.name}].alias: want the shop's id, a number; an Etsy shop is asked by it"


@lru_cache(1_024)
def channel_secret(channel: str, what: str) -> str:
    """Return the name of a channel's secret: `shopify-uk`, `ACCESS_TOKEN` is `SHOPIFY_UK_ACCESS_TOKEN`."""
    return f"{channel.upper().replace('-', '_')}_{what}"


@lru_cache(1_024)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in _SEPARATOR.split(text) if part)


class Secrets:
    """
    Secrets by name: the variable `LASTUNIT_<NAME>`, or the file that `LASTUNIT_<NAME>_FILE` names.

    A file is read each time, so a rotated secret is taken up without a restart.  Values never appear in an error.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Take the process's environment."""
        self._environ = environ

    def __repr__(self) -> str:
        return "Secrets(...)"

    def has(self, name: str) -> bool:
        """Say whether the secret is configured, readable or not."""
        return not {f"LASTUNIT_{name}", f"LASTUNIT_{name}_FILE"}.isdisjoint(self._environ)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value in force (several during a rotation); raises `ConfigError` when there is none."""
        values = _parts(self._text(name))
        if not values:
            raise ConfigError(f"secret {name} is missing: set LASTUNIT_{name} or LASTUNIT_{name}_FILE")
        return values

    def one(self, name: str) -> str:
        """Return the newest value, the first one given; raises `ConfigError` when there is none."""
        return self.all(name)[0]

    def _text(self, name: str) -> str:
        path = self._environ.get(f"LASTUNIT_{name}_FILE")
        if path is None:
            return self._environ.get(f"LASTUNIT_{name}", "")
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"secret {name}: cannot read {path} ({type(error).__name__})") from None
