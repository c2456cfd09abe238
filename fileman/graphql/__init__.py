"""The GraphQL API. It translates between strawberry and the use cases, and has no rules of its own."""

from fileman.graphql import mutations, queries
from fileman.graphql.http.view import GraphQLView
from fileman.graphql.schema import Mutation, Query, Schema

__all__ = ["GraphQLView", "Mutation", "Query", "Schema", "mutations", "queries"]
