"""ATOMIC_REQUESTS of a host: no mutation of ours works inside the request's transaction."""

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import include, path
from strawberry.django.views import GraphQLView as StockGraphQLView

from fileman.graphql import GraphQLView
from fileman.models import File, FileManager
from tests.api import INITIATE
from tests.hosts.shop import SCHEMAS

SCHEMA = SCHEMAS["optimizer"]
STOCK = StockGraphQLView.as_view(schema=SCHEMA)
urlpatterns = [
    path("fileman/", include("fileman.urls")),
    path("stock", STOCK),
    path("exempt", transaction.non_atomic_requests(StockGraphQLView.as_view(schema=SCHEMA))),
    path("ours", GraphQLView.as_view(schema=SCHEMA)),
]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def client(user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    client = Client()
    client.force_login(user)
    return client


def initiate(client: Client, url: str) -> tuple[bool, list[tuple[str, str]]]:
    variables = {"input": {"files": [{"filename": "a.txt", "size": 1}]}}
    body = client.post(url, {"query": INITIATE, "variables": variables}, content_type="application/json").json()
    payload = body["data"]["initiateUpload"]
    return payload["success"], [(error["code"], error["message"]) for error in payload["errors"]]


def test_a_mutation_inside_the_transaction_is_refused_with_the_cure(client: Client) -> None:
    success, (error,) = initiate(client, "/stock")

    assert (success, error[0]) == (False, "STORAGE_MISCONFIGURED")
    assert "django.db.transaction.non_atomic_requests" in error[1]
    assert not File.objects.exists()


def test_queries_work_inside_the_transaction(client: Client) -> None:
    body = client.post("/stock", {"query": "{ files { totalCount } }"}, content_type="application/json").json()

    assert body == {"data": {"files": {"totalCount": 0}}}


@pytest.mark.parametrize("url", ["/exempt", "/ours"])
def test_a_view_without_a_transaction_works(url: str, client: Client) -> None:
    assert initiate(client, url) == (True, [])
