"""No field of a host shows a file or file manager to a viewer who may not see it, under any view."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.graphql.rows import save_file, save_files
from tests.hosts.shop import SCHEMAS, VIEWS, HostApi
from tests.shop.models import Invoice, Order, Profile
from tests.uploads.driver import configured

SECRET = "secret-salaries.txt"
SHOWN = "originalFilename filename fileSize downloadUrl uploadedBy { username }"
PATHS = {
    "node": "anything(id: $id) { ... on File { %s } }",
    "optional node": "something(id: $id) { ... on File { %s } }",
    "nullable key": "orders { invoice { %s } }",
    "required key": "invoices { scan { %s } }",
    "subclass": "profiles { picture { title %s } }",
    "list": "allFiles { %s }",
}


@pytest.fixture
def file(user: User, manager: FileManager) -> File:
    """Ann's file, which rows of the host point to."""
    file = save_file(manager, user, original_filename=SECRET)
    Order.objects.create(customer=user, invoice=file)
    Invoice.objects.create(scan=file)
    Profile.objects.create(picture=file)
    return file


def look(view: Any, viewer: Any, path: str, file: File) -> Any:
    api = HostApi(client=Client(), view=view, user=viewer)
    declared = "query ($id: ID!)" if "$id" in PATHS[path] else ""
    return api.post(f"{declared} {{ {PATHS[path] % SHOWN} }}", {"id": to_global_id("File", file.pk)}).json()


@pytest.mark.parametrize("is_signed_in", [False, True], ids=["signed out", "bob"])
def test_a_file_of_another_user_stays_hidden(is_signed_in: bool, view: Any, file: File, other_user: User) -> None:
    for path in PATHS:
        body = str(look(view, other_user if is_signed_in else AnonymousUser(), path, file))

        assert (path, [text for text in (SECRET, "'ann'", "http") if text in body]) == (path, [])


def test_the_uploader_sees_the_file_and_everybody_if_it_is_public(view: Any, file: File, user: User) -> None:
    for viewer in (user, AnonymousUser()):
        for path in PATHS:
            body = look(view, viewer, path, file)

            assert (path, "errors" in body, f"'originalFilename': '{SECRET}'" in str(body)) == (path, False, True)
        File.objects.update(is_public=True)


@pytest.mark.parametrize("path", ["node", "optional node"])
def test_a_hidden_file_looks_like_one_that_does_not_exist(path: str, view: Any, file: File, other_user: User) -> None:
    hidden = look(view, other_user, path, file)
    absent = look(view, other_user, path, File(pk="00000000-0000-0000-0000-000000000001"))

    assert (hidden["data"], len(hidden.get("errors", []))) == (absent["data"], len(absent.get("errors", [])))
    assert all(
        one["message"].split("Reference")[0] == other["message"].split("Reference")[0]
        for one, other in zip(hidden.get("errors", []), absent.get("errors", []), strict=True)
    )


def test_a_groups_file_manager_is_seen_by_members_only(view: Any, user: User, other_user: User, group: Group) -> None:
    user.groups.add(group)
    hidden = FileManager.objects.create(name="Editors", backend_type="memory", group=group)
    node = f'something(id: "{to_global_id("FileManager", hidden.pk)}") {{ ... on FileManager {{ name }} }}'

    def names(viewer: Any) -> Any:
        api = HostApi(client=Client(), view=view, user=viewer)
        return api.call(f"{{ allManagers {{ name }} {node} }}")

    assert names(user) == {"allManagers": [{"name": "Editors"}], "something": {"name": "Editors"}}
    assert names(other_user) == names(AnonymousUser()) == {"allManagers": [], "something": None}


def test_a_page_of_orders_takes_two_statements_optimized(user: User, manager: FileManager, other_user: User) -> None:
    for owner in (user, other_user, user):
        Order.objects.create(customer=user, invoice=save_file(manager, owner, original_filename=owner.username))
    api = HostApi(client=Client(), view=VIEWS["stock"](schema=SCHEMAS["optimizer"]), user=user)

    with CaptureQueriesContext(connection) as captured:
        orders = api.call("{ orders { invoice { originalFilename } } }")["orders"]

    assert [order["invoice"] for order in orders] == [{"originalFilename": "ann"}, None, {"originalFilename": "ann"}]
    statements = [one["sql"] for one in captured.captured_queries if "auth_" not in one["sql"].partition("WHERE")[0]]
    assert len(statements) == 2


def test_a_thousand_orders_with_urls_take_five_statements(user: User, manager: FileManager, other_user: User) -> None:
    """Who may see the order may see its file, which somebody else has uploaded."""
    count = 500 if connection.vendor == "sqlite" else 1000  # Django prefetches with an OR for each key there
    files = save_files(manager, other_user, count)
    Order.objects.bulk_create([Order(customer=user, invoice=file) for file in files])
    api = HostApi(client=Client(), view=VIEWS["stock"](schema=SCHEMAS["optimizer"]), user=user)

    with configured(ACCESS_POLICY="tests.shop.policy.OrderPolicy"), CaptureQueriesContext(connection) as captured:
        orders = api.call("{ orders { invoice { downloadUrl } } }")["orders"]

    assert (len(orders), all(order["invoice"]["downloadUrl"] for order in orders)) == (count, True)
    assert len([one for one in captured.captured_queries if 'FROM "auth_user"' not in one["sql"]]) <= 5
