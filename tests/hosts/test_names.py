"""A host with types of our names builds one schema with ours, in a process of its own: names are set at import."""

from pathlib import Path

import pytest

from fileman import conf
from tests.repository.test_packaging import HOST_PROJECT, USE_HOST, project, python

__all__ = ["project"]
SETTINGS = f"""{HOST_PROJECT}
STRAWBERRY_DJANGO = {{"MUTATIONS_DEFAULT_HANDLE_ERRORS": True, "TYPE_DESCRIPTION_FROM_MODEL_DOCSTRING": True}}
"""
USERS = """
import strawberry, strawberry_django
from django.contrib.auth import models
from strawberry import relay

@strawberry_django.type(models.User)
class User(relay.Node):
    email: strawberry.auto

@strawberry_django.type(models.Group)
class Group(relay.Node):
    name: strawberry.auto
"""
SCHEMA = """
import strawberry, strawberry_django
from django.contrib.auth import models
from enum import Enum
from fileman.graphql import Mutation as FilemanMutation, Query as FilemanQuery
from strawberry.schema.config import StrawberryConfig
from users import Group, User

BigInt = strawberry.scalar(name="BigInt", serialize=str, parse_value=int)
Large = type("Large", (int,), {})

@strawberry_django.order_type(models.User)
class UserOrder:  # brings strawberry-django's own Ordering
    email: strawberry.auto

@strawberry.enum
class UploadStatus(Enum):
    DONE = 1

@strawberry.type
class File:
    path: str
    size: Large
    status: UploadStatus

@strawberry.input
class FileFilter:
    path: str

@strawberry.type
class Query(FilemanQuery):
    users: list[User] = strawberry_django.field(ordering=UserOrder)
    groups: list[Group] = strawberry_django.field()

    @strawberry.field
    def local(self, filters: FileFilter) -> File:
        return File(path=filters.path, size=2**40, status=UploadStatus.DONE)

@strawberry.type
class Mutation(FilemanMutation):
    pass

schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map={Large: BigInt}))
"""
URLS = """
from django.urls import include, path
from schema_of_the_host import schema
from strawberry.django.views import GraphQLView

urlpatterns = [path("fileman/", include("fileman.urls")), path("graphql", GraphQLView.as_view(schema=schema))]
"""
SCRIPT = """
user = User.objects.create(username="ann", email="ann@example.com")
user.groups.add(group)
client.force_login(user)

local = call('{ local(filters: {path: "/"}) { __typename size status } groups { id } }')
print(local["local"])
started = call(
    "mutation ($input: InitiateUploadInput!) { initiateUpload(input: $input) { files { uploadToken file { id } } } }",
    input={"files": [{"filename": "a.txt", "size": 1}], "groupId": local["groups"][0]["id"]},
)["initiateUpload"]
(ticket,) = started["files"]
file = "__typename id fileSize uploadStatus uploadedBy { email } group { name } fileManager { id }"
query = "node(id: $id) { __typename id } file(id: $id) { " + file + " } files { edges { node { id } } }"
seen = call("query ($id: ID!) { " + query + " }", id=ticket["file"]["id"])
assert seen["node"]["id"] == seen["file"]["id"] == seen["files"]["edges"][0]["node"]["id"] == ticket["file"]["id"]
print(seen["node"]["__typename"], seen["file"]["uploadStatus"], seen["file"]["uploadedBy"], seen["file"]["group"])
manager = call("query ($id: ID!) { node(id: $id) { __typename } }", id=seen["file"]["fileManager"]["id"])
print(manager["node"]["__typename"])
filters = {"groupId": local["groups"][0]["id"], "fileManager": seen["file"]["fileManager"]["id"]}
query = "query ($filters: FilemanFileFilter) { files(filters: $filters, ordering: [{created: ASC}]) { totalCount } }"
print(call(query, filters=filters)["files"])
deleted = "mutation ($input: DeleteFileInput!) { deleteFile(input: $input) { deletedFileId } }"
assert call(deleted, input={"id": ticket["file"]["id"]})["deleteFile"]["deletedFileId"] == ticket["file"]["id"]
"""


def write(project: Path, fileman_settings: str, **modules: str) -> None:
    (project / "fresh.py").write_text(f"{SETTINGS}\nFILEMAN_SETTINGS |= {fileman_settings}\n")
    for name, text in modules.items():
        (project / f"{name}.py").write_text(text)


def test_a_prefix_lets_a_host_keep_all_its_names(project: Path) -> None:
    """The host has a User, Group, File, BigInt, Ordering, FileFilter and UploadStatus of its own."""
    fileman = '{"GRAPHQL_PREFIX": "Fileman", "GRAPHQL_USER_TYPE": "users.User", "GRAPHQL_GROUP_TYPE": "users.Group"}'
    write(project, fileman, users=USERS, schema_of_the_host=SCHEMA, urls=URLS)

    ran = python(project, "-c", USE_HOST + SCRIPT)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "{'__typename': 'File', 'size': '1099511627776', 'status': 'DONE'}",
        "FilemanFile PENDING {'email': 'ann@example.com'} {'name': 'editors'}",
        "FilemanFileManager",
        "{'totalCount': 1}",
    ]


BARE = """
import strawberry
from fileman.graphql import Mutation, Query

print(strawberry.Schema(Query, Mutation).as_str())
"""


def list_names(project: Path, prefix: str) -> set[str]:
    write(project, f'{{"GRAPHQL_PREFIX": "{prefix}"}}')
    printed = python(project, "-c", f"import django; django.setup()\n{BARE}")
    assert (printed.returncode, printed.stderr) == (0, "")
    words = ("type ", "enum ", "scalar ", "input ", "interface ")
    names = {line.split()[1] for line in printed.stdout.splitlines() if line.startswith(words)}
    return names - {"Query", "Mutation", "Node", "PageInfo", "DateTime", "JSON"}


def test_a_prefix_renames_every_type_but_inputs_of_mutations(project: Path) -> None:
    plain, renamed = list_names(project, ""), list_names(project, "Fileman")

    assert renamed == {name if name.endswith("Input") else f"Fileman{name}" for name in plain}
    assert {"File", "User", "BigInt", "FileFilter", "FileOrdering", "FileConnection", "UploadFileInput"} <= plain


@pytest.mark.parametrize("prefix", ["1a", "my-app", "für"])
def test_an_impossible_prefix_is_refused(prefix: str) -> None:
    assert conf.find_problems({"GRAPHQL_PREFIX": prefix}) == [
        "GRAPHQL_PREFIX must be letters, digits and underscores, and must not begin with a digit."
    ]
