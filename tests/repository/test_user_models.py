"""Projects with user models of their own: groups under another name, without a reverse name, or none at all."""

from pathlib import Path

import pytest

from tests.repository.test_packaging import FRESH_PROJECT, MIDDLEWARE, project, python

__all__ = ["project"]
SETTINGS = f"""{FRESH_PROJECT}
INSTALLED_APPS += ["django.contrib.sessions", "tests.shop.apps.ShopConfig"]
MIDDLEWARE = {MIDDLEWARE}
ROOT_URLCONF = "urls"
"""
URLS = """
from django.urls import include, path
from fileman.graphql import GraphQLView, Mutation, Query, Schema

urlpatterns = [
    path("fileman/", include("fileman.urls")),
    path("graphql", GraphQLView.as_view(schema=Schema(query=Query, mutation=Mutation))),
]
"""
SCRIPT = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", skip_checks=True, verbosity=0)
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from fileman.models import FileManager

KEYS = {"PlainUser": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
User = get_user_model()
user = User.objects.create(email="ann@example.com", **({"pk": KEYS[User.__name__]} if User.__name__ in KEYS else {}))
group = Group.objects.create(name="editors")
FileManager.objects.create(name="all", backend_type="memory", is_default=True)
FileManager.objects.create(name="editors", backend_type="memory", group=group)
client = Client(SERVER_NAME="localhost")
client.force_login(user)

def ask(document):
    answer = client.post("/graphql", {"query": document}, content_type="application/json").json()
    assert "errors" not in answer, answer
    return answer["data"]

def managers():
    edges = ask("{ fileManagers { edges { node { name } } } }")["fileManagers"]["edges"]
    return [edge["node"]["name"] for edge in edges]

initiate = 'mutation { initiateUpload(input: {files: [{filename: "a.txt", size: 1}]}) { success } }'
print(ask(initiate)["initiateUpload"]["success"])
print(len(ask("{ files { edges { node { uploadedBy { id username } } } } }")["files"]["edges"]))
print(managers())
if hasattr(user, "groups"):
    user.groups.add(group)
    print(managers())
"""


@pytest.mark.parametrize(
    ("model", "managers"),
    [
        ("PlainUser", ["['all']"]),
        ("Customer", ["['all']", "['all', 'editors']"]),
        ("Courier", ["['all']", "['all', 'editors']"]),
    ],
)
def test_the_groups_of_a_custom_user_model_count(project: Path, model: str, managers: list[str]) -> None:
    (project / "fresh.py").write_text(f'{SETTINGS}\nAUTH_USER_MODEL = "shop.{model}"\n')
    (project / "urls.py").write_text(URLS)

    ran = python(project, "-c", SCRIPT)

    assert (ran.stdout.splitlines(), ran.returncode) == (["True", "1", *managers], 0), ran.stderr
