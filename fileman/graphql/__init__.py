"""The GraphQL API: it translates between strawberry and the use cases, and decides nothing."""

from fileman.graphql.http.view import GraphQLView
from fileman.graphql.mutations import Mutation
from fileman.graphql.queries import Query
from fileman.graphql.schema import Schema

__all__ = ["GraphQLView", "Mutation", "Query", "Schema"]
