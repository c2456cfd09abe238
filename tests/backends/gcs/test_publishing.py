"""Publish: one rewrite a step, pinned to the verified generation, to a path that no other request writes."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from fileman.errors import (
    FilemanError,
    ObjectChanged,
    OutOfTime,
    StorageMisconfigured,
    StorageUnavailable,
    UploadInProgress,
)
from tests.backends.gcs.stores import BODY, Store, send, upload_of, uploaded
from tests.servers.proxy import (
    MAINTENANCE_PAGE,
    NOT_FOUND_PAGE,
    Fault,
    Proxy,
    answer_with,
    cut,
    defer,
    delay,
    duplicate,
    hang,
    hold,
    lose,
    proxy_to,
    reset,
)

OTHER = BODY.swapcase()
REWRITE = "/rewriteTo/"
WITH_TOKEN = "rewriteToken="


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with proxy_to(store.server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def backend(store: Store, proxy: Proxy) -> GCSBackend:
    """A backend that reaches the storage through the proxy."""
    return store.backend(endpoint=proxy.url)


@pytest.fixture
def upload(backend: GCSBackend) -> Upload:
    """An upload whose bytes have arrived."""
    return uploaded(backend, upload_of())


@pytest.fixture
def verified(backend: GCSBackend, upload: Upload) -> StoredObject:
    return backend.assemble(upload)


def next_try(upload: Upload) -> Upload:
    """Return the upload as finalize passes it when the progress is empty: with another file path."""
    assert upload.progress == {}
    return replace(upload, file_path=upload.file_path.replace("/1/", "/2/"))


def swap_source(backend: GCSBackend, upload: Upload) -> None:
    """Put other bytes at the upload path, as a client with a valid signed request can."""
    request = backend.instructions(upload, list(upload.slices()))[0]
    assert send(request, OTHER).status_code == 200


def bytes_at(store: Store, path: str) -> bytes | None:
    return store.bucket.blob(path).download_as_bytes() if store.has(path) else None


def rewrites(proxy: Proxy) -> list[str]:
    """Return the token of each rewrite that was sent, empty for the first."""
    sent = [seen.target for seen in proxy.seen if REWRITE in seen.target]
    return [found[1] if (found := re.search(r"rewriteToken=([^&]+)", target)) else "" for target in sent]


def test_publish_copies_bytes_and_type_and_nothing_else(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    hostile = store.bucket.blob(upload.upload_path)
    hostile.metadata, hostile.cache_control = {"a": "b"}, "public, max-age=999"
    hostile.content_disposition = "inline"
    hostile.patch()

    published = backend.publish(upload, verified)

    blob = store.bucket.get_blob(upload.file_path)
    assert published == backend.stat(upload.file_path)
    assert published.checksums == verified.checksums
    assert blob.download_as_bytes() == BODY
    assert blob.content_type == "text/plain"
    assert (blob.metadata or {}, blob.cache_control, blob.content_disposition) == ({}, None, None)


def test_publish_is_one_request(proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject) -> None:
    """It looks at nothing before or after: Google's answer describes the copy."""
    proxy.seen.clear()

    backend.publish(upload, verified)

    (seen,) = proxy.seen
    assert (seen.method, REWRITE in seen.target) == ("POST", True)


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_an_object_that_changed_after_it_was_verified_is_not_published(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject, change: str
) -> None:
    if change == "replaced":
        swap_source(backend, upload)
    else:
        store.bucket.delete_blob(upload.upload_path)

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified)

    assert (upload.progress, bytes_at(store, upload.file_path)) == ({}, None)


# In many steps


