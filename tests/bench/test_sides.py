"""Both sides of the benchmarks do the same work, so that their ratio means something."""

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User

from fileman.models import File, FileManager
from tests.api import Api
from tests.bench import bench_api, plain, stand_in
from tests.bench.bench_finalize import DECLARED
from tests.graphql.rows import save_files
from tests.uploads.driver import configured

pytestmark = pytest.mark.urls("tests.bench.plain")


@pytest.fixture(autouse=True)
def store(db: None) -> FileManager:
    plain.get_manager.cache_clear()
    plain.get_client.cache_clear()
    return FileManager.objects.create(name="S3", backend_type="s3", settings=plain.STORE, is_default=True)


def length_range(fields: dict[str, str]) -> list[Any]:
    conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
    return next(one for one in conditions if "content-length-range" in one)


def test_both_grant_fifty_uploads_of_the_declared_sizes_with_a_row_each(api: Api, user: User) -> None:
    declared = bench_api.declare(50)

    ours = api.post(*json.loads(bench_api.to_body(bench_api.INITIATE, files=declared)).values()).json()
    granted = [one["instructions"]["requests"][0] for one in ours["data"]["initiateUpload"]["files"]]
    of_ours = [{one["name"]: one["value"] for one in grant["fields"]} for grant in granted]
    plainly = api.client.post("/plain/initiate", {"files": declared}, content_type="application/json").json()["files"]
    of_theirs = [one["fields"] for one in plainly]

    sizes = [["content-length-range", one["size"], one["size"]] for one in declared]
    assert [length_range(fields) for fields in of_ours] == sizes
    assert [length_range(fields) for fields in of_theirs] == sizes
    assert of_theirs[0].keys() - of_ours[0].keys() == set()
    rows = File.objects.filter(uploaded_by=user, upload_status=File.PENDING)
    assert sorted(rows.values_list("file_size", flat=True)) == sorted(2 * [one["size"] for one in declared])


def test_both_list_the_same_fifty_files_with_a_signed_url_each(api: Api, user: User, store: FileManager) -> None:
    save_files(store, user, 51)

    ours = api.call(bench_api.LIST)["files"]
    nodes = [edge["node"] for edge in ours["edges"]]
    listed = api.client.get("/plain/files").json()
    theirs = listed["files"]

    assert ours["pageInfo"]["hasNextPage"] is listed["hasNextPage"] is True
    assert len(nodes) == len(theirs) == 50
    assert [node["created"] for node in nodes] == [file["created"].replace("Z", "+00:00") for file in theirs]
    assert all("X-Amz-Signature=" in file["downloadUrl"] for file in [*nodes, *theirs])
    assert [urlsplit(node["downloadUrl"]).path for node in nodes] == [
        urlsplit(file["downloadUrl"]).path for file in theirs
    ]


@configured(ALLOW_INSECURE_ENDPOINTS=True)
def test_both_complete_an_upload_to_the_stand_in(api: Api, store: FileManager) -> None:
    with stand_in.serve(0) as endpoint:
        store.settings = {**plain.STORE, "endpoint_url": endpoint}
        store.save()
        ours = api.finalize(api.initiate(DECLARED)["files"][0]["uploadToken"])
        declared = {"files": [DECLARED]}
        granted = api.client.post("/plain/initiate", declared, content_type="application/json").json()["files"][0]
        theirs = api.client.post(f"/plain/finalize/{granted['id']}").json()

    assert ours["file"]["uploadStatus"] == theirs["status"] == "COMPLETED"
    assert File.objects.filter(upload_status=File.COMPLETED, file_size=DECLARED["size"]).count() == 2
