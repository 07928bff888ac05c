"""The derived documents say what the code does."""

from pathlib import Path

import jsonschema
import orjson
import pytest

from schemas.__main__ import DOCUMENT_VERSION, HERE, main
from schemas.documents import asyncapi, documents
from schemas.topics import registry


def test_the_committed_documents_are_up_to_date() -> None:
    """`python -m schemas docs` would change nothing."""
    derived = dict(documents(DOCUMENT_VERSION))

    assert {name: orjson.loads((HERE / name).read_bytes()) for name in derived} == derived
    assert {path.name for path in (HERE / "json").iterdir()} == {Path(name).name for name in derived} - {
        "asyncapi.json"
    }


def test_the_command_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """The check that a person runs is the same."""
    assert main(["docs", "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_a_stale_document_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails until the documents are written."""
    monkeypatch.setattr("schemas.__main__.HERE", tmp_path)

    assert main(["docs", "--check"]) == 1
    assert "asyncapi.json is out of date" in capsys.readouterr().err
    assert main(["docs"]) == 0
    assert main(["docs", "--check"]) == 0


def test_every_schema_is_a_valid_json_schema() -> None:
    """A validator of any language can load them."""
    for name, document in documents(DOCUMENT_VERSION):
        if name.startswith("json/"):
            jsonschema.Draft202012Validator.check_schema(document)


def test_the_asyncapi_document_names_every_topic_once() -> None:
    """What a platform team reads is the registry."""
    document = asyncapi("1")
    addresses = [channel["address"] for channel in document["channels"].values()]

    assert sorted(addresses) == sorted(topic.name for topic in registry(["{channel}"]))
    assert document["channels"]["stock.level"]["messages"]["StockLevel"] == {"$ref": "#/components/messages/StockLevel"}
