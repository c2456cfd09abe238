"""The GraphQL API. It translates between strawberry and the use cases, and has no rules of its own."""

from fileman.graphql import errors, filters, mutations, payloads, queries, types, users
from fileman.graphql.extensions import LimitedValidation
from fileman.graphql.http.query_limits import DocumentLimits
from fileman.graphql.http.view import GraphQLView
from fileman.graphql.names import add_prefix
from fileman.graphql.schema import Mutation, Query, Schema

__all__ = ["DocumentLimits", "GraphQLView", "LimitedValidation", "Mutation", "Query", "Schema", "mutations", "queries"]

add_prefix(errors, filters, payloads, types, users)
