"""All operations in a host's own schema, under each view, with and without the optimizer."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from fileman.models import File, FileManager
from tests.hosts.shop import VIEWS, HostApi, build_schema

PAGE = """{ files(first: 1) {
  totalCount pageInfo { hasNextPage endCursor } edges { cursor node { originalFilename } }
} }"""


@pytest.fixture
def api(view: Any, user: User, manager: FileManager) -> HostApi:
    return HostApi(client=Client(), view=view, user=user)


def test_all_twelve_operations_work(api: HostApi, manager: FileManager) -> None:
    kept = api.upload(b"hello", "kept.txt")
    ticket = api.start(b"world", "world.txt")
    refreshed = api.refresh(fileId=ticket["file"]["id"])
    aborted = api.abort(refreshed["uploadToken"])
    updated = api.update(kept["id"], originalFilename="renamed.txt")

    assert (kept["uploadStatus"], refreshed["success"], aborted["success"]) == ("COMPLETED", True, True)
    assert updated["file"]["originalFilename"] == "renamed.txt"
    assert kept["fileManager"] == {"id": kept["fileManager"]["id"], "name": "Memory", "backendType": "memory"}
    assert api.call("{ viewer { username } }") == {"viewer": {"username": "ann"}}
    found = api.file(kept["id"])
    assert found is not None
    assert {**found, "downloadUrl": ""} == {**updated["file"], "downloadUrl": ""}
    assert api.call(f'{{ node(id: "{kept["id"]}") {{ id }} }}') == {"node": {"id": kept["id"]}}
    algorithms = ["sha256", "md5", "crc32c"]
    shown = {"name": "Memory", "maxFileSize": 104_857_600, "checksumAlgorithms": algorithms, "group": None}
    managers = api.call("{ fileManagers { edges { node { name maxFileSize checksumAlgorithms group { name } } } } }")
    assert managers == {"fileManagers": {"edges": [{"node": shown}]}}
    manager_id = kept["fileManager"]["id"]
    assert api.call(f'{{ fileManager(id: "{manager_id}") {{ name }} }}') == {"fileManager": {"name": "Memory"}}
    assert api.delete(kept["id"])["success"]
    assert not File.objects.filter(upload_status=File.COMPLETED).exists()


def test_pages_follow_their_cursors(api: HostApi) -> None:
    api.initiate(*({"filename": f"{number}.txt", "size": 1} for number in range(3)))

    first = api.call(PAGE)["files"]
    after = first["pageInfo"]["endCursor"]
    second = api.call(PAGE.replace("first: 1", f'first: 5, after: "{after}"'))["files"]

    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], first["edges"][0]["cursor"]) == (3, True, after)
    names = {edge["node"]["originalFilename"] for edge in first["edges"] + second["edges"]}
    assert names == {"0.txt", "1.txt", "2.txt"}
    assert second["pageInfo"]["hasNextPage"] is False


def test_errors_of_queries_keep_their_code(api: HostApi) -> None:
    for arguments in (
        'after: "x"',
        "first: 101",
        "ordering: [{created: ASC}, {created: DESC}]",
        'filters: {contentType: "\\u0000"}',
    ):
        body = api.post(f"{{ files({arguments}) {{ totalCount }} }}").json()

        assert [error["extensions"]["code"] for error in body["errors"]] == ["INVALID_INPUT"], arguments
        assert body["data"] is None


def test_naive_times_of_a_hosts_scalar_are_taken_as_utc(api: HostApi) -> None:
    api.start(b"hello")
    count = '{{ files(filters: {{created: {{gte: "{}"}}}}) {{ totalCount }} }}'

    assert api.call(count.format("2000-01-01T00:00:00"))["files"]["totalCount"] == 1
    assert api.call(count.format("2999-01-01T00:00:00"))["files"]["totalCount"] == 0


@pytest.mark.parametrize("view", VIEWS)
def test_a_small_relay_max_results_does_not_stop_our_lists(view: str, user: User, manager: FileManager) -> None:
    schema = build_schema(optimizer=True, relay_max_results=20)
    api = HostApi(client=Client(), view=VIEWS[view](schema=schema), user=user)

    assert api.call("{ files { totalCount } }") == {"files": {"totalCount": 0}}
    assert api.call("{ files(first: 100) { totalCount edges { cursor } } }")["files"]["edges"] == []


def test_a_hosts_resolvers_find_strawberrys_context(api: HostApi) -> None:
    response = api.post("{ method }")

    assert response.json() == {"data": {"method": "POST POST"}}
    assert (response["X-Host"], response.cookies["basket"].value) == ("shop", "full")
    assert response["Content-Type"].startswith("application/json")
