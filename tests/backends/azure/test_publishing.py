"""Publishing: copies that are slow, break off or are carried out late. Nothing is deleted, nothing is overwritten."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from fileman.backends.azure.backend import AzureBackend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from fileman.errors import (
    FileMissing,
    ObjectChanged,
    OutOfTime,
    StorageMisconfigured,
    StorageUnavailable,
    UploadInProgress,
)
from tests.backends.azure.response_proxy import Front, Rule, Seen
from tests.backends.azure.stores import BODY, Store, make_upload
from tests.servers.proxy import Fault, Proxy, answer_with, cut, defer, duplicate, lose, reset

BY_UPLOADER = {"x-ms-blob-cache-control": "public", "x-ms-meta-own": "1"}
COPY, HEADERS, MARK = "x-ms-copy-source", "comp=properties", "comp=metadata"
LATER_STEPS = [HEADERS, MARK]


@pytest.fixture
def upload(store: Store, backend: AzureBackend) -> Upload:
    upload = make_upload(backend)
    store.put(upload.upload_path, BODY, BY_UPLOADER)
    return upload


@pytest.fixture
def verified(store: Store, upload: Upload) -> StoredObject:
    return store.backend().stat(upload.upload_path)


@pytest.fixture
def through_proxy(store: Store, proxy: Proxy) -> AzureBackend:
    return store.backend(endpoint=proxy.url)


def looks_at(path: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.method == "HEAD" and seen.path.endswith(path)


def is_copy(seen: Seen) -> bool:
    return COPY in seen.headers


def next_path(upload: Upload) -> Upload:
    """Return the upload as the next call has it when the progress is empty."""
    assert upload.progress == {}
    return replace(upload, file_path=f"{upload.folder}2/notes_20260102.txt", progress={})


def sent(proxy: Proxy) -> list[str]:
    """Return what each request did, in order."""
    return [
        "copy"
        if any(name.lower() == COPY for name, _ in seen.headers)
        else seen.target.partition("comp=")[2] or seen.method
        for seen in proxy.seen
    ]


def content(store: Store, path: str) -> bytes:
    return store.blob(path).download_blob().readall()


def assert_published(store: Store, published: StoredObject, upload: Upload) -> None:
    """The file has the verified bytes, and nothing else of the uploader's than them."""
    found = store.blob(upload.file_path).get_blob_properties()
    headers = {name: value for name, value in dict(found.content_settings).items() if value}
    assert (published.path, published.etag) == (upload.file_path, found.etag.strip('"'))
    assert (headers, found.metadata) == ({"content_type": "text/plain"}, {})
    assert content(store, upload.file_path) == BODY


class TestSteps:
    def test_publishing_is_three_pinned_requests_and_a_look(
        self, store: Store, backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject
    ) -> None:
        published = backend.publish(upload, verified)

        copy, headers, mark, look = front.seen
        assert (copy.headers["x-ms-source-if-match"], copy.headers["If-None-Match"]) == (f'"{verified.etag}"', "*")
        assert [HEADERS in headers.path, MARK in mark.path, look.method] == [True, True, "HEAD"]
        assert headers.headers["If-Match"] != mark.headers["If-Match"]
        assert_published(store, published, upload)

    def test_each_call_takes_a_step_though_one_request_fits_into_it(
        self, store: Store, through_proxy: AzureBackend, proxy: Proxy, upload: Upload, verified: StoredObject
    ) -> None:
        steps = []
        for _ in range(3):
            with time_limit(0), pytest.raises(OutOfTime):
                through_proxy.publish(upload, verified)
            steps.append((upload.progress["next"], len(proxy.seen)))
        with time_limit(0):
            published = through_proxy.publish(upload, verified)

        assert steps == [("headers", 1), ("mark", 2), ("", 3)]
        assert sent(proxy) == ["copy", "properties", "metadata", "HEAD"]
        assert_published(store, published, upload)

    @pytest.mark.parametrize("steps", [1, 2])
    def test_a_copy_is_no_file_before_the_last_step(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject, steps: int
    ) -> None:
        """It would have headers or metadata of the uploader's"""
        for _ in range(steps):
            with time_limit(0), pytest.raises(OutOfTime):
                backend.publish(upload, verified)

        assert store.blob(upload.file_path).exists()
        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)

    def test_checksums_of_the_verified_object_are_those_of_the_pinned_copy(
        self, backend: AzureBackend, upload: Upload, verified: StoredObject
    ) -> None:
        known = replace(verified, checksums={"sha256": "0" * 64})

        assert backend.publish(upload, known).checksums == {"sha256": "0" * 64}


