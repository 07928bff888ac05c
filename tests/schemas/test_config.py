"""One file, all faults at once; secrets never in sight."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from schemas.config import ConfigError, Secrets, channel_secret, config_path, load, parse
from schemas.settings import Kind, Mode
from schemas.words import Policy

MINIMAL = """
[kafka]
bootstrap = "127.0.0.1:9092"
[[channels]]
name = "shopify-uk"
kind = "shopify"
since = 2026-01-01T00:00:00Z
"""


def parsed(text: str) -> Any:
    return tomllib.loads(text)


def test_a_minimal_file_gets_the_defaults() -> None:
    """A channel starts in shadow: nothing is pushed before somebody says so."""
    config = parse(parsed(MINIMAL))
    channel = config.channel("shopify-uk")

    assert (channel.kind, channel.mode, channel.since) == (Kind.SHOPIFY, Mode.SHADOW, 1_767_225_600_000)
    assert (config.kafka.partitions, config.kafka.replication, config.kafka.min_isr) == (12, 3, 2)
    assert (config.processor.policy, config.processor.horizon_ms) == (Policy.REJECT, 7_776_000_000)
    assert config.channel_names == ("shopify-uk",)


def test_all_faults_are_listed_at_once() -> None:
    """Whoever repairs the file repairs it once."""
    with pytest.raises(ConfigError) as error:
        parse(
            parsed(
                MINIMAL
                + """
                rules = {percent = 101, foo = 1}
                base_url = "ftp://x"
                since2 = 1
                [[channels]]
                name = "B"
                kind = "etsi"
                since = 2026-01-01T00:00:00
                [processor]
                polcy = "reject"
                """
            )
        )

    lines = str(error.value).splitlines()
    assert len(lines) == 8
    for place in (
        "rules.percent",
        "rules.foo",
        "base_url",
        "since2",
        "channels[B].name",
        ".kind",
        "[B].since",
        "polcy",
    ):
        assert sum(place in line for line in lines) == 1, place


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("[[channels]]\nname='shopify-uk'\nkind='generic'\nsince=1", "2 channels have this name"),
        ("alias='x'\n[[channels]]\nname='b'\nkind='generic'\nsince=1\nalias='x'", "2 channels have the alias 'x'"),
        ("[[channels]]\nname='b'\nkind='etsy'\nsince=1\nbase_url='https://x.test'\nalias='a'", "want the shop's id"),
        ("alias='Uk.Shop'\n[[channels]]\nname='b'\nkind='generic'\nsince=1\nalias='uK.sHOP'", "the alias 'uk.shop'"),
    ],
)
def test_contradictions_are_faults(more: str, fault: str) -> None:
    """A webhook must find exactly one account."""
    with pytest.raises(ConfigError, match=fault):
        parse(parsed(MINIMAL + more))


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (
            "push_limit = [{calls=9, per_ms=1, burst=8, rolling=true}]",
            "push_limit[0].burst: 8 of a rolling window of 9",
        ),
        (
            "[[channels]]\nname='b'\nkind='ebay'\nsince=1\nread_limit=[{calls=1, per_ms=1, burst=1, points=true}]",
            "points",
        ),
        (
            "read_limit = [{calls=1, per_ms=1, burst=1, per_listing=true}]",
            "read_limit[0].per_listing: only what is told",
        ),
        ("orders_limit = [{calls=1, per_ms=1, burst=1, per_listing=true}]", "orders_limit[0].per_listing: only what"),
        (
            "orders_limit = [{calls=1, per_ms=1, burst=1}, {calls=1, per_ms=1, burst=1, rolling=true}]",
            "orders_limit[1]:",
        ),
        ("orders_limit = [{calls=1, per_ms=1, burst=1, points=true}]", "the order poll counts calls"),
    ],
)
def test_a_limit_that_could_not_be_meant_is_a_fault(more: str, fault: str) -> None:
    """What would be left out of account in silence is said before anything is told."""
    with pytest.raises(ConfigError, match=re.escape(fault)):
        parse(parsed(MINIMAL + more))


def test_limits_that_are_meant_are_taken() -> None:
    """Points where points are counted, a rolling day, a listing's own."""
    limits = "[{calls=9, per_ms=9, burst=9, rolling=true, per_listing=true}, {calls=1, per_ms=1, burst=5, points=true}]"
    (channel,) = parse(parsed(MINIMAL + f"push_limit = {limits}\nread_limit=[{{calls=1, per_ms=1, burst=2}}]")).channels
    assert [(one.rolling, one.points, one.per_listing) for one in channel.push_limit] == [
        (True, False, True),
        (False, True, False),
    ]


@pytest.mark.parametrize(("kind", "faults"), [("etsy", 1), ("ebay", 1), ("shopify", 0)])
def test_channels_that_share_an_app_each_say_how_much_their_order_polls_take(kind: str, faults: int) -> None:
    """A poller does not know of the others; where the vendor counts an app's calls, all would take the whole share."""
    shops = "".join(
        f"[[channels]]\nname='{name}'\nkind='{kind}'\nsince=1\napp='one'\n{more}\n"
        for name, more in (("a", ""), ("b", "orders_limit=[{calls=1, per_ms=1, burst=1}]"))
    )
    alone = "[[channels]]\nname='c'\nkind='etsy'\nsince=1\napp='two'\n[[channels]]\nname='d'\nkind='etsy'\nsince=1\n"
    try:
        parse(parsed(MINIMAL + shops + alone))
        found: list[str] = []
    except ConfigError as error:
        found = str(error).splitlines()
    assert len(found) == faults
    assert all("channels[a].orders_limit: missing; 2 channels share the app 'one'" in one for one in found)