def test_a_copy_in_many_steps_is_finished(
    store: Store, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    store.server.set_unfinished_rewrite_steps(5)

    assert backend.publish(upload, verified).size == len(BODY)
    assert bytes_at(store, upload.file_path) == BODY


def test_each_call_without_time_takes_one_step(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """If one started again, it would never end."""
    store.server.set_unfinished_rewrite_steps(3)

    for _ in range(3):
        with time_limit(0), pytest.raises(OutOfTime):
            backend.publish(upload, verified)
        assert upload.progress["source"] == verified.etag
    with time_limit(0):
        assert backend.publish(upload, verified).size == len(BODY)

    assert len(rewrites(proxy)) == 4


def test_a_step_whose_answer_is_lost_is_sent_again(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """By the next call, with the same token to the same path."""
    store.server.set_unfinished_rewrite_steps(3)
    proxy.disturb(lose, target=WITH_TOKEN, skip=1)

    with pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)
    token = upload.progress["rewrite_token"]
    backend.publish(upload, verified)

    assert [rewrites(proxy).count(sent) for sent in rewrites(proxy)] == [1, 1, 2, 2, 1]
    assert rewrites(proxy)[2] == token
    assert bytes_at(store, upload.file_path) == BODY


def test_a_copy_whose_last_answer_is_lost_is_there_for_the_next_call(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """The token is refused, because the path is taken; the next call looks at it before it takes another path."""
    store.server.set_unfinished_rewrite_steps(1)
    proxy.disturb(lose, target=WITH_TOKEN)
    with pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)

    with pytest.raises(UploadInProgress):
        backend.publish(upload, verified)

    assert upload.progress == {}
    found = backend.find(upload.file_path)
    assert found is not None
    assert found.checksums == verified.checksums


@pytest.mark.parametrize("status", [400, 404, 410, 412])
def test_a_copy_whose_token_is_refused_begins_again(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject, status: int
) -> None:
    """At a new path. Google's tokens end some day, and nothing else than another rewrite helps."""
    store.server.set_unfinished_rewrite_steps(1)
    proxy.disturb(answer_with(status), target=WITH_TOKEN)

    with pytest.raises(UploadInProgress):
        backend.publish(upload, verified)
    again = next_try(upload)
    backend.publish(again, verified)

    assert rewrites(proxy)[0] == rewrites(proxy)[2] == ""
    assert (bytes_at(store, upload.file_path), bytes_at(store, again.file_path)) == (None, BODY)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (answer_with(503), StorageUnavailable),
        (answer_with(429), StorageUnavailable),
        (answer_with(302), StorageUnavailable),
        (answer_with(MAINTENANCE_PAGE), StorageUnavailable),
        (answer_with(403), StorageMisconfigured),
        (reset, StorageUnavailable),
        (cut("status"), StorageUnavailable),
        (cut("headers"), StorageUnavailable),
        (cut("body"), StorageUnavailable),
    ],
    ids=["503", "429", "302", "page", "403", "reset", "status cut", "headers cut", "body cut"],
)
def test_any_other_fault_keeps_the_token(
    store: Store,
    proxy: Proxy,
    backend: GCSBackend,
    upload: Upload,
    verified: StoredObject,
    fault: Fault,
    error: type[FilemanError],
) -> None:
    store.server.set_unfinished_rewrite_steps(2)
    proxy.disturb(fault, target=WITH_TOKEN)

    with pytest.raises(error) as raised:
        backend.publish(upload, verified)
    assert type(raised.value) is error
    backend.publish(upload, verified)

    assert rewrites(proxy).count("") == 1
    assert bytes_at(store, upload.file_path) == BODY


def test_the_token_of_another_source_is_not_used(
    proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    upload.progress.update(rewrite_token="of another object", source="1")

    with pytest.raises(ObjectChanged):
        backend.publish(upload, verified)

    assert (upload.progress, rewrites(proxy)) == ({}, [])


# The first request


@pytest.mark.parametrize(
    "fault",
    [
        lose,
        reset,
        cut("status"),
        cut("headers"),
        cut("body"),
        answer_with(503),
        answer_with(503, after_effect=True),
        answer_with(MAINTENANCE_PAGE),
        answer_with(MAINTENANCE_PAGE, after_effect=True),
        answer_with(NOT_FOUND_PAGE, after_effect=True),
    ],
)
def test_a_first_request_of_unknown_outcome_is_not_repeated(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject, fault: Fault
) -> None:
    """Not even outside of a time limit. Another call takes another path."""
    proxy.disturb(fault, target=REWRITE)

    with pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)
    assert len(rewrites(proxy)) == 1
    again = next_try(upload)
    backend.publish(again, verified)

    assert bytes_at(store, again.file_path) == BODY
    assert bytes_at(store, upload.file_path) in (None, BODY)


@pytest.mark.parametrize("fault", [hold, defer, hang])
def test_a_copy_that_comes_late_harms_nothing(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject, fault: Fault
) -> None:
    """Carried out after the next try is published, and after the client has put other bytes at the upload path."""
    proxy.disturb(fault, target=REWRITE)
    times = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.3, "STORAGE_READ_TIMEOUT_SECONDS": 0.3}
    impatient = override_settings(FILEMAN_SETTINGS={**django_settings.FILEMAN_SETTINGS, **times})
    with impatient, pytest.raises(StorageUnavailable):
        backend.publish(upload, verified)
    again = next_try(upload)
    backend.publish(again, verified)
    swap_source(backend, upload)

    statuses = proxy.release()

    assert statuses == ([] if fault is hang else [404])
    assert (bytes_at(store, upload.file_path), bytes_at(store, again.file_path)) == (None, BODY)


def test_a_repetition_by_a_load_balancer_harms_nothing(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """The very same request, to the same path, after the client has put other bytes at the upload path."""
    proxy.disturb(duplicate, target=REWRITE)
    published = backend.publish(upload, verified)
    swap_source(backend, upload)

    assert proxy.release() == [404]

    assert backend.stat(upload.file_path) == published
    assert bytes_at(store, upload.file_path) == BODY


def test_a_storage_that_answers_late_is_given_its_time(
    store: Store, proxy: Proxy, backend: GCSBackend, upload: Upload, verified: StoredObject
) -> None:
    """No request starts that does not fit, none is sent twice, and no call is longer than its limit."""
    store.server.set_unfinished_rewrite_steps(3)
    proxy.disturb(delay(0.4), target=REWRITE, times=None)
    times = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.4, "STORAGE_READ_TIMEOUT_SECONDS": 0.8}
    published, seconds = None, []
    with override_settings(FILEMAN_SETTINGS={**django_settings.FILEMAN_SETTINGS, **times}):
        while published is None:
            began = time.monotonic()
            with time_limit(1.8), suppress(OutOfTime):
                published = backend.publish(upload, verified)
            seconds.append(time.monotonic() - began)

    assert len(rewrites(proxy)) == len(set(rewrites(proxy))) == 4
    assert len(seconds) > 1
    assert max(seconds) < 1.8
