"""The schema class that applies fileman's limits to whatever Query and Mutation it is given."""

from typing import Any

import strawberry
from strawberry.extensions import ParserCache
from strawberry.schema.config import StrawberryConfig
from strawberry_django.optimizer import DjangoOptimizerExtension

from fileman.graphql.http.query_limits import CACHED_DOCUMENTS, LimitedValidation
from fileman.graphql.pages import MAX_SIZE
from fileman.graphql.scalars import SCALARS


class Schema(strawberry.Schema):
    """`Schema(query=Query, mutation=Mutation)`: document limits, cached parsing and validation, query optimizer."""

    def __init__(self, query: type, mutation: type) -> None:
        super().__init__(
            query=query,
            mutation=mutation,
            extensions=[lambda: ParserCache(maxsize=CACHED_DOCUMENTS), LimitedValidation, DjangoOptimizerExtension],
            config=StrawberryConfig(scalar_map=SCALARS, relay_max_results=MAX_SIZE),
        )

    def process_errors(self, *_: Any) -> None:
        """Log nothing: the view logs unexpected errors; strawberry would log every refused request, tokens included."""
