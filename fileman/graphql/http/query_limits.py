"""Limits on documents: depth, aliases and fields, measured in one walk before validation."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

CACHED_DOCUMENTS: Final = 256


@dataclass(frozen=True, kw_only=True)
class DocumentLimits:
    """The largest document that is executed."""

    depth: int = 10
    """Nested fields. `__schema` and `__type` subtrees are exempt: the standard introspection query is deeper."""
    aliases: int = 15
    fields: int = 300
    """Selected fields, counting a fragment each time it is spread. Merging equal fields takes quadratic time."""
    tokens: int = 2000


@dataclass(frozen=True, kw_only=True)
class Totals:
    """The size of a selection, fragments included."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0


class _Meter:
    """Measure one document. Each fragment is walked once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        nodes = document.definitions
        self.fragments = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}
        self.measured: dict[str, Totals] = {}

    def measure(self, selection_set: SelectionSetNode | None) -> Totals:
        parts = [self._measure_selection(node) for node in selection_set.selections] if selection_set else []
        return Totals(
            depth=max((part.depth for part in parts), default=0),
            aliases=sum(part.aliases for part in parts),
            fields=sum(part.fields for part in parts),
        )

    def _measure_selection(self, node: SelectionNode) -> Totals:
        if isinstance(node, FragmentSpreadNode):
            return self._measure_fragment(node.name.value)
        inner = self.measure(getattr(node, "selection_set", None))
        if not isinstance(node, FieldNode):
            return inner
        exempt = node.name.value in ("__schema", "__type")
        return Totals(
            depth=1 if exempt else inner.depth + 1,
            aliases=inner.aliases + (node.alias is not None),
            fields=inner.fields + 1,
        )

    def _measure_fragment(self, name: str) -> Totals:
        if name not in self.measured:
            # Unknown and circular fragments count as empty. Validation refuses them afterwards.
            self.measured[name] = Totals()
            if name in self.fragments:
                self.measured[name] = self.measure(self.fragments[name].selection_set)
        return self.measured[name]


@lru_cache(maxsize=CACHED_DOCUMENTS)
def find_excess(document: DocumentNode, limits: DocumentLimits) -> str | None:
    """Return a sentence about the exceeded limit, or None."""
    meter = _Meter(document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            totals = meter.measure(node.selection_set)
            for name, found, limit in (
                ("levels of fields", totals.depth, limits.depth),
                ("aliases", totals.aliases, limits.aliases),
                ("fields", totals.fields, limits.fields),
            ):
                if found > limit:
                    return f"An operation may have at most {limit} {name}."
    return None