class TestSlowCopies:
    @pytest.fixture
    def pending(self, front: Front, upload: Upload) -> Rule:
        """The copy goes on after its response, until `times` is set to 0."""
        pending = {"x-ms-copy-status": "pending", "x-ms-copy-progress": f"5/{len(BODY)}"}
        rule = Rule(matches=looks_at(upload.file_path), headers=pending, times=10**6)
        front.rules = [Rule(matches=is_copy, headers=pending), rule]
        return rule

    @pytest.mark.parametrize("hidden", [(), ("x-ms-meta-fileman_unpublished",)], ids=["marked at once", "at its end"])
    def test_a_slow_copy_is_awaited_over_several_calls(
        self,
        store: Store,
        backend: AzureBackend,
        front: Front,
        upload: Upload,
        verified: StoredObject,
        pending: Rule,
        hidden: tuple[str, ...],
    ) -> None:
        """Until it is finished there is no file, whenever Azure shows its metadata"""
        pending.hidden = hidden
        for error in (OutOfTime, UploadInProgress, UploadInProgress):
            with time_limit(0), pytest.raises(error):
                backend.publish(upload, verified)
            assert upload.progress["copy"] == store.blob(upload.file_path).get_blob_properties().copy.id
            with pytest.raises(FileMissing):
                backend.stat(upload.file_path)
        pending.times = 0

        assert_published(store, backend.publish(upload, verified), upload)
        assert len([seen for seen in front.seen if is_copy(seen)]) == 1

    def test_a_copy_is_awaited_within_the_time_limit(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject, pending: Rule
    ) -> None:
        pending.times = 2

        with time_limit(20):
            published = backend.publish(upload, verified)

        assert_published(store, published, upload)

    @pytest.mark.parametrize("status", ["failed", "aborted"])
    def test_a_copy_that_failed_is_no_file_and_the_next_call_has_another_path(
        self,
        store: Store,
        backend: AzureBackend,
        front: Front,
        upload: Upload,
        verified: StoredObject,
        pending: Rule,
        status: str,
    ) -> None:
        pending.headers = {"x-ms-copy-status": status}

        with pytest.raises(StorageUnavailable):
            backend.publish(upload, verified)

        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)
        again = next_path(upload)
        assert_published(store, backend.publish(again, verified), again)

    def test_a_copy_of_another_size_is_not_published(
        self, backend: AzureBackend, upload: Upload, verified: StoredObject, pending: Rule
    ) -> None:
        pending.headers = {"Content-Length": "99"}

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}

    def test_a_copy_that_was_deleted_is_made_again_at_another_path(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject, pending: Rule
    ) -> None:
        with time_limit(0), pytest.raises(OutOfTime):
            backend.publish(upload, verified)
        store.blob(upload.file_path).delete_blob()

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        again = next_path(upload)
        assert_published(store, backend.publish(again, verified), again)


@pytest.fixture(params=[lose, reset, cut("status"), cut("headers"), answer_with(500, after_effect=True)])
def breaking(request: pytest.FixtureRequest) -> Fault:
    """The response is lost; after most of these faults Azure has carried the request out."""
    fault: Fault = request.param
    return fault


class TestLostResponses:
    def test_a_copy_whose_response_is_lost_is_not_sent_again_and_the_next_has_another_path(
        self,
        store: Store,
        through_proxy: AzureBackend,
        proxy: Proxy,
        upload: Upload,
        verified: StoredObject,
        breaking: Fault,
    ) -> None:
        proxy.disturb(breaking, header=COPY)

        with pytest.raises(StorageUnavailable):
            through_proxy.publish(upload, verified)

        assert sent(proxy) == ["copy"]
        again = next_path(upload)
        assert_published(store, through_proxy.publish(again, verified), again)

    @pytest.mark.parametrize("step", LATER_STEPS)
    def test_a_later_step_whose_response_is_lost_is_looked_at_first(
        self,
        store: Store,
        through_proxy: AzureBackend,
        proxy: Proxy,
        upload: Upload,
        verified: StoredObject,
        breaking: Fault,
        step: str,
    ) -> None:
        proxy.disturb(breaking, target=step)
        with pytest.raises(StorageUnavailable):
            through_proxy.publish(upload, verified)
        before = len(proxy.seen)

        published = through_proxy.publish(upload, verified)

        assert sent(proxy)[before] == "HEAD"
        assert sent(proxy).count("copy") == 1
        assert_published(store, published, upload)

    @pytest.mark.parametrize("step", LATER_STEPS)
    def test_azure_forgets_the_copy_at_once(
        self, store: Store, backend: AzureBackend, front: Front, upload: Upload, verified: StoredObject, step: str
    ) -> None:
        """Azure shows no x-ms-copy-* of a blob whose headers were replaced; Azurite does"""
        front.rules = [Rule(matches=lambda seen: step in seen.path, status=403, after=True)]
        with pytest.raises(StorageMisconfigured):
            backend.publish(upload, verified)
        forgotten = {"x-ms-copy-id", "x-ms-copy-source", "x-ms-copy-status", "x-ms-copy-progress"}
        front.rules = [Rule(matches=looks_at(upload.file_path), hidden=forgotten, times=10**6)]

        assert_published(store, backend.publish(upload, verified), upload)


