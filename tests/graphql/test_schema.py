"""Schemas that a host builds out of our fields and types."""

import json
from copy import copy
from typing import Any

import strawberry
from django.contrib.auth.models import User
from django.test import RequestFactory
from strawberry.printer import print_schema

import schema as project
from fileman.graphql import GraphQLView, Mutation, Query, Schema, mutations, queries
from fileman.models import FileManager
from tests.graphql.rows import save_file
from tests.graphql.test_sdl import SDL


@strawberry.type
class Picked:
    """Some fields, one of them under another name."""

    uploads = copy(queries.files)
    file = queries.file


@strawberry.type
class Inherited(Query):
    @strawberry.field
    def greeting(self) -> str:
        return "hello"


@strawberry.type
class OneMutation:
    abort_upload = mutations.abort_upload


def run(schema: Schema, user: User, document: str) -> Any:
    request = RequestFactory().post("/", {"query": document}, content_type="application/json")
    request.user = user
    response: Any = GraphQLView.as_view(schema=schema)(request)
    return json.loads(response.content)


def field_names(schema: Schema) -> set[str]:
    types = schema._schema.query_type, schema._schema.mutation_type
    return {name for one in types if one is not None for name in one.fields}


def test_a_host_inherits_everything_except_the_projects_viewer() -> None:
    inherited = field_names(Schema(query=Inherited, mutation=Mutation))

    assert inherited == field_names(project.schema) - {"viewer"} | {"greeting"}


def test_a_host_picks_the_fields_it_wants() -> None:
    assert field_names(Schema(query=Picked, mutation=OneMutation)) == {"uploads", "file", "abortUpload"}
    assert f"{print_schema(project.schema)}\n" == SDL.read_text()


def test_picked_fields_work_as_they_do_in_the_project(user: User, manager: FileManager) -> None:
    save_file(manager, user)
    host = Schema(query=Picked, mutation=OneMutation)

    assert run(host, user, "{ uploads(first: 1) { edges { node { originalFilename uploadedBy { username } } } } }") == {
        "data": {"uploads": {"edges": [{"node": {"originalFilename": "notes.txt", "uploadedBy": {"username": "ann"}}}]}}
    }
    assert run(host, user, 'mutation { abortUpload(input: {uploadToken: "x"}) { errors { code } } }') == {
        "data": {"abortUpload": {"errors": [{"code": "NOT_FOUND"}]}}
    }


def test_files_show_the_user_type_that_the_settings_name() -> None:
    definition = project.schema.get_type_by_name("User")

    assert definition is not None
    assert definition.origin is project.users.User  # type: ignore[union-attr]
