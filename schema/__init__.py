"""The GraphQL API of this project."""

from fileman.graphql import Mutation, Query, Schema

schema = Schema(query=Query, mutation=Mutation)
