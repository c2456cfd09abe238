"""The GraphQL API of fileman: `schema`, and the Query and Mutation types to build a larger one from."""

from typing import Any

import strawberry
from strawberry.extensions import ParserCache
from strawberry.schema.config import StrawberryConfig
from strawberry_django.optimizer import DjangoOptimizerExtension

from .limits import CACHED_DOCUMENTS, LimitedValidation
from .mutations import Mutation
from .pages import MAX_SIZE
from .queries import Query
from .scalars import SCALARS

__all__ = ["Mutation", "Query", "schema"]


class _Schema(strawberry.Schema):
    def process_errors(self, *_: Any) -> None:
        """The view logs what is unexpected; the library would log every refused request, tokens included."""


schema = _Schema(
    query=Query,
    mutation=Mutation,
    extensions=[lambda: ParserCache(maxsize=CACHED_DOCUMENTS), LimitedValidation, DjangoOptimizerExtension],
    config=StrawberryConfig(scalar_map=SCALARS, relay_max_results=MAX_SIZE),
)
