"""Projects with user models of their own: groups under another name, without a reverse name, or none at all."""

from pathlib import Path

import pytest

from tests.repository.test_packaging import HOST_PROJECT, USE_HOST, project, python

__all__ = ["project"]
URLS = """
from django.urls import include, path
from fileman.graphql import GraphQLView, Mutation, Query, Schema

urlpatterns = [
    path("fileman/", include("fileman.urls")),
    path("graphql", GraphQLView.as_view(schema=Schema(query=Query, mutation=Mutation))),
]
"""
SCRIPT = """
KEYS = {"PlainUser": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
user = User.objects.create(email="ann@example.com", **({"pk": KEYS[User.__name__]} if User.__name__ in KEYS else {}))
FileManager.objects.create(name="editors", backend_type="memory", group=group)
client.force_login(user)

def managers():
    edges = call("{ fileManagers { edges { node { name } } } }")["fileManagers"]["edges"]
    return [edge["node"]["name"] for edge in edges]

initiate = 'mutation { initiateUpload(input: {files: [{filename: "a.txt", size: 1}]}) { success } }'
print(call(initiate)["initiateUpload"]["success"])
print(len(call("{ files { edges { node { uploadedBy { id username } } } } }")["files"]["edges"]))
print(managers())
if hasattr(user, "groups"):
    user.groups.add(group)
    print(managers())
"""


@pytest.mark.parametrize(
    ("model", "managers"),
    [("PlainUser", ["['all']"]), *((name, ["['all']", "['all', 'editors']"]) for name in ("Customer", "Courier"))],
)
def test_the_groups_of_a_custom_user_model_count(project: Path, model: str, managers: list[str]) -> None:
    shop = f'INSTALLED_APPS += ["tests.shop.apps.ShopConfig"]\nAUTH_USER_MODEL = "shop.{model}"\n'
    (project / "fresh.py").write_text(HOST_PROJECT + shop)
    (project / "urls.py").write_text(URLS)

    ran = python(project, "-c", USE_HOST + SCRIPT)

    assert (ran.stdout.splitlines(), ran.returncode) == (["True", "1", *managers], 0), ran.stderr
