"""Lists that must agree, and names that must be ours."""

import ast
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from compose.fakes.server import KINDS as FAKES
from ingest import channels
from ingest.channels import CHALLENGES, KEYS, WEBHOOKS, calls
from ingest.channels.calls import DISCOVERIES, GRANTS, POLLS
from ingest.imports.rules import RULES
from publishers.channels import CHOSEN
from publishers.channels import GRANTS as BOUGHT
from publishers.channels import KINDS as PUSHES
from schemas.config import load
from schemas.settings import Kind
from tests.channels.conftest import SECRETS, SIGN

ROOT = Path(__file__).parents[1]
OURS = ("ingest", "processor", "publishers", "schemas")
KINDS = {kind.value for kind in Kind}
CHANNELS = ROOT / "tests" / "channels"
CONFIGURATIONS = [path for folder in ("k8s", "compose") for path in sorted((ROOT / folder).rglob("*lastunit*.toml"))]
Exempt = Mapping[str, str]
"""Kinds that a list leaves out, each with its reason: who is left out without one is missing."""
NO_STOCK_TO_PUSH: Exempt = {
    "generic": "a generic sender tells us its orders and has no stock of its own to be told",
}
NO_ORDERS_TO_ASK_FOR: Exempt = {
    "generic": "whoever speaks our contract sends; there is no API to be asked",
}
NO_LISTINGS_TO_ASK_FOR: Exempt = {
    "generic": "its listing ids are our SKUs",
}
NO_TOKEN_TO_FETCH: Exempt = {
    "shopify": "an older app's token lasts until it is taken back; one that is bought stands in CHOSEN",
    "woocommerce": "consumer key and secret go with each call",
    "generic": "it is not called",
}
NO_CHOICE_OF_TOKENS: Exempt = {
    **dict.fromkeys(("amazon", "ebay", "etsy"), "its tokens are always bought"),
    **dict.fromkeys(("woocommerce", "generic"), "it has no tokens"),
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
NO_WEBHOOKS_TO_WATCH: Exempt = {
    "shopify": "it warns by mail; the poll finds what it no longer sends",
    "amazon": "the queue keeps what nobody fetches",
    "etsy": "its endpoints are managed in its portal, which no API shows",
    "ebay": "it tells in its portal; the poll finds what it no longer sends",
    "generic": "there is no API to be asked",
}


def _folders(pattern: str) -> set[str]:
    return {path.parent.name for path in CHANNELS.glob(pattern)}


def _in_the_readme() -> set[str]:
    found = re.findall(r'^ *kind = "[a-z]+" *# (.*)$', (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {word for line in found for word in re.split(r", | or ", line)}


LISTS: Mapping[str, tuple[Iterable[str], Exempt]] = {
    "ingest/channels/__init__.py: WEBHOOKS": (WEBHOOKS, {}),
    "ingest/channels/__init__.py: KEYS": (KEYS, NO_KEY_TO_FETCH),
    "ingest/channels/__init__.py: CHALLENGES": (CHALLENGES, NO_QUESTION_TO_ANSWER),
    "ingest/channels/calls.py: POLLS": (POLLS, NO_ORDERS_TO_ASK_FOR),
    "ingest/channels/calls.py: DISCOVERIES": (DISCOVERIES, NO_LISTINGS_TO_ASK_FOR),
    "ingest/channels/calls.py: GRANTS": (GRANTS, NO_TOKEN_TO_FETCH),
    "ingest/channels/calls.py: CHOSEN": (calls.CHOSEN, NO_CHOICE_OF_TOKENS),
    "ingest/channels/calls.py: WATCHES": (calls.WATCHES, NO_WEBHOOKS_TO_WATCH),
    "ingest/imports/rules.py: RULES": (RULES, {}),
    "publishers/channels/__init__.py: KINDS": (PUSHES, NO_STOCK_TO_PUSH),
    "publishers/channels/__init__.py: GRANTS": (BOUGHT, NO_TOKEN_TO_FETCH),
    "publishers/channels/__init__.py: CHOSEN": (CHOSEN, NO_CHOICE_OF_TOKENS),
    "compose/fakes/server.py: KINDS": (FAKES, {}),
    "README.md: the comment behind `kind =`": (_in_the_readme(), {}),
    "tests/channels/conftest.py: SIGN": (SIGN, {}),
    "tests/channels/conftest.py: SECRETS": (SECRETS, {}),
    "tests/channels/<kind>/README.md": (_folders("*/README.md"), {}),
    "tests/channels/<kind>/webhooks/": (_folders("*/webhooks"), {}),
    "tests/channels/<kind>/records/": (_folders("*/records"), {}),
    "tests/channels/<kind>/listings/": (_folders("*/listings"), NO_LISTINGS_TO_ASK_FOR),
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


def test_no_table_by_kind_is_forgotten_here() -> None:
    """A table that is added beside the others is one more place in which a kind could be missing."""
    tables = {(module, name) for module in (channels, calls) for name, value in vars(module).items() if _by_kind(value)}
    listed = {place.rpartition(": ")[2] for place in LISTS}
    assert sorted(f"{module.__name__}.{name}" for module, name in tables if name not in listed) == []


def _by_kind(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, Kind) for key in value)


def test_an_exemption_names_a_kind_that_there_is() -> None:
    """What is no longer there needs no exemption."""
    assert {name for _, exempt in LISTS.values() for name in exempt} <= KINDS


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_configuration_that_we_ship_can_be_loaded(path: Path) -> None:
    """Its channels are of kinds that there are, and nothing in it contradicts itself."""
    assert load(path).channels


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
