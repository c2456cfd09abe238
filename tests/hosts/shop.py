"""The schema of a host project: our fields beside its own, without a setting, and the views that may serve it."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import strawberry
import strawberry_django
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject
from strawberry import relay
from strawberry.django.views import AsyncGraphQLView
from strawberry.django.views import GraphQLView as StockGraphQLView
from strawberry.schema.config import StrawberryConfig
from strawberry_django.optimizer import DjangoOptimizerExtension

from fileman.graphql import GraphQLView, Mutation, Query
from fileman.graphql.types import File, FileManager
from fileman.models import File as FileRow
from schema.users import viewer
from tests import shop
from tests.api import Api
from tests.graphql.comparison import Compared
from tests.shop import models


def name_shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Make the app that the samples of the documentation name `shop`. Return its empty module `schema`."""
    schema = ModuleType("shop.schema")
    for name, module in {"shop": shop, "shop.models": models, "shop.schema": schema}.items():
        monkeypatch.setitem(sys.modules, name, module)
    return schema


@strawberry_django.type(models.Order)
class Order:
    id: strawberry.auto
    invoice: File | None


@strawberry_django.type(models.Invoice)
class Invoice:
    scan: File


@strawberry_django.type(FileRow)
class Archive(File):
    """Our type with a field of the host's."""

    @strawberry_django.field(only=["original_filename"])  # type: ignore[untyped-decorator]
    @staticmethod
    def title(root: strawberry.Parent[FileRow]) -> str:
        return root.original_filename.upper()


@strawberry_django.type(models.Profile)
class Profile:
    picture: Archive | None


def build_schema(*, optimizer: bool, **config: Any) -> strawberry.Schema:
    """Build the schema as hosts do. Each has a Query of its own, because `relay.node` serves one schema only."""

    @strawberry.type
    class HostQuery(Query):
        anything: relay.Node = relay.node()
        something: relay.Node | None = relay.node()
        viewer = viewer

        @strawberry.field
        def method(self, info: strawberry.Info[Any, Any]) -> str:
            """Use the context as strawberry's views provide it."""
            info.context.response["X-Host"] = "shop"
            info.context.response.set_cookie("basket", "full")
            return f"{info.context['request'].method} {info.context.request.method}"

        orders: list[Order] = strawberry_django.field()
        invoices: list[Invoice] = strawberry_django.field()
        profiles: list[Profile] = strawberry_django.field()
        all_files: list[File] = strawberry_django.field()
        all_managers: list[FileManager] = strawberry_django.field()

    extensions = [DjangoOptimizerExtension] if optimizer else []
    return strawberry.Schema(
        HostQuery, Mutation, extensions=extensions, config=StrawberryConfig(**config), execution_context_class=Compared
    )


SCHEMAS = {"optimizer": build_schema(optimizer=True), "no optimizer": build_schema(optimizer=False)}
VIEWS: dict[str, Callable[..., Any]] = {
    "ours": GraphQLView.as_view,
    "stock": StockGraphQLView.as_view,
    "async": AsyncGraphQLView.as_view,
}


@dataclass
class HostApi(Api):
    """The API of a host as a user sees it through one of the views."""

    view: Any = None
    user: Any = field(default_factory=AnonymousUser)

    def post(self, document: str, variables: dict[str, Any] | None = None) -> Any:
        body = {"query": document, "variables": variables or {}}
        request = RequestFactory().post("/graphql", body, content_type="application/json")
        request.user = self.lazy_user()
        return call(self.view, request)

    def lazy_user(self) -> Any:
        """Return the user as Django's middleware does: read from the database when it is needed."""
        key = self.user.pk
        return SimpleLazyObject(lambda: User.objects.get(pk=key)) if key else self.user


def call(view: Any, request: HttpRequest) -> Any:
    response = async_to_sync(view)(request) if iscoroutinefunction(view) else view(request)
    response.json = lambda: json.loads(response.content)
    return response
