"""A small GraphQL server core: parse and validate against the schema, then project plain dictionaries. No I/O.

Parsing and validation are graphql-core's. Its executor is too slow beside a broker on two cores, so the answer is
projected here: a value is a dictionary, a list, a scalar, or a callable taking the field's arguments.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values, get_variable_values

from compose.fakes.shopify_schema import SDL

SCHEMA: GraphQLSchema = build_schema(SDL)
Resolver = Callable[["Call"], Any]
MAX_DOCUMENTS = 64
"""Parsed documents that are remembered; clients send few different texts."""


class Refused(Exception):  # noqa: N818 - named for the reaction: the field answers null and an error
    """A root field is refused with a top-level error."""

    def __init__(self, message: str, code: str) -> None:
        """Say why, and the vendor's code."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A root field to answer: its arguments, and the key of `@idempotent` when it has one."""

    args: Mapping[str, Any]
    idempotency_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A validated operation with its variables' values."""

    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    root: GraphQLObjectType


@lru_cache(maxsize=MAX_DOCUMENTS)
def checked(text: str) -> DocumentNode | tuple[GraphQLError, ...]:
    """Parse and validate a document; the faults instead when there are any."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return (error,)
    return tuple(validate(SCHEMA, document)) or document


def prepare(text: str, variables: Mapping[str, Any], operation_name: str | None) -> Request | list[dict[str, Any]]:
    """Make a request of the three parts of a GraphQL post; the vendor's errors instead when it is not valid."""
    document = checked(text)
    if isinstance(document, tuple):
        return [dict(error.formatted) for error in document]
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    wanted = [
        node for node in operations if operation_name is None or (node.name and node.name.value == operation_name)
    ]
    if len(wanted) != 1:
        return [{"message": "An operation name is required" if operations else "No operation found"}]
    operation = wanted[0]
    values = get_variable_values(SCHEMA, operation.variable_definitions or (), dict(variables), hide_suggestions=True)
    if isinstance(values, list):
        return [invalid_variable(error) for error in values]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    root = SCHEMA.get_root_type(operation.operation)
    if root is None:
        return [{"message": f"Schema is not configured for {operation.operation.value}s"}]
    return Request(operation=operation, fragments=fragments, variables=values, root=root)


def invalid_variable(error: GraphQLError) -> dict[str, Any]:
    """Write a variable's fault as the vendor does (recorded code; the wording of `message` is the library's)."""
    return {**error.formatted, "extensions": {"code": "INVALID_VARIABLE", "problems": [{"explanation": error.message}]}}


def execute(request: Request, resolvers: Mapping[str, Resolver]) -> dict[str, Any]:
    """Answer every root field; a refused one is null beside its error."""
    data: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []
    for key, field in fields_of(request, request.root, request.operation.selection_set, request.root.name):
        try:
            value = resolvers[field.name.value](call_of(request, field))
            kind = get_named_type(request.root.fields[field.name.value].type)
            data[key] = project(request, value, kind, field.selection_set)
        except Refused as refused:
            data[key] = None
            errors.append({"message": str(refused), "path": [key], "extensions": {"code": refused.code}})
    return {"data": data, **({"errors": errors} if errors else {})}


def call_of(request: Request, field: FieldNode) -> Call:
    """Read a root field's arguments and its idempotency key."""
    args = get_argument_values(request.root.fields[field.name.value], field, request.variables)
    directive = SCHEMA.get_directive("idempotent")
    found = None if directive is None else get_directive_values(directive, field, request.variables)
    return Call(args=args, idempotency_key=None if found is None else found["key"])


def fields_of(request: Request, kind: Any, selection: SelectionSetNode, name: str) -> list[tuple[str, FieldNode]]:
    """List the selected fields that apply to an object of the type called `name`, fragments included."""
    found: list[tuple[str, FieldNode]] = []
    for node in selection.selections:
        if isinstance(node, FieldNode):
            found.append((node.alias.value if node.alias else node.name.value, node))
            continue
        part: FragmentDefinitionNode | InlineFragmentNode
        if isinstance(node, FragmentSpreadNode):
            part = request.fragments[node.name.value]
        elif isinstance(node, InlineFragmentNode):
            part = node
        else:
            continue
        condition = part.type_condition.name.value if part.type_condition else name
        if condition in (name, kind.name) or applies(condition, name):
            found.extend(fields_of(request, kind, part.selection_set, name))
    return found


def applies(condition: str, name: str) -> bool:
    """Tell whether a fragment on an interface applies to an object type."""
    kind = SCHEMA.type_map.get(name)
    return isinstance(kind, GraphQLObjectType) and any(one.name == condition for one in kind.interfaces)


def project(request: Request, value: Any, kind: Any, selection: SelectionSetNode | None) -> Any:
    """Cut a value down to what was selected."""
    if value is None or selection is None:
        return value
    if isinstance(value, list):
        return [project(request, item, kind, selection) for item in value]
    name = value.get("__typename", kind.name)
    concrete = SCHEMA.type_map[name]
    answer = {}
    for key, field in fields_of(request, kind, selection, name):
        if field.name.value == "__typename":
            answer[key] = name
            continue
        definition = concrete.fields[field.name.value]  # type: ignore[attr-defined] # validated: it is an object type
        inner = value[field.name.value]
        if callable(inner):
            inner = inner(get_argument_values(definition, field, request.variables))
        answer[key] = project(request, inner, get_named_type(definition.type), field.selection_set)
    return answer
