"""
What the fuzz is made of: captured bodies, and the words that each kind's own code looks for.

Everything is found by itself: a kind or module that is added later is in as soon as it stands in its tables.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ingest.channels.calls import GRANTS
from schemas.settings import Kind
from tests.channels import bodies
from tests.channels.bodies import Sample

ROOT = Path(__file__).parents[2]
CHANNELS = ROOT / "tests" / "channels"
CODE = ROOT / "ingest" / "channels"
WORD_CHARS_MAX = 60
GRANTED = {"access_token": "a-granted-token", "refresh_token": "the-next", "token_type": "bearer", "expires_in": 3_600}
"""What RFC 6749 (5.1) has a token endpoint answer: no vendor's was captured."""
WORDS_MIN = ("id", "sku", "quantity", "status", "data", "errors", "next", "total")
"""Something for kinds that say little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """
    What is known of a kind.

    `answers` are bodies of its API, `names` and `texts` what its code and its bodies name and hold.
    """

    kind: Kind
    webhooks: Sequence[Sample]
    answers: Sequence[Any]
    names: Sequence[str]
    texts: Sequence[Any]


@cache
def materials() -> Mapping[Kind, Material]:
    """Return the material of every kind."""
    samples = bodies.webhooks()
    return {kind: _material(kind, [sample for sample in samples if sample.kind is kind]) for kind in Kind}


def _material(kind: Kind, webhooks: Sequence[Sample]) -> Material:
    answers = [*_answers(kind), *([GRANTED] if kind in GRANTS else ())]
    known = [sample.body for sample in webhooks] + answers
    names = {key for body in known for key in _keys(body)} | {word for word in _words(kind) if word.isidentifier()}
    texts = [*_words(kind), *dict.fromkeys(value for body in known for value in _leaves(body))]
    return Material(
        kind=kind,
        webhooks=webhooks,
        answers=answers,
        names=sorted(names | {*WORDS_MIN}),
        texts=sorted(texts, key=repr),
    )


def _answers(kind: Kind) -> Iterator[Any]:
    """Yield the captured bodies that are no webhooks of ours and no verdicts on them."""
    for path in sorted((CHANNELS / kind).glob("*/*.json")):
        if path.parent.name not in ("webhooks", "records", "pushes"):
            body = json.loads(path.read_text(encoding="utf-8"))
            yield body
            # A file that holds an answer with its status, or a list of cases, has bodies inside.
            if isinstance(body, dict) and isinstance(body.get("body"), dict | list):
                yield body["body"]


@cache
def _words(kind: Kind) -> tuple[str, ...]:
    """Return the short texts in the code of a kind: names of fields and words that it tells apart."""
    found: set[str] = set()
    for path in sorted(CODE.glob("*.py")):
        if path.stem == kind or path.stem.startswith(f"{kind}_"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            found |= {text for text in texts if 0 < len(text) <= WORD_CHARS_MAX and not text.isspace()}
    return tuple(sorted(found))


def _keys(value: Any) -> Iterator[str]:
    for path in bodies.places(value):
        if isinstance(path[-1], str):
            yield path[-1]


def _leaves(value: Any) -> Iterator[Any]:
    for path in bodies.places(value):
        leaf = bodies.at(value, path)
        if not isinstance(leaf, dict | list):
            yield leaf
