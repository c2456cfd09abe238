"""The samples of docs/host-schema.md work as written."""

from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver

from fileman import conf
from fileman.graphql import DocumentLimits, Mutation, Query
from fileman.graphql.http.bodies import MAX_BODY_BYTES
from fileman.models import FileManager
from tests.hosts.shop import HostApi, name_shop
from tests.repository.test_documentation import ROOT, run, samples

PAGE = "docs/host-schema.md"
COMPLETE, PICKED, STOCK, ASYNC, OURS, TYPES, SETTINGS = samples(PAGE)


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return name_shop(monkeypatch)


def field_names(schema: Any) -> set[str]:
    types = schema._schema.query_type, schema._schema.mutation_type
    return {name for one in types for name in one.fields}


def test_five_lines_are_a_schema_with_all_operations() -> None:
    schema = run(COMPLETE)["schema"]

    assert len([line for line in COMPLETE.splitlines() if line]) <= 5
    assert len(field_names(schema)) == 13


def test_fields_are_inherited_and_picked(host: Any) -> None:
    exec(PICKED, vars(host))

    assert field_names(host.schema) == {
        "node", "file", "files", "fileManager", "fileManagers", "fileUsage", "documents", "greeting",
        "initiateUpload", "refreshUpload", "finalizeUpload",
    }  # fmt: skip


def test_the_page_names_every_field() -> None:
    definitions: list[Any] = [Query, Mutation]
    names = [field.name for one in definitions for field in one.__strawberry_definition__.fields]

    assert len(names) == 13
    assert [name for name in names if f"`{name}`" not in (ROOT / PAGE).read_text()] == []


@pytest.mark.parametrize("urls", [STOCK, ASYNC, OURS], ids=["stock", "async", "ours"])
def test_each_view_serves_the_complete_schema(urls: str, host: Any, user: User, manager: FileManager) -> None:
    host.schema = run(COMPLETE)["schema"]
    mount, graphql = run(urls)["urlpatterns"]
    assert isinstance(mount, URLResolver)
    assert isinstance(graphql, URLPattern)

    api = HostApi(client=Client(), view=graphql.callback, user=user)

    assert api.upload(b"hello")["uploadStatus"] == "COMPLETED"
    assert api.call("{ files { totalCount } }") == {"files": {"totalCount": 1}}


def test_the_stock_view_runs_outside_of_transactions(host: Any) -> None:
    host.schema = run(COMPLETE)["schema"]

    assert run(STOCK)["urlpatterns"][1].callback._non_atomic_requests == {"default"}


def test_a_type_of_the_host_has_a_file(host: Any) -> None:
    exec(TYPES, vars(host))

    assert [field.name for field in host.Order.__strawberry_definition__.fields] == ["invoice"]


def test_the_settings_are_accepted() -> None:
    assert conf.find_problems(run(SETTINGS)["FILEMAN_SETTINGS"]) == []


def test_the_limits_are_those_of_the_code() -> None:
    text = (ROOT / PAGE).read_text()
    limits = DocumentLimits()

    numbers = f"depth {limits.depth}, {limits.aliases} aliases, {limits.fields} fields, {limits.tokens} tokens"
    assert numbers in text
    assert f"{MAX_BODY_BYTES // 1024} KiB" in text