class TestLateRequests:
    """What an earlier call sent is carried out after a later call has published."""

    @pytest.mark.parametrize("source", ["as it was", "replaced"])
    def test_a_copy(
        self,
        store: Store,
        through_proxy: AzureBackend,
        proxy: Proxy,
        upload: Upload,
        verified: StoredObject,
        source: str,
    ) -> None:
        proxy.disturb(defer, header=COPY)
        with pytest.raises(StorageUnavailable):
            through_proxy.publish(upload, verified)
        again = next_path(upload)
        published = through_proxy.publish(again, verified)
        if source == "replaced":
            store.put(upload.upload_path, BODY[::-1])

        assert proxy.release() == [202 if source == "as it was" else 412]

        with pytest.raises(FileMissing):
            through_proxy.stat(upload.file_path)
        assert_published(store, published, again)

    @pytest.mark.parametrize("step", LATER_STEPS)
    def test_a_later_step(
        self,
        store: Store,
        through_proxy: AzureBackend,
        proxy: Proxy,
        upload: Upload,
        verified: StoredObject,
        step: str,
    ) -> None:
        proxy.disturb(defer, target=step)
        with pytest.raises(StorageUnavailable):
            through_proxy.publish(upload, verified)
        published = through_proxy.publish(upload, verified)

        assert proxy.release() == [412]

        assert_published(store, published, upload)

    @pytest.mark.parametrize(
        ("how", "status"), [({"header": COPY}, 409), ({"target": HEADERS}, 412), ({"target": MARK}, 412)]
    )
    def test_a_second_time(
        self,
        store: Store,
        through_proxy: AzureBackend,
        proxy: Proxy,
        upload: Upload,
        verified: StoredObject,
        how: dict[str, Any],
        status: int,
    ) -> None:
        """A gateway repeats a request by itself"""
        proxy.disturb(duplicate, **how)
        published = through_proxy.publish(upload, verified)

        assert proxy.release() == [status]

        assert_published(store, published, upload)

    def test_the_copy_of_a_call_that_died(
        self, store: Store, through_proxy: AzureBackend, proxy: Proxy, upload: Upload, verified: StoredObject
    ) -> None:
        """Its worker was killed while it replaced the headers, so the progress is lost; then the headers come late"""
        proxy.disturb(defer, target=HEADERS)
        with pytest.raises(StorageUnavailable):
            through_proxy.publish(upload, verified)
        assert through_proxy.find(upload.file_path) is None
        again = replace(upload, file_path=f"{upload.folder}2/notes_20260102.txt", progress={})
        published = through_proxy.publish(again, verified)

        assert proxy.release() == [200]

        assert through_proxy.find(upload.file_path) is None
        assert_published(store, published, again)


class TestRefusals:
    def test_a_deleted_source_is_missing(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject
    ) -> None:
        store.blob(upload.upload_path).delete_blob()

        with pytest.raises(FileMissing):
            backend.publish(upload, verified)

        assert upload.progress == {}

    def test_a_replaced_source_is_not_copied(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject
    ) -> None:
        store.put(upload.upload_path, BODY[::-1])

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}
        assert not store.blob(upload.file_path).exists()

    @pytest.mark.parametrize("body", [BODY + b"1", BODY[::-1], BODY])
    def test_a_blob_at_the_file_path_is_left_alone(
        self, store: Store, backend: AzureBackend, upload: Upload, verified: StoredObject, body: bytes
    ) -> None:
        """Not even one of the right bytes is taken: no other request of fileman writes this path"""
        store.put(upload.file_path, body)
        etag = store.blob(upload.file_path).get_blob_properties().etag

        with pytest.raises(ObjectChanged):
            backend.publish(upload, verified)

        assert upload.progress == {}
        assert store.blob(upload.file_path).get_blob_properties().etag == etag


@pytest.fixture(autouse=True)
def _no_delete(proxy: Proxy, front: Front) -> Iterator[None]:
    """No call of publish deletes anything, whatever goes wrong."""
    yield
    assert {seen.method for seen in proxy.seen} | {seen.method for seen in front.seen} <= {"PUT", "HEAD"}
