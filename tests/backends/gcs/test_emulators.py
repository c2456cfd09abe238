"""The emulators that other people run. They check next to nothing, and no file of ours depends on their checks."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from fileman.backends.base import Backend
from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.values import PartPlan
from fileman.errors import FileMissing
from fileman.testing.contract import BackendContract, Reduction
from tests.backends.uploads import BODY, ORIGIN, begun, find_problems, make_backend, send, upload_of, uploaded
from tests.servers.gcs import GoogleServer, serve_emulator
from tests.servers.process import LOOPBACK
from tests.uploads.driver import configured

BUCKET = "shared-bucket"


@pytest.fixture(scope="module")
def server(fake_gcs_server: GoogleServer) -> GoogleServer:
    return with_bucket(fake_gcs_server)


@pytest.fixture(scope="module")
def emulator(fake_gcs_server: GoogleServer) -> Iterator[GoogleServer]:
    """gcp-storage-emulator without our front, with an account of the other emulator's."""
    with serve_emulator() as port:
        yield with_bucket(replace(fake_gcs_server, endpoint_url=f"http://{LOOPBACK}:{port}"))


def with_bucket(server: GoogleServer) -> GoogleServer:
    client = server.client()
    client.create_bucket(BUCKET)
    client.close()
    return server


def backend_of(server: GoogleServer) -> GCSBackend:
    keys = {"credentials": server.service_account_info, "endpoint": server.endpoint_url}
    return make_backend(GCSBackend, {"bucket_name": BUCKET, **keys}, f"gs://{BUCKET}/{uuid.uuid4()}/")


# fake-gcs-server


class TestContract(BackendContract):
    """All of the contract but sessions: fake-gcs-server ends a session that is asked how many bytes it has."""

    reduced = frozenset({Reduction.SIGNATURES, Reduction.EXACT_LENGTH, Reduction.DISPOSITION, Reduction.CREATE_ONLY})
    limits = ("The storage ignores the Content-Type and Content-Disposition that signed URLs ask for.",)

    @pytest.fixture
    def backend(self, server: GoogleServer) -> Iterator[Backend]:
        """Let one origin upload, so that CORS is tried by preflights: it keeps no rules in its buckets."""
        with configured(ALLOWED_ORIGINS=[ORIGIN]):
            yield backend_of(server)

    def _plan(self, backend: Backend, size: int, *, large: bool) -> PartPlan:
        return super()._plan(backend, size, large=False)


def test_a_session_that_is_sent_whole_is_finished(server: GoogleServer) -> None:
    backend = backend_of(server)
    upload = begun(backend, upload_of(prefix=backend.prefix, session=True))
    (request,) = backend.instructions(upload, list(upload.slices()))

    assert send(request, BODY).status_code == 200

    assert backend.missing(upload) == []
    assert backend.publish(upload, backend.assemble(upload)).size == len(BODY)


def test_a_session_does_not_survive_a_question(server: GoogleServer) -> None:
    """Asked for its offset, it becomes an object of the bytes that have arrived. The docs say so."""
    backend = backend_of(server)
    upload = begun(backend, upload_of(prefix=backend.prefix, session=True))

    backend.missing(upload)

    assert backend.stat(upload.upload_path).size == 0


# gcp-storage-emulator without our front


def test_the_bare_emulator_takes_an_upload_to_its_end(emulator: GoogleServer) -> None:
    """Its 404 has no words."""
    backend = backend_of(emulator)
    upload = uploaded(backend, upload_of(prefix=backend.prefix))

    published = backend.publish(upload, backend.assemble(upload))

    assert b"".join(backend.read(published.path, start=4, length=5, etag=published.etag)) == BODY[4:9]
    assert requests.get(backend.get_url(published.path), timeout=60).content == BODY
    assert backend.delete([upload.upload_path, published.path, "absent"]) == []
    with pytest.raises(FileMissing):
        backend.stat(published.path)


def test_the_doctor_names_what_the_bare_emulator_lacks(emulator: GoogleServer) -> None:
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        found = find_problems(backend_of(emulator))

    assert [problem_id for problem_id, _ in found] == [
        "copy.unpinned", "download.headers", "cors.upload", "cors.download", "storage.refused"
    ]  # fmt: skip
    assert found[-1][1].endswith(" returned 501 when asked to abort an upload.")
