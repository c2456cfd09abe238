"""Publish: one rewrite a step, pinned to the verified generation, to a path that no other request writes."""

import re
from dataclasses import dataclass

import pytest

from fileman import errors
from fileman.backends.base import Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from tests.backends.gcs.stores import Store
from tests.backends.uploads import BODY, next_try, upload_of, uploaded
from tests.servers.proxy import MAINTENANCE_PAGE, Fault, Proxy, answer_with, cut, lose, reset

REWRITE = "/rewriteTo/"
WITH_TOKEN = "rewriteToken="


@dataclass
class Publishing:
    """An upload whose bytes have arrived and are verified, and a proxy before the storage."""

    store: Store
    proxy: Proxy
    backend: Backend
    upload: Upload
    verified: StoredObject

    def publish(self) -> StoredObject:
        return self.backend.publish(self.upload, self.verified)

    def publish_elsewhere(self) -> Upload:
        """Publish as finalize does when the progress is empty: to another file path."""
        again = next_try(self.upload)
        self.backend.publish(again, self.verified)
        assert self.bytes_at(again) == BODY
        return again

    def bytes_at(self, upload: Upload | None = None) -> bytes | None:
        path = (upload or self.upload).file_path
        return self.store.bucket.blob(path).download_as_bytes() if self.store.has(path) else None

    def rewrites(self) -> list[str]:
        """Return the token of each rewrite that was sent, empty for the first."""
        sent = [seen.target for seen in self.proxy.seen if REWRITE in seen.target]
        return [found[1] if (found := re.search(r"rewriteToken=([^&]+)", target)) else "" for target in sent]


@pytest.fixture
def case(store: Store, proxy: Proxy, backend: Backend) -> Publishing:
    upload = uploaded(backend, upload_of())
    return Publishing(store, proxy, backend, upload, backend.assemble(upload))


def test_publish_copies_bytes_and_type_and_nothing_else(case: Publishing) -> None:
    """By one request: Google's answer describes the copy."""
    hostile = case.store.bucket.blob(case.upload.upload_path)
    hostile.metadata, hostile.cache_control = {"a": "b"}, "public, max-age=999"
    hostile.content_disposition = "inline"
    hostile.patch()
    case.proxy.seen.clear()

    published = case.publish()

    (seen,) = case.proxy.seen
    generation = case.verified.etag
    pins = {f"sourceGeneration={generation}", f"ifSourceGenerationMatch={generation}", "ifGenerationMatch=0"}
    assert (seen.method, REWRITE in seen.target) == ("POST", True)
    assert pins | {f"maxBytesRewrittenPerCall={256 * 1024**2}"} <= set(re.split("[?&]", seen.target))
    blob = case.store.bucket.get_blob(case.upload.file_path)
    assert published == case.backend.stat(case.upload.file_path)
    assert published.checksums == case.verified.checksums
    assert (case.bytes_at(), blob.content_type) == (BODY, "text/plain")
    assert (blob.metadata or {}, blob.cache_control) == ({}, None)
    assert blob.content_disposition == case.upload.content_disposition


def test_an_object_that_was_deleted_after_it_was_verified_is_not_published(case: Publishing) -> None:
    case.store.bucket.delete_blob(case.upload.upload_path)

    with pytest.raises(errors.ObjectChanged):
        case.publish()

    assert (case.upload.progress, case.bytes_at()) == ({}, None)


def test_each_call_without_time_takes_one_step(case: Publishing) -> None:
    """If one started again, it would never end."""
    case.store.server.rewrites.unfinished_steps = 3

    for _ in range(3):
        with time_limit(0), pytest.raises(errors.OutOfTime):
            case.publish()
        assert case.upload.progress["source"] == case.verified.etag
    with time_limit(0):
        assert case.publish().size == len(BODY)

    assert len(case.rewrites()) == 4


def test_a_copy_whose_last_answer_is_lost_is_there_for_the_next_call(case: Publishing) -> None:
    """The token is refused, because the path is taken; the next call looks at it before it takes another path."""
    case.store.server.rewrites.unfinished_steps = 1
    case.proxy.disturb(lose, target=WITH_TOKEN)
    with pytest.raises(errors.StorageUnavailable):
        case.publish()

    with pytest.raises(errors.UploadInProgress):
        case.publish()

    assert case.upload.progress == {}
    assert case.backend.stat(case.upload.file_path).checksums == case.verified.checksums


@pytest.mark.parametrize("status", [400, 404, 410, 412])
def test_a_copy_whose_token_is_refused_begins_again(case: Publishing, status: int) -> None:
    """At a new path. Google's tokens end some day, and nothing else than another rewrite helps."""
    case.store.server.rewrites.unfinished_steps = 1
    case.proxy.disturb(answer_with(status), target=WITH_TOKEN)

    with pytest.raises(errors.UploadInProgress):
        case.publish()
    case.publish_elsewhere()

    assert case.rewrites()[0] == case.rewrites()[2] == ""
    assert case.bytes_at() is None


FAULTS: dict[str, Fault] = {"page": answer_with(MAINTENANCE_PAGE), "lost": lose, "reset": reset}
FAULTS |= {str(status): answer_with(status) for status in (302, 403, 429, 503)}
FAULTS |= {f"{place} cut": cut(place) for place in ("status", "headers", "body")}


@pytest.mark.parametrize("name", FAULTS)
def test_any_other_fault_keeps_the_token(case: Publishing, name: str) -> None:
    """The next call sends it again, to the same path."""
    case.store.server.rewrites.unfinished_steps = 2
    case.proxy.disturb(FAULTS[name], target=WITH_TOKEN)

    with pytest.raises(errors.StorageError) as raised:
        case.publish()
    assert type(raised.value) is (errors.StorageMisconfigured if name == "403" else errors.StorageUnavailable)
    token = case.upload.progress["rewrite_token"]
    case.publish()

    assert (case.rewrites().count(""), case.rewrites().count(token), case.bytes_at()) == (1, 2, BODY)


def test_the_token_of_another_source_is_not_used(case: Publishing) -> None:
    case.upload.progress.update(rewrite_token="of another object", source="1")

    with pytest.raises(errors.ObjectChanged):
        case.publish()

    assert (case.upload.progress, case.rewrites()) == ({}, [])
