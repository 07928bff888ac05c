"""
The contract as documents: a JSON Schema for each record and one AsyncAPI 3 document for the topics.

Both are derived from the dataclasses and committed, so that another team reads what the code does.
Sources: JSON Schema 2020-12; AsyncAPI 3.0.0 with its Kafka bindings 0.5.0.
"""

import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from inspect import getdoc
from typing import Annotated, Any, Union, get_args, get_origin

from schemas.shapes import Bytes, Pattern, Range, camel, hints
from schemas.topics import Topic, registry

CHANNEL = "{channel}"
"""Stands for a channel's name in the documents."""

_SCALARS: Mapping[object, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
}


def json_schema(kind: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of a record as readers may rely on it: unknown fields are allowed, `v` is fixed."""
    body = _record(kind)
    body["properties"] = {"v": {"const": kind.VERSION}, **body["properties"]}
    body["required"] = ["v", *body["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind.__name__, **body}


def _record(kind: type) -> dict[str, Any]:
    return {
        "type": "object",
        "description": getdoc(kind) or "",
        "properties": {camel(f.name): _property(hints(kind)[f.name]) for f in fields(kind)},
        "required": [camel(f.name) for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING],
    }


@cache
def _constraint(rule: Range | Bytes | Pattern) -> dict[str, Any]:
    match rule:
        case Range(low, high):
            return {"minimum": low, "maximum": high}
        case Bytes(low, high):
            return {"minLength": min(low, 1), "maxLength": high, "description": f"{low} to {high} bytes of UTF-8"}
        case Pattern(regex):
            return {"pattern": f"^({regex})$"}


def _property(hint: Any) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {**_property(args[0]), **{key: value for rule in args[1:] for key, value in _constraint(rule).items()}}
    if origin in (Union, types.UnionType):
        (some,) = [part for part in args if part is not type(None)]
        return {"anyOf": [_property(some), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _property(args[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _property(args[1])}
    return _plain(hint)


def _plain(hint: Any) -> dict[str, Any]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [member.value for member in hint]}
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint)
    return dict(_SCALARS[hint])


def asyncapi(version: str) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of all topics; `version` is the project's."""
    topics = registry([CHANNEL])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lastunit",
            "version": version,
            "description": "One true stock level for every SKU, and every sales channel in step with it.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_id(topic): _channel(topic) for topic in topics},
        "operations": {f"receive.{_id(topic)}": _operation(topic) for topic in topics},
        "components": {"messages": {t.value.__name__: _message(t) for t in topics}},
    }


def _id(topic: Topic) -> str:
    return topic.name.removesuffix(f".{CHANNEL}")


def _channel(topic: Topic) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topic.name,
        "title": topic.value.__name__,
        "description": f"Key: {topic.key}. Written by: {topic.writers}.",
        "messages": {topic.value.__name__: {"$ref": f"#/components/messages/{topic.value.__name__}"}},
        "bindings": {"kafka": {"topicConfiguration": _binding(topic), "bindingVersion": "0.5.0"}},
    }
    if CHANNEL in topic.name:
        channel["parameters"] = {"channel": {"description": "The channel's name, [a-z0-9-]{1,40}."}}
    return channel


def _binding(topic: Topic) -> dict[str, Any]:
    binding: dict[str, Any] = {"cleanup.policy": topic.cleanup.split(",")}
    if topic.retention_ms is not None:
        binding["retention.ms"] = topic.retention_ms
    return binding


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_id(topic)}"},
        "summary": f"Read {topic.value.__name__} records.",
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.value.__name__,
        "contentType": "application/json",
        "payload": json_schema(topic.value),
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": "0.5.0"}},
    }


def documents(version: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every derived document with its file name, relative to this package."""
    yield "asyncapi.json", asyncapi(version)
    for kind in {topic.value.__name__: topic.value for topic in registry([CHANNEL])}.values():
        yield f"json/{kind.__name__}.v{kind.VERSION}.json", json_schema(kind)
