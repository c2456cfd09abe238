"""Limits on documents and variables, measured before validation, which takes quadratic time, and before coercion."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import graphql


@dataclass(frozen=True, kw_only=True)
class DocumentLimits:
    """The largest document that is executed."""

    depth: int = 10
    """Nested fields. `__schema` and `__type` subtrees are exempt: the standard introspection query is deeper."""
    aliases: int = 15
    fields: int = 300
    """Selected fields and fragments, with all that is in a fragment each time it is spread."""
    repetitions: int = 1000
    """Pairs of fields with one name in one place, which validation compares: a field selected 20 times has 190."""
    definitions: int = 50
    """Operations and fragments of one document."""
    tokens: int = 1000
    values: int = 1000
    """Values in the variables of all operations, as often as each is used: items of lists, and fields of input objects,
    absent ones too. A JSON scalar is one value, whatever is in it."""


Variable = tuple[str, graphql.TypeNode, int]
_Bodies = dict[str, graphql.SelectionSetNode]  # of fragments, by name


@dataclass(kw_only=True)
class _Totals:
    fields: int = 0
    aliases: int = 0
    levels: int = 0
    places: Counter[str] = field(default_factory=Counter)  # by path in the response
    spread: set[str] = field(default_factory=set)
    uses: Counter[str] = field(default_factory=Counter)  # by name of the variable


def _measure(operation: graphql.OperationDefinitionNode, fragments: _Bodies, most: int) -> _Totals:
    """Add up what an operation selects, and stop above so many fields, however often fragments are spread."""
    totals = _Totals()
    pending: list[Any] = [(operation.selection_set, "", 1, frozenset())]
    while pending and totals.fields <= most:
        selected, around, level, inside = pending.pop()
        totals.fields += len(selected.selections)
        for node in selected.selections:
            if isinstance(node, graphql.FieldNode):
                place = f"{around}.{(node.alias or node.name).value}"
                totals.places[place] += 1
                totals.aliases += node.alias is not None
                totals.levels = max(totals.levels, level)
                totals.uses.update(_find_variables(node))
                below = -most if node.name.value in ("__schema", "__type") else level + 1
                pending += [(node.selection_set, place, below, inside)] if node.selection_set else []
            elif isinstance(node, graphql.FragmentSpreadNode):
                name = node.name.value
                totals.spread.add(name)
                if name in fragments and name not in inside:  # validation refuses unknown and circular fragments
                    pending.append((fragments[name], around, level, inside | {name}))
            else:
                pending.append((node.selection_set, around, level, inside))
    return totals


def _find_variables(node: graphql.FieldNode) -> Iterator[str]:
    pending: list[Any] = [argument.value for argument in node.arguments or ()]
    while pending:
        value = pending.pop()
        if isinstance(value, graphql.VariableNode):
            yield value.name.value
        pending += getattr(value, "values", None) or ()
        pending += [inner.value for inner in getattr(value, "fields", None) or ()]


def _split(document: graphql.DocumentNode) -> tuple[_Bodies, list[graphql.OperationDefinitionNode]]:
    nodes = document.definitions
    bodies = {node.name.value: node.selection_set for node in nodes if isinstance(node, graphql.FragmentDefinitionNode)}
    return bodies, [node for node in nodes if isinstance(node, graphql.OperationDefinitionNode)]


def find_excess(document: graphql.DocumentNode, limits: DocumentLimits) -> str | None:
    """Return a sentence about the exceeded limit, or None."""
    nodes = document.definitions
    if len(nodes) > limits.definitions:
        return f"A document may have at most {limits.definitions} operations and fragments."
    bodies, operations = _split(document)
    found = [_measure(operation, bodies, limits.fields) for operation in operations]
    for name, most, limit in (
        ("levels of fields", max((one.levels for one in found), default=0), limits.depth),
        ("aliases", max((one.aliases for one in found), default=0), limits.aliases),
        ("fields", max((one.fields for one in found), default=0), limits.fields),
    ):
        if most > limit:
            return f"An operation may have at most {limit} {name}."
    if sum(count * (count - 1) // 2 for one in found for count in one.places.values()) > limits.repetitions:
        return "The document selects the same fields too often."
    # Validation would visit what no operation reaches: unused fragments, and all but the last one of a name.
    fragments = sum(isinstance(node, graphql.FragmentDefinitionNode) for node in nodes)
    if fragments > len(bodies.keys() & {name for one in found for name in one.spread}):
        return "Each fragment must be used, and have a name of its own."
    return None


def find_variables(document: graphql.DocumentNode, most: int) -> list[Variable]:
    """Return name, type and number of uses of the variables of each operation, counted up to so many fields."""
    bodies, operations = _split(document)
    found: list[Variable] = []
    for operation in operations:
        uses = _measure(operation, bodies, most).uses
        declared = [(one.variable.name.value, one.type) for one in operation.variable_definitions or ()]
        found += [(name, kind, max(1, uses[name])) for name, kind in declared]
    return found


def has_more_values(
    most: int, declared: Sequence[Variable], variables: Mapping[str, Any], schema: graphql.GraphQLSchema
) -> bool:
    """Return True if coercion would meet more values than that. Looks no further."""
    pending: list[Any] = [
        (graphql.type_from_ast(schema, kind), variables.get(name), uses) for name, kind, uses in declared if variables
    ]
    count = len(pending)
    while pending and count <= most:
        kind, value, uses = pending.pop()
        kind = graphql.get_nullable_type(kind)
        if graphql.is_list_type(kind):
            items = value if isinstance(value, list) else [value]
            count += len(items) * uses
            pending += [(kind.of_type, item, uses) for item in items[:most]]
        elif graphql.is_input_object_type(kind) and isinstance(value, dict):
            count += max(len(value), len(kind.fields)) * uses
            pending += [(kind.fields[key].type, inner, uses) for key, inner in value.items() if key in kind.fields]
    return count > most