def test_rules_that_would_never_show_anything_are_faults_all_at_once() -> None:
    """Whoever means it says `paused`, `percent = 0` or `max = 0`; per SKU too, and a SKU's name is one."""
    own = {"A": {"max": 3, "floor": 5}, "": {}, "B" * 256: {}, "C": {"max": 0, "floor": 5}, "D": {"percent": 0}}
    given = parsed(MINIMAL)
    given["channels"][0].update(rules={"max": 1, "floor": 2}, sku_rules=own)
    with pytest.raises(ConfigError) as error:
        parse(given)
    first, second, third, fourth = str(error.value).splitlines()
    assert "rules: max 1 is less than floor 2" in first
    assert "sku_rules[A]: max 3 is less than floor 5" in second
    assert "sku_rules[]: a SKU has 1 to 255 bytes" in third
    assert f"sku_rules[{'B' * 60}]: a SKU has" in fourth


def test_the_replicas_in_sync_cannot_be_more_than_the_replicas() -> None:
    """Such a topic could never be written."""
    with pytest.raises(ConfigError, match=r"kafka\.min_isr: 2 is more than kafka\.replication"):
        parse(parsed('[kafka]\nbootstrap = "x"\nreplication = 1'))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The path stands in the message, for a missing file, a broken one and a wrong one."""
    broken = tmp_path / "broken.toml"
    broken.write_text("[kafka\n")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("")
    for path, fault in (
        (tmp_path / "none.toml", "No such file"),
        (broken, "line 1"),
        (wrong, "kafka: missing"),
    ):
        with pytest.raises(ConfigError, match=fault) as error:
            load(path)
        assert str(path) in str(error.value)


def test_the_configuration_file_is_found_by_argument_or_environment() -> None:
    """The argument wins; without either, the message says what to do."""
    assert config_path("a.toml", {"LASTUNIT_CONFIG": "b.toml"}) == Path("a.toml")
    assert config_path(None, {"LASTUNIT_CONFIG": "b.toml"}) == Path("b.toml")
    with pytest.raises(ConfigError, match="pass --config FILE or set LASTUNIT_CONFIG"):
        config_path(None, {})


def test_client_settings_never_lose_what_durability_needs() -> None:
    """Producers wait for all replicas and place keys as Java does; consumers see committed records only."""
    kafka = parse(parsed(MINIMAL)).kafka
    producer, consumer = kafka.producer(linger_ms=1), kafka.consumer("ledger")

    assert (producer["acks"], producer["enable.idempotence"], producer["partitioner"], producer["linger.ms"]) == (
        "all",
        "true",
        "murmur2_random",
        1,
    )
    assert (consumer["isolation.level"], consumer["enable.auto.commit"], consumer["group.id"]) == (
        "read_committed",
        "false",
        "ledger",
    )


def test_a_secret_option_comes_from_a_file_and_shows_nowhere(tmp_path: Path) -> None:
    """The file for everybody names the place, never the secret; a missing place is a fault with its name."""
    secret, path = tmp_path / "kafka", tmp_path / "lastunit.toml"
    secret.write_text("hush\n")
    path.write_text(f'[kafka]\nbootstrap = "x"\noptions = {{"sasl.password" = "file:{secret}"}}')

    assert load(path).kafka.client()["sasl.password"] == "hush"
    assert "hush" not in repr(load(path))
    with pytest.raises(ConfigError, match=r"kafka\.options\.sasl\.password: a secret has no place"):
        parse(parsed('[kafka]\nbootstrap = "x"\noptions = {"sasl.password" = "hush"}'))
    secret.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        load(path)


def test_a_prefix_stands_before_topics_and_groups() -> None:
    """Deployments share a cluster without meeting."""
    kafka = parse(parsed('[kafka]\nbootstrap = "x"\nprefix = "t1."')).kafka

    assert (kafka.topic("stock.level"), kafka.group("ledger")) == ("t1.stock.level", "t1.ledger")


def test_rules_of_a_sku_replace_the_channels() -> None:
    """A SKU without its own has the channel's."""
    config = parse(parsed(MINIMAL + 'rules = {buffer = 2}\nsku_rules = {"TEE M" = {buffer = 5}}'))
    channel = config.channel("shopify-uk")

    assert (channel.rules_for("MUG").buffer, channel.rules_for("TEE M").buffer) == (2, 5)


def test_secrets_come_from_the_environment_or_from_files_and_rotate(tmp_path: Path) -> None:
    """A file is read anew each time; several values are in force at once."""
    file = tmp_path / "secret"
    file.write_text("new\nold\n")
    secrets = Secrets({"LASTUNIT_A": "one, two", "LASTUNIT_B_FILE": str(file)})

    assert secrets.all("A") == ("one", "two")
    assert (secrets.all("B"), secrets.one("B")) == (("new", "old"), "new")
    file.write_text("newest")
    assert secrets.all("B") == ("newest",)


@pytest.mark.parametrize("environ", [{}, {"LASTUNIT_A": " , "}, {"LASTUNIT_A_FILE": "/nonexistent/secret"}])
def test_a_missing_secret_says_what_to_set(environ: dict[str, str]) -> None:
    """The name is said, a value never."""
    with pytest.raises(ConfigError, match="secret A"):
        Secrets(environ).all("A")


def test_secrets_do_not_show_themselves() -> None:
    """Neither print nor a debugger's line gives one away."""
    assert "hush" not in repr(Secrets({"LASTUNIT_A": "hush"}))


def test_a_channels_secret_has_one_name() -> None:
    """Dashes are no part of a variable's name."""
    assert channel_secret("shopify-uk", "ACCESS_TOKEN") == "SHOPIFY_UK_ACCESS_TOKEN"
