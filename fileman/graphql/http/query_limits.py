"""Limits on documents: tokens, depth, aliases and fields, measured in one walk before anything else looks at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from fileman.graphql.errors import RequestErrorCode

MAX_DEPTH: Final = 10
"""Fields below one another; `__schema` and `__type` subtrees are exempt, the standard introspection query is deeper."""
MAX_ALIASES: Final = 15
MAX_TOKENS: Final = 2000
MAX_FIELDS: Final = 300
"""Selected fields, fragments counted wherever they are spread. Merging equal fields takes quadratic time."""
MAX_ERRORS: Final = 10
"""Faults told of one document. Each may quote all of it, so a hundred of them take a second and 25 MB."""
CACHED_DOCUMENTS: Final = 256


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a selection amounts to, fragments included."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0


class _Meter:
    """Measures one document. Each fragment is walked once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        nodes = document.definitions
        self.fragments = {node.name.value: node for node in nodes if isinstance(node, FragmentDefinitionNode)}
        self.measured: dict[str, Totals] = {}

    def of(self, selection_set: SelectionSetNode | None) -> Totals:
        parts = [self._of_selection(node) for node in selection_set.selections] if selection_set else []
        return Totals(
            depth=max((part.depth for part in parts), default=0),
            aliases=sum(part.aliases for part in parts),
            fields=sum(part.fields for part in parts),
        )

    def _of_selection(self, node: SelectionNode) -> Totals:
        if isinstance(node, FragmentSpreadNode):
            return self._of_fragment(node.name.value)
        inner = self.of(getattr(node, "selection_set", None))
        if not isinstance(node, FieldNode):
            return inner
        exempt = node.name.value in ("__schema", "__type")
        return Totals(
            depth=1 if exempt else inner.depth + 1,
            aliases=inner.aliases + (node.alias is not None),
            fields=inner.fields + 1,
        )

    def _of_fragment(self, name: str) -> Totals:
        """Unknown fragments and circles count nothing; the standard rules refuse them afterwards."""
        if name not in self.measured:
            self.measured[name] = Totals()
            if name in self.fragments:
                self.measured[name] = self.of(self.fragments[name].selection_set)
        return self.measured[name]


@lru_cache(maxsize=CACHED_DOCUMENTS)
def excess_of(document: DocumentNode) -> str | None:
    """What is too much about a document, in words; None when it keeps within the limits."""
    meter = _Meter(document)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            totals = meter.of(node.selection_set)
            for name, found, most in (
                ("levels of fields", totals.depth, MAX_DEPTH),
                ("aliases", totals.aliases, MAX_ALIASES),
                ("fields", totals.fields, MAX_FIELDS),
            ):
                if found > most:
                    return f"An operation may have at most {most} {name}."
    return None


class _Invalid(Exception):
    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__()


@lru_cache(maxsize=CACHED_DOCUMENTS)
def _validate(schema: GraphQLSchema, document: DocumentNode, rules: tuple[Any, ...]) -> None:
    """Raises _Invalid, which no cache remembers: what is wrong comes in endless variety, and quotes its document."""
    rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
    errors = validate(schema, document, rules, max_errors=MAX_ERRORS)
    if errors:
        raise _Invalid(errors)


class LimitedValidation(SchemaExtension):
    """Validation with a cache, after the limits. Introspection is refused outside development."""

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = MAX_TOKENS
        if not settings.DEBUG:
            context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._errors()
        yield

    def _errors(self) -> list[GraphQLError]:
        context = self.execution_context
        document = context.graphql_document
        assert document is not None
        refusal = self._refusal(document)
        if refusal is not None:
            return [refusal]
        try:
            _validate(context.schema._schema, document, tuple(context.validation_rules))  # noqa: SLF001 - no public name
        except _Invalid as invalid:
            return invalid.errors
        return []

    def _refusal(self, document: DocumentNode) -> GraphQLError | None:
        excess = excess_of(document)
        if excess is not None:
            return GraphQLError(excess, extensions={"code": RequestErrorCode.QUERY_TOO_COMPLEX})
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        name = self.execution_context._provided_operation_name  # noqa: SLF001 - the public one falls back to the first
        if len(operations) > 1 and name is None:
            return GraphQLError("Name the operation to run by operationName: the document has several.")
        return None
