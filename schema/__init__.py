"""The GraphQL API of this project: each query by name, and all mutations."""

import strawberry

import fileman.graphql
from fileman.graphql import Schema, queries
from schema.users import viewer


@strawberry.type(description="The queries. None of them changes anything.")
class Query:
    node = queries.node
    viewer = viewer
    file = queries.file
    files = queries.files
    file_manager = queries.file_manager
    file_managers = queries.file_managers
    file_usage = queries.file_usage


@strawberry.type(description="The mutations. Errors are data in the payload.")
class Mutation(fileman.graphql.Mutation): ...


schema = Schema(query=Query, mutation=Mutation)
