"""Lists that must agree, and names that must be ours."""

import ast
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from compose.fakes.server import KINDS as FAKES
from ingest.channels import CHALLENGES, KEYS, WEBHOOKS
from ingest.channels.calls import DISCOVERIES, GRANTS, POLLS
from ingest.imports.rules import RULES
from publishers.channels import KINDS as PUSHES
from schemas.settings import Kind
from tests.channels.conftest import SECRETS, SIGN

ROOT = Path(__file__).parents[1]
OURS = ("ingest", "processor", "publishers", "schemas")
KINDS = {kind.value for kind in Kind}
CHANNELS = ROOT / "tests" / "channels"
Exempt = Mapping[str, str]
"""Kinds that a list leaves out, each with its reason: who is left out without one is missing."""
NO_STOCK_TO_PUSH: Exempt = {
    "amazon": "levels out for it are the next issue",
    "ebay": "levels out for it are the next issue",
    "etsy": "levels out for it are the next issue",
    "generic": "a generic sender tells us its orders and has no stock of its own to be told",
}
NO_ORDERS_TO_ASK_FOR: Exempt = {
    "generic": "whoever speaks our contract sends; there is no API to be asked",
}
NO_LISTINGS_TO_ASK_FOR: Exempt = {
    "generic": "its listing ids are our SKUs",
}
NO_TOKEN_TO_FETCH: Exempt = {
    "shopify": "a custom app's Admin API token lasts until it is taken back",
    "woocommerce": "consumer key and secret go with each call",
    "generic": "it is not called",
}
NO_KEY_TO_FETCH: Exempt = {
    "shopify": "it signs with the app's secret",
    "woocommerce": "it signs with the webhook's secret",
    "generic": "it signs with the endpoint's secret or key, which is configured",
    "amazon": "the bridge shows a token",
    "etsy": "it signs with the endpoint's secret",
}
NO_QUESTION_TO_ANSWER: Exempt = {
    "shopify": "it sends without a test of the address",
    "woocommerce": "its test is a POST, a ping",
    "generic": "Standard Webhooks has no test of the address",
    "amazon": "the bridge is ours",
    "etsy": "the address is entered in its portal",
}


def _folders(pattern: str) -> set[str]:
    return {path.parent.name for path in CHANNELS.glob(pattern)}


LISTS: Mapping[str, tuple[Iterable[str], Exempt]] = {
    "ingest/channels/__init__.py: WEBHOOKS": (WEBHOOKS, {}),
    "ingest/channels/__init__.py: KEYS": (KEYS, NO_KEY_TO_FETCH),
    "ingest/channels/__init__.py: CHALLENGES": (CHALLENGES, NO_QUESTION_TO_ANSWER),
    "ingest/channels/calls.py: POLLS": (POLLS, NO_ORDERS_TO_ASK_FOR),
    "ingest/channels/calls.py: DISCOVERIES": (DISCOVERIES, NO_LISTINGS_TO_ASK_FOR),
    "ingest/channels/calls.py: GRANTS": (GRANTS, NO_TOKEN_TO_FETCH),
    "ingest/imports/rules.py: RULES": (RULES, {}),
    "publishers/channels/__init__.py: KINDS": (PUSHES, NO_STOCK_TO_PUSH),
    "compose/fakes/server.py: KINDS": (FAKES, {}),
    "tests/channels/conftest.py: SIGN": (SIGN, {}),
    "tests/channels/conftest.py: SECRETS": (SECRETS, {}),
    "tests/channels/<kind>/README.md": (_folders("*/README.md"), {}),
    "tests/channels/<kind>/webhooks/": (_folders("*/webhooks"), {}),
    "tests/channels/<kind>/records/": (_folders("*/records"), {}),
    "tests/channels/<kind>/polls/": (_folders("*/polls"), NO_ORDERS_TO_ASK_FOR),
}
"""Every place that names kinds of channel, and who may be missing there."""


@pytest.mark.parametrize("name", OURS)
def test_the_top_level_names_are_ours(name: str) -> None:
    """A foreign package of the same name would win or mix without a word."""
    assert set(packages_distributions()[name]) == {"lastunit"}


@pytest.mark.parametrize("place", LISTS)
def test_every_list_of_channels_names_every_kind(place: str) -> None:
    """A kind that is missing somewhere is missing without a word: each place names all, or says why it does not."""
    named, exempt = LISTS[place]
    found = {str(name) for name in named}
    missing = sorted(KINDS - found - exempt.keys())
    assert not missing, f"{place}: no {', '.join(missing)}; add it, or an exemption with its reason to this file"
    unknown = sorted(found - KINDS)
    assert not unknown, f"{place}: {', '.join(unknown)} is not in schemas.settings.Kind"
    needless = sorted(found & exempt.keys())
    assert not needless, f"{place}: {', '.join(needless)} is there and exempt all the same: drop the exemption"


def test_what_a_kind_needs_to_be_called_goes_with_its_calls() -> None:
    """Access tokens are for calls, keys and questions for webhooks; no table knows a kind that the others do not."""
    assert GRANTS.keys() <= POLLS.keys() | DISCOVERIES.keys() | PUSHES.keys()
    assert KEYS.keys() <= GRANTS.keys(), "a key is fetched with an access token: KEYS without GRANTS"
    assert KEYS.keys() | CHALLENGES.keys() <= WEBHOOKS.keys()


def test_only_the_configuration_reads_the_environment() -> None:
    """Commands hand the environment over; nothing deeper looks at it."""
    allowed = re.compile(r"(__main__|_cli|options|serve|app|command)\.py$")
    readers = [
        str(path.relative_to(ROOT))
        for name in OURS
        for path in (ROOT / name).rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text(encoding="utf-8"))
    ]

    assert [path for path in readers if not allowed.search(path)] == []


def test_every_client_of_kafka_writes_its_logs_where_ours_are() -> None:
    """By itself librdkafka writes plain lines on standard error, between the JSON."""
    clients = re.compile(r"(?<![\w.])(?:Consumer|Producer|AdminClient|Client)\(")
    silent = []
    for name in OURS:
        for path in (ROOT / name).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            library = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("confluent_kafka")
                for alias in node.names
            }
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
            silent += [
                f"{path.relative_to(ROOT)}:{call.lineno}"
                for call in calls
                if isinstance(call.func, ast.Name)
                and call.func.id in library
                and clients.match(f"{call.func.id}(")
                and "logger" not in {keyword.arg for keyword in call.keywords}
            ]

    assert silent == []


def test_no_module_has_grown_over_its_bound() -> None:
    """A module with one responsibility needs no more than 250 lines."""
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for name in (*OURS, "compose")
        for path in (ROOT / name).rglob("*.py")
    }

    assert {path: size for path, size in sizes.items() if size > 250} == {}
