"""The system check that names what a host's GraphQL view lacks."""

from typing import Any

import pytest
import strawberry
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection, transaction
from django.urls import include, path
from strawberry.django.views import AsyncGraphQLView
from strawberry.django.views import GraphQLView as StockGraphQLView
from strawberry.extensions import QueryDepthLimiter
from strawberry_django.optimizer import DjangoOptimizerExtension

from fileman.graphql import GraphQLView, Mutation, Query, Schema


@strawberry.type
class Other:
    hello: str = "hello"


def build(query: Any = Query, mutation: Any = Mutation, extensions: Any = ()) -> strawberry.Schema:
    return strawberry.Schema(query, mutation, extensions=extensions)


LIMITED = [lambda: QueryDepthLimiter(max_depth=10), DjangoOptimizerExtension]
VIEWS = {
    "bare": StockGraphQLView.as_view(schema=build()),
    "bare async": AsyncGraphQLView.as_view(schema=build()),
    "exempt": transaction.non_atomic_requests(StockGraphQLView.as_view(schema=build())),
    "equipped": StockGraphQLView.as_view(schema=build(extensions=LIMITED)),
    "our schema": StockGraphQLView.as_view(schema=Schema(Query, Mutation)),
    "our view": GraphQLView.as_view(schema=build()),
    "ours": GraphQLView.as_view(schema=Schema(Query, Mutation)),
    "only a mutation": StockGraphQLView.as_view(schema=build(query=Other)),
    "not fileman": StockGraphQLView.as_view(schema=strawberry.Schema(Other)),
}


def find(name: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    nested = [path("graphql", VIEWS[name])]
    monkeypatch.setattr(settings, "ROOT_URLCONF", (path("api/", include(nested)), path("", VIEWS["not fileman"])))
    found = [one for one in run_checks(tags=["fileman"]) if one.id != "fileman.W001"]  # about tests.shop
    assert all("'api/graphql'" in one.msg for one in found)
    return [str(one.id).removeprefix("fileman.") for one in found]


@pytest.mark.parametrize(
    ("name", "problems"),
    [("bare", ["W003", "W004"]), ("bare async", ["W003", "W004"]), ("exempt", ["W003", "W004"]), ("equipped", []),
     ("our schema", []), ("our view", ["W003", "W004"]), ("ours", []), ("only a mutation", ["W003", "W004"]),
     ("not fileman", [])],
)  # fmt: skip
def test_missing_extensions_are_named(name: str, problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(name, monkeypatch) == problems


@pytest.mark.parametrize(
    ("name", "named"), [("equipped", True), ("our schema", True), ("exempt", False), ("ours", False)]
)
def test_a_view_inside_a_transaction_is_named(name: str, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)

    assert ("W002" in find(name, monkeypatch)) is named
