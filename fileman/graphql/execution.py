"""Execution with plans: fields that only read a value are planned once per document. See docs/adr/0013."""

from asyncio import get_running_loop
from contextlib import suppress
from enum import Enum
from functools import partial
from typing import Any, Final

import graphql
from django.db.models import QuerySet
from django.db.models.manager import BaseManager
from django.db.models.query_utils import DeferredAttribute
from graphql.pyutils import Path, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField
from strawberry_django.fields.field import StrawberryDjangoField
from strawberry_django.optimizer import DjangoOptimizerExtension

_SIMPLE: Final = frozenset({str, int, bool, float})
_READY: Final = {graphql.GraphQLString: str, graphql.GraphQLBoolean: bool}
"""Scalars whose value of this type is already what the response contains."""
_ODD: Final = (type(None), type(Undefined), Exception, QuerySet, BaseManager)


class PlannedExecution(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with plans: `execution_context_class=PlannedExecution`. The responses are the same.

    Documents with directives, middleware other than the optimizer and asynchronous views go the library's way. One
    error differs: an asynchronous resolver in a synchronous execution fails its field, not the whole response.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._uses_plans = graphql.version_info >= (3, 3, 0, "final") and _may_use_plans(self)

    def collect_and_execute_subfields(self, return_type: Any, details: Any, path: Any, result: Any, *rest: Any) -> Any:
        """Return the fields of an object. graphql-core calls this when the type of the object is certain."""
        if self._uses_plans and rest == (None,):
            return {name: run(self, result, path) for name, run in _get_plan(self, return_type, details)}
        return super().collect_and_execute_subfields(return_type, details, path, result, *rest)


def _may_use_plans(executor: Any) -> bool:
    with suppress(RuntimeError):  # no loop runs
        return get_running_loop() is None
    return (
        executor.operation.loc is not None
        and "@" not in executor.operation.loc.source.body
        and not any(one.variable_signatures for one in executor.fragments.values())
        and all(type(one) is DjangoOptimizerExtension for one in executor.middleware_manager.middlewares)
        and not getattr(executor.schema._strawberry_schema, "exception_handlers", ())  # noqa: SLF001 - as resolvers do
    )


def _get_plan(executor: Any, parent: graphql.GraphQLObjectType, details: Any) -> Any:
    """Return the fields of a selection, by name. The first of its nodes keeps them, so that they live as long as it."""
    plans = vars(details[0].node).setdefault("_fileman_plans", {})
    key = (parent, *(id(one.node) for one in details))  # the plan keeps the nodes alive
    if key not in plans:
        selected = executor.collect_subfields(parent, details).grouped_field_set
        plans[key] = [(name, _Field(executor, parent, name, found).run) for name, found in selected.items()]
    return plans[key]


class _Field:
    """A field of a selection. Null, errors and lists are treated as in `graphql.execution.Executor`."""

    def __init__(self, executor: Any, parent: graphql.GraphQLObjectType, name: str, details: Any) -> None:
        self._parent, self._name, self._details, self._nodes = parent, name, details, [one.node for one in details]
        self._definition = executor.schema.get_field(parent, self._nodes[0].name.value)
        kind = graphql.get_nullable_type(self._definition.type)
        self._is_list = graphql.is_list_type(kind)
        self._item_type = kind.of_type if self._is_list else self._definition.type
        self._named = graphql.get_nullable_type(self._item_type)
        self._is_leaf = graphql.is_leaf_type(self._named)
        self._ready_type = None if self._is_list else _READY.get(self._named)
        self._plan = _get_plan(executor, self._named, details) if graphql.is_object_type(self._named) else []
        self._read: Any = None
        if self._is_leaf or graphql.is_object_type(self._named):
            with suppress(Exception):  # of an invalid literal: the library reports it for each object
                self._read = self._find_reader(executor)
        self.run: Any = self._run_in_library if self._read is None else self._run

    def _run(self, executor: Any, source: Any, path: Path) -> Any:
        try:
            value = self._read(executor, source, path)
            if type(value) is self._ready_type:
                return value
            if value is None and not graphql.is_non_null_type(self._definition.type):
                return None
            if not self._is_list and not _is_odd(executor, value):
                return self._complete(executor, value, path)
            if self._is_list and type(value) in (list, tuple) and not any(_is_odd(executor, one) for one in value):
                return [self._complete(executor, one, path, index) for index, one in enumerate(value)]
            if value is not Undefined:
                return self._complete_in_library(executor, source, path, value)
        except Exception as error:  # noqa: BLE001 - any resolver's
            return executor.handle_field_error(error, self._definition.type, self._details, self._place(path))
        return self._run_in_library(executor, source, path)

    def _run_in_library(self, executor: Any, source: Any, path: Path) -> Any:
        return _check(executor, executor.execute_field(self._parent, source, self._details, self._place(path), None))

    def _complete_in_library(self, executor: Any, source: Any, path: Path, value: Any) -> Any:
        """Complete a value that needs more than a plan. The resolver may do more than read: it is not called again."""
        value, info = _check(executor, value), self._build_info(executor, path)
        for optimizer in executor.middleware_manager.middlewares:
            value = optimizer.resolve(lambda *_, read=value, **__: read, source, info)
        rest = (self._details, info, info.path, value, None)
        return _check(executor, executor.complete_value(self._definition.type, *rest))

    def _complete(self, executor: Any, value: Any, path: Path, index: int | None = None) -> Any:
        try:
            if self._is_leaf:
                return executor.complete_leaf_value(self._named, value)
            place = self._place(path, index)
            if self._named.is_type_of:
                info = self._build_info(executor, path)
                if not _check(executor, self._named.is_type_of(value, info)):
                    return executor.complete_object_value(self._named, self._details, info, place, value, None)
            return {name: run(executor, value, place) for name, run in self._plan}
        except Exception as error:  # noqa: BLE001 - as above
            return executor.handle_field_error(error, self._item_type, self._details, self._place(path, index))

    def _place(self, path: Path, index: int | None = None) -> Path:
        place = Path(path, self._name, self._parent.name)
        return place if index is None else place.add_key(index)

    def _build_info(self, executor: Any, path: Path) -> Any:
        return executor.build_resolve_info(self._definition, self._nodes, self._parent, self._place(path))

    def _find_reader(self, executor: Any) -> Any:
        """Return a function that reads the value of an object, or None if only the library can."""
        if self._nodes[0].name.value == "__typename":
            return lambda *_: self._parent.name
        field: Any = self._definition.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if field is None or field.is_async:
            return None
        is_plain = type(field) in (StrawberryField, StrawberryDjangoField) and not field.extensions
        may_be_queryset = type(field) is StrawberryDjangoField and (self._is_list or not self._is_leaf)
        if is_plain and not (field.base_resolver and may_be_queryset):
            if field.base_resolver is not None:
                return self._find_call(executor, field)
            if type(field) is StrawberryDjangoField:
                return partial(_read_column, name=field.django_name or field.python_name)
            read, name = field.default_resolver, field.python_name
            return lambda _, source, __: read(source, name)
        if self._definition.args:
            return None
        return lambda executor, source, path: self._definition.resolve(source, self._build_info(executor, path))

    def _find_call(self, executor: Any, field: Any) -> Any:
        """Return a call of the field's function, unless it takes variables, or values that it might change."""
        resolver, converter = field.base_resolver, executor.schema._strawberry_schema.schema_converter  # noqa: SLF001
        values: Any = graphql.get_argument_values(self._definition, self._nodes[0])
        has_variables = any("$" in graphql.print_ast(one) for one in self._nodes[0].arguments or ())
        if has_variables or not all(type(one) in _SIMPLE or isinstance(one, Enum | None) for one in values.values()):
            return None
        values = convert_arguments(values, field.arguments, converter.scalar_registry, converter.config)
        names = [one.name for one in (resolver.parent_parameter, resolver.root_parameter) if one]
        if len(names) == 1 and not (values or resolver.self_parameter or resolver.info_parameter):
            return lambda _, source, __: resolver.wrapped_func(**{names[0]: source})

        def call(executor: Any, source: Any, path: Path) -> Any:
            given = dict.fromkeys(names, source) | values
            if resolver.info_parameter:
                raw = self._build_info(executor, path)
                given[resolver.info_parameter.name] = converter.config.info_class(_raw_info=raw, _field=field)
            return resolver.wrapped_func(*([source] if resolver.self_parameter else []), **given)

        return call


def _read_column(_: Any, source: Any, __: Path, name: str) -> Any:
    """Return the value of a loaded column; Undefined for relations, properties and objects of other kinds."""
    is_column = type(getattr(type(source), name, None)) is DeferredAttribute
    return vars(source).get(name, Undefined) if is_column else Undefined


def _is_odd(executor: Any, value: Any) -> bool:
    """Return True for a value that only the library can complete, such as an error, a queryset or a function."""
    return type(value) not in _SIMPLE and (isinstance(value, _ODD) or callable(value) or executor.is_awaitable(value))


def _check(executor: Any, value: Any) -> Any:
    if executor.is_awaitable(value):
        raise RuntimeError("GraphQL execution failed to complete synchronously.")
    return value
