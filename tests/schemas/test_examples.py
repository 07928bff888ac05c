"""Golden examples: bytes that were once on a topic can be read for ever."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from schemas.codec import decode, encode
from schemas.documents import CHANNEL, json_schema
from schemas.shapes import camel
from schemas.topics import registry

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
VALUES = {topic.name.removesuffix(f".{CHANNEL}"): topic.value for topic in registry([CHANNEL])}
FILES = sorted(EXAMPLES.glob("*/v1/*.json"))


def test_every_topic_has_an_example_and_every_example_a_topic() -> None:
    """A topic without evidence, or a folder nobody reads, is a mistake."""
    assert {path.name for path in EXAMPLES.iterdir()} == set(VALUES)
    assert {path.parents[1].name for path in FILES} == set(VALUES)


def kept(example: Any, written: Any) -> bool:
    """Say whether a value came back; inside of it a younger field stands with nothing in it."""
    if isinstance(example, dict) and isinstance(written, dict):
        younger = written.keys() - example.keys()
        empty = all(written[name] in (None, False, 0, "") for name in younger)
        return empty and all(name in written and kept(example[name], written[name]) for name in example)
    if isinstance(example, list) and isinstance(written, list):
        return len(example) == len(written) and all(map(kept, example, written))
    same: bool = example == written
    return same


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def test_an_example_is_read_and_written_again_unchanged(path: Path) -> None:
    """Decoding and encoding keep every field; a field that is younger than the example has its default."""
    kind = VALUES[path.parents[1].name]
    example = orjson.loads(path.read_bytes())
    record = decode(kind, path.read_bytes())
    written = orjson.loads(encode(record))
    younger = [field for field in fields(kind) if camel(field.name) not in example]

    assert all(kept(example[name], written[name]) for name in example)
    assert [getattr(record, field.name) for field in younger] == [field.default for field in younger]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}/{path.stem}")
def test_an_example_fits_the_published_schema(path: Path) -> None:
    """What other teams validate against accepts what we write, and refuses another version."""
    validator = jsonschema.Draft202012Validator(json_schema(VALUES[path.parents[1].name]))
    example = orjson.loads(path.read_bytes())

    assert list(validator.iter_errors(example)) == []
    assert list(validator.iter_errors({**example, "v": 2})) != []
