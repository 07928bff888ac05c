"""What a GraphQL request costs at Shopify, in points. Pure.

Objects 1, scalars 0, an interface the most of its types, a mutation 10 (shopify.dev, GraphQL Admin API rate limits). A
connection costs 2 and the cost of one node times a factor that grows slowly with `first`: the factors are worked out
from recorded answers, as the vendor does not publish them. So is that `nodes` costs the same for any number of ids.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from graphql import FieldNode, GraphQLAbstractType, GraphQLNamedType, get_named_type, is_abstract_type
from graphql.execution.values import get_argument_values

from compose.fakes.graphql_engine import SCHEMA, Request, fields_of

MUTATION_COST = 10
CONNECTION_COST = 2
FREE = frozenset({"changes", "edges", "pageInfo", "userErrors"})
"""Object fields that cost nothing themselves: a mutation with one group, item and location was recorded at 13."""
FREE_OF = frozenset({("BulkOperationRunQueryPayload", "bulkOperation")})
"""The same where another parent's field of that name costs: the mutation was recorded at 10, the query at 1."""
FIRST = (1, 5, 10, 20, 50, 110, 250)
FACTOR = (1, 3, 4, 5, 7, 9, 11)
"""The factor that was recorded for each `first`; between them it is interpolated over the logarithm."""


def factor(first: int) -> int:
    """Tell how many nodes a connection of this size counts as."""
    place = bisect_left(FIRST, first)
    if place == 0 or place == len(FIRST):
        return FACTOR[min(place, len(FIRST) - 1)]
    low, high = place - 1, place
    share = math.log(first / FIRST[low]) / math.log(FIRST[high] / FIRST[low])
    return math.ceil(FACTOR[low] + share * (FACTOR[high] - FACTOR[low]) - 1e-9)


def cost(request: Request, rows: Mapping[str, int] | None = None) -> int:
    """Tell the points of a request; with `rows` (returned nodes by root key), the points of what it really returned."""
    root = request.root
    total = MUTATION_COST if root.name == "Mutation" else 0
    for key, field in fields_of(request, root, request.operation.selection_set, root.name):
        points = _field(request, root, field, None if rows is None else rows.get(key))
        total += points - 1 if root.name == "Mutation" else points
    return total


def _field(request: Request, parent: Any, field: FieldNode, rows: int | None = None) -> int:
    """Tell the points of one field with all below it."""
    name = field.name.value
    if field.selection_set is None:
        return 0
    definition = parent.fields[name]
    kind = get_named_type(definition.type)
    below = _below(request, kind, field)
    if not kind.name.endswith("Connection"):
        return below + (name not in FREE and (parent.name, name) not in FREE_OF)
    asked = get_argument_values(definition, field, request.variables).get("first")
    return CONNECTION_COST + below * factor(max(1, asked or 1 if rows is None else rows))


def _below(request: Request, kind: GraphQLNamedType, field: FieldNode) -> int:
    """Add up what is selected below a field; for an interface, the most that one of its types costs."""
    if is_abstract_type(kind):
        abstract: GraphQLAbstractType = kind
        return max(_below(request, one, field) for one in SCHEMA.get_possible_types(abstract))
    if field.selection_set is None:
        return 0
    inner = fields_of(request, kind, field.selection_set, kind.name)
    return sum(_field(request, kind, one) for _, one in inner if one.name.value != "__typename")
