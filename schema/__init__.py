"""The GraphQL API of this project: every query and mutation, by name."""

import strawberry

from fileman.graphql import Schema, mutations, queries
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
class Mutation:
    initiate_upload = mutations.initiate_upload
    refresh_upload = mutations.refresh_upload
    finalize_upload = mutations.finalize_upload
    abort_upload = mutations.abort_upload
    update_file = mutations.update_file
    delete_file = mutations.delete_file
    delete_files = mutations.delete_files


schema = Schema(query=Query, mutation=Mutation)
