"""The schema extension that limits, validates and caches documents."""

from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Final

from django.conf import settings
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode, validate
from graphql.validation import NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from fileman.graphql.errors import RequestErrorCode
from fileman.graphql.http.query_limits import DocumentLimits, Variable, find_excess, find_variables, has_more_values

# Errors per document. Each may quote all of it, so a hundred of them take a second and 25 MB.
MAX_ERRORS: Final = 10
# Together half a megabyte of text, which makes 50 MB of nodes at worst. Longer documents are parsed each time.
CACHED_DOCUMENTS: Final = 64
CACHED_CHARACTERS: Final = 8 * 1024
DEFAULT_LIMITS: Final = DocumentLimits()
TOO_COMPLEX: Final = {"code": RequestErrorCode.QUERY_TOO_COMPLEX}


class LimitedValidation(SchemaExtension):
    """Check the limits, then validate, unless the cache has the document. Refuse introspection outside development.

    With other limits: `partial(LimitedValidation, DocumentLimits(depth=20))`.
    """

    def __init__(self, limits: DocumentLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._known: list[tuple[DocumentNode, list[Variable]]] = []

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = self._limits.tokens
        if not settings.DEBUG:
            context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query and len(context.query) <= CACHED_CHARACTERS:
            self._known = _get_place(context.query, (context.schema, self._limits, tuple(context.validation_rules)))
        if self._known:
            ((context.graphql_document, _),) = self._known
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        assert document is not None
        errors = [] if self._known else self._find_errors(document)
        if not errors and not self._known:
            self._known[:] = [(document, find_variables(document, self._limits.values))]
        context.pre_execution_errors = errors or self._find_errors_of_request(document)
        yield

    def _find_errors(self, document: DocumentNode) -> list[GraphQLError]:
        excess = find_excess(document, self._limits)
        if excess is not None:
            return [GraphQLError(excess, extensions=TOO_COMPLEX)]
        context = self.execution_context
        rules = (*context.validation_rules, MaybeNullValidationRule, OneOfInputValidationRule)
        return validate(context.schema._schema, document, rules, max_errors=MAX_ERRORS)  # noqa: SLF001 - no public name

    def _find_errors_of_request(self, document: DocumentNode) -> list[GraphQLError]:
        context, most = self.execution_context, self._limits.values
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        name = context._provided_operation_name  # noqa: SLF001 - the public one falls back to the first
        if len(operations) > 1 and name is None:
            return [GraphQLError("The document has several operations. Pass operationName.")]
        ((_, declared),) = self._known
        if has_more_values(most, declared, context.variables or {}, context.schema._schema):  # noqa: SLF001
            return [GraphQLError(f"The variables may have at most {most} values.", extensions=TOO_COMPLEX)]
        return []


@lru_cache(maxsize=CACHED_DOCUMENTS)
def _get_place(_text: str, _checked_against: Hashable) -> list[tuple[DocumentNode, list[Variable]]]:
    """Return where the cache keeps the document and its variables: an empty list until it has proven to be valid."""
    return []
