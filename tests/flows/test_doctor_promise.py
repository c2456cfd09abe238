"""The doctor's "works" means that a page uploads and downloads, on every server of the tests."""

from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from fileman import cleanup
from fileman.backends import get_backend
from fileman.models import StorageDeletion
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import TIMEOUT_SECONDS, Json, Site, content, fetch, send_all, sha256

SERVERS = ("file", "moto", "radosgw", "seaweedfs", "azurite", "gcs", "fake_gcs")
IGNORES_SIGNED_NAMES = "fake_gcs"  # the doctor says so; the files come back all the same


@pytest.mark.parametrize("server", SERVERS)
def test_where_the_doctor_finds_no_problem_a_small_and_a_large_file_come_back(
    server: str, request: pytest.FixtureRequest, transactional_db: None, site: Site, configure: Configure
) -> None:
    """The page is of another origin than the storage, which has the documented rules. Nothing is left at the end."""
    configure(ALLOWED_ORIGINS=[site.url])
    site.headers["Origin"] = site.url
    storage = storage_of(server, request, origin=site.url)
    assert get_backend(storage.manager).validate_configuration()[0] is (server != IGNORES_SIGNED_NAMES)
    assert storage.everything() == []
    configure(SINGLE_REQUEST_MAX_BYTES=storage.part_bytes - 1, PART_SIZE_BYTES=storage.part_bytes)

    for size in (1000, storage.part_bytes * 2 + 1000):
        data = content(size)
        ticket = site.start(data, "Report.bin")
        if storage.is_direct:
            assert_browsers_may_send(ticket["instructions"]["requests"], site.url)
        send_all(ticket["instructions"], data)
        file = site.finalize(ticket["uploadToken"])["file"]
        response = fetch(file["downloadUrl"], Origin=site.url)
        assert (file["uploadStatus"], sha256(response.content)) == ("COMPLETED", sha256(data))
        assert response.headers["Content-Disposition"].startswith("attachment")
        assert not storage.is_direct or response.headers["Access-Control-Allow-Origin"] in {site.url, "*"}
        assert site.delete(file["id"])["success"]

    abandoned = site.start(content(1000), "Report.bin")
    send_all(abandoned["instructions"], content(1000))
    assert len(storage.everything()) == 1

    # The first run deletes, and the second one looks again because a client could still send until then.
    runs = [cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=days)) for days in (20, 30)]

    assert [(run.expired, run.removed, run.failed) for run in runs] == [(1, 0, 0), (0, 1, 0)]
    assert (storage.everything(), StorageDeletion.objects.count()) == ([], 0)


def assert_browsers_may_send(asked: list[Json], origin: str) -> None:
    """Ask before each request, as a browser does."""
    for one in asked:
        headers = ",".join(header["name"].lower() for header in one["headers"]) or "content-type"
        question = {"Access-Control-Request-Method": one["method"], "Access-Control-Request-Headers": headers}
        answer = requests.options(one["url"], headers={"Origin": origin, **question}, timeout=TIMEOUT_SECONDS)
        assert answer.headers["Access-Control-Allow-Origin"] in {origin, "*"}
