"""The schema extension that limits and validates documents."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from django.conf import settings
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, validate
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from fileman.graphql.errors import RequestErrorCode
from fileman.graphql.http.query_limits import CACHED_DOCUMENTS, DocumentLimits, find_excess

# Errors per document. Each may quote all of it, so a hundred of them take a second and 25 MB.
MAX_ERRORS: Final = 10
DEFAULT_LIMITS: Final = DocumentLimits()


class LimitedValidation(SchemaExtension):
    """Check the limits, then validate with a cache. Refuse introspection outside development.

    With other limits: `partial(LimitedValidation, DocumentLimits(depth=20))`.
    """

    def __init__(self, limits: DocumentLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = self._limits.tokens
        if not settings.DEBUG:
            context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = self._find_errors()
        yield

    def _find_errors(self) -> list[GraphQLError]:
        context = self.execution_context
        document = context.graphql_document
        assert document is not None
        refusal = self._find_refusal(document)
        if refusal is not None:
            return [refusal]
        try:
            _validate(context.schema._schema, document, tuple(context.validation_rules))  # noqa: SLF001 - no public name
        except _Invalid as invalid:
            return invalid.errors
        return []

    def _find_refusal(self, document: DocumentNode) -> GraphQLError | None:
        excess = find_excess(document, self._limits)
        if excess is not None:
            return GraphQLError(excess, extensions={"code": RequestErrorCode.QUERY_TOO_COMPLEX})
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        name = self.execution_context._provided_operation_name  # noqa: SLF001 - the public one falls back to the first
        if len(operations) > 1 and name is None:
            return GraphQLError("The document has several operations. Pass operationName.")
        return None


class _Invalid(Exception):
    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors
        super().__init__()


@lru_cache(maxsize=CACHED_DOCUMENTS)
def _validate(schema: GraphQLSchema, document: DocumentNode, rules: tuple[Any, ...]) -> None:
    """Raise _Invalid. An exception is not cached: invalid documents are endless, and their errors quote them."""
    rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
    errors = validate(schema, document, rules, max_errors=MAX_ERRORS)
    if errors:
        raise _Invalid(errors)
