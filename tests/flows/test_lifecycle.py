"""The whole life of a file on every storage, with a client that knows none of them."""

import io
from datetime import datetime
from urllib.parse import urljoin

import pytest
from django.contrib.auth.models import User

from fileman import files
from fileman.models import File, StorageUsage
from tests.flows.conftest import Configure
from tests.flows.http_client import Json, Site, content, counted_bodies, fetch, send_all, sha256
from tests.flows.storages import MIB, Storage

PDF = b"%PDF-1.7\n"


@pytest.fixture(params=["one_request", "parts"])
def data(request: pytest.FixtureRequest, storage: Storage, configure: Configure) -> bytes:
    """A document of one request, or of two parts and a half."""
    if request.param == "one_request":
        return content(100_000, head=PDF)
    configure(SINGLE_REQUEST_MAX_BYTES=50_000, PART_SIZE_BYTES=storage.part_bytes)
    return content(storage.part_bytes * 2 + 1000, head=PDF)


def test_a_file_lives_from_initiate_to_delete(storage: Storage, site: Site, data: bytes) -> None:
    """One algorithm, every storage.

    Bodies are counted as they come in; what goes to a cloud never reaches this server.
    """
    with counted_bodies() as seen:
        ticket = site.start(data, "Report 2026.PDF", contentType="application/pdf", metadata={"source": "web"})
        send_all(ticket["instructions"], data)
        payload = site.finalize(ticket["uploadToken"], fileSize=len(data), checksum=sha256(data), metadata={"ok": True})

    assert (payload["success"], payload["errors"], payload["instructions"]) == (True, [], None)
    assert seen.get("/fileman/upload", 0) == (0 if storage.is_direct else len(data))
    assert 0 < seen["/graphql"] < 10_000
    file = payload["file"]
    _check_reply(file, ticket["file"], data)
    assert file["filePath"].rpartition("/")[2] == file["filename"]
    assert file["filePath"] in storage.everything()
    assert sha256(fetch(file["downloadUrl"]).content) == sha256(data)
    link = site.get(file["permalink"])
    assert (link.status_code, link.headers["Referrer-Policy"]) == (302, "no-referrer")
    assert "no-store" in link.headers["Cache-Control"]
    assert fetch(file["permalink"]).status_code == 404
    assert fetch(urljoin(site.url, link.headers["Location"])).content == data

    deleted = site.delete(file["id"])

    assert deleted == {"success": True, "deletedFileId": file["id"], "errors": []}
    assert site.file(file["id"]) is None
    assert storage.everything() == []
    assert fetch(file["downloadUrl"]).status_code in {403, 404}
    assert site.get(file["permalink"]).status_code == 404
    assert not File.objects.exists()
    assert StorageUsage.objects.get().bytes == 0


def _check_reply(file: Json, initiated: Json, data: bytes) -> None:
    """The answer of finalize."""
    kept = ("id", "filename", "originalFilename", "created")
    assert {name: file[name] for name in kept} == {name: initiated[name] for name in kept}
    assert (file["fileSize"], file["contentType"]) == (len(data), "application/pdf")
    assert (file["uploadStatus"], file["detectedContentType"]) == ("COMPLETED", "application/pdf")
    assert (file["checksum"], file["checksumVerified"]) == (sha256(data), True)
    assert file["metadata"] == {"source": "web", "ok": True}
    assert datetime.fromisoformat(file["created"]).tzinfo is not None
    assert file["expiresAt"] is None


@pytest.mark.parametrize("size", [300_000, 5 * MIB + 1000])
def test_a_server_made_file_comes_back_whole(storage: Storage, user: User, configure: Configure, size: int) -> None:
    configure(SINGLE_REQUEST_MAX_BYTES=5 * MIB, PART_SIZE_BYTES=5 * MIB)
    data = content(size)

    stored = files.store(io.BytesIO(data), user=user, filename="report.bin", manager=storage.manager)

    assert (stored.upload_status, stored.file_size) == (File.COMPLETED, size)
    with stored.open() as stream:
        stream.seek(-7, io.SEEK_END)
        assert stream.read() == data[-7:]
        stream.seek(size // 2)
        assert stream.read(10) == data[size // 2 : size // 2 + 10]
        stream.seek(0)
        assert stream.read() == data
        stream.seek(size + 10)
        assert stream.read() == b""
