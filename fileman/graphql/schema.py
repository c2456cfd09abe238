"""Ready Query and Mutation types to inherit or to copy from, and a Schema with limits."""

from functools import partial
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry_django.optimizer import DjangoOptimizerExtension

from fileman.graphql import mutations, queries
from fileman.graphql.execution import PlannedExecution
from fileman.graphql.extensions import DEFAULT_LIMITS, LimitedValidation
from fileman.graphql.http.query_limits import DocumentLimits
from fileman.graphql.scalars import SCALARS


@strawberry.type(description="Queries. None of them changes anything.")
class Query:
    node = queries.node
    file = queries.file
    files = queries.files
    file_manager = queries.file_manager
    file_managers = queries.file_managers
    file_usage = queries.file_usage


@strawberry.type(description="Mutations. Their errors are data in the payload.")
class Mutation:
    initiate_upload = mutations.initiate_upload
    refresh_upload = mutations.refresh_upload
    finalize_upload = mutations.finalize_upload
    abort_upload = mutations.abort_upload
    update_file = mutations.update_file
    delete_file = mutations.delete_file
    delete_files = mutations.delete_files


class Schema(strawberry.Schema):
    """A schema with document limits, a cache of valid documents, and the query optimizer."""

    def __init__(self, query: type, mutation: type, limits: DocumentLimits = DEFAULT_LIMITS) -> None:
        super().__init__(
            query=query,
            mutation=mutation,
            extensions=[partial(LimitedValidation, limits), DjangoOptimizerExtension],
            config=StrawberryConfig(scalar_map=SCALARS),
            execution_context_class=PlannedExecution,
        )

    def process_errors(self, *_: Any) -> None:
        """Log nothing. The view logs unexpected errors; strawberry would log every refused request, tokens included."""
