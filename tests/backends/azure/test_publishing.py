"""Publishing: copies that are slow, break off or are carried out late. Nothing is deleted, nothing is overwritten."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from fileman import errors
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject, Upload
from tests.backends.azure.stores import BODY, Store, make_upload, refuse
from tests.backends.uploads import next_try
from tests.servers.proxy import Fault, Proxy, alter, answer_with, cut, lose, reset

BY_UPLOADER = {
    "x-ms-blob-cache-control": "public",
    "x-ms-blob-content-disposition": "inline",
    "x-ms-blob-content-language": "de",
    "x-ms-meta-own": "1",
}
COPY, HEADERS, MARK = "x-ms-copy-source", "comp=properties", "comp=metadata"
LATER_STEPS = [HEADERS, MARK]
PENDING = {"x-ms-copy-status": "pending", "x-ms-copy-progress": f"5/{len(BODY)}"}


class Case:
    """A stored upload, and a backend behind the proxy."""

    def __init__(self, store: Store, proxy: Proxy) -> None:
        self.store, self.proxy = store, proxy
        self.backend = store.backend(endpoint=proxy.url)
        self.upload = make_upload(self.backend)
        store.put(self.upload.upload_path, BODY, BY_UPLOADER)
        self.verified = store.backend().stat(self.upload.upload_path)

    def assert_published(self, published: StoredObject, upload: Upload) -> None:
        """The file has the verified bytes, and nothing else of the uploader's than them."""
        blob = self.store.blob(upload.file_path)
        found = blob.get_blob_properties()
        headers = {name: value for name, value in dict(found.content_settings).items() if value}
        assert (published.path, published.etag) == (upload.file_path, found.etag.strip('"'))
        expected = {"content_type": "text/plain", "content_disposition": upload.content_disposition}
        assert (headers, found.metadata) == (expected, {})
        assert blob.download_blob().readall() == BODY


@pytest.fixture
def case(store: Store, proxy: Proxy) -> Iterator[Case]:
    """No call of publish deletes anything, whatever goes wrong."""
    yield Case(store, proxy)
    assert {seen.method for seen in proxy.seen} <= {"PUT", "HEAD"}


def at(step: str) -> dict[str, Any]:
    """Return how the proxy finds the request of a step."""
    return {"header": COPY} if step == COPY else {"target": step}


def sent(proxy: Proxy) -> list[str]:
    """Return what each request did, in order."""
    copies = [any(name.lower() == COPY for name, _ in seen.headers) for seen in proxy.seen]
    others = [seen.target.partition("comp=")[2] or seen.method for seen in proxy.seen]
    return ["copy" if is_copy else other for is_copy, other in zip(copies, others, strict=True)]


def etag(store: Store, path: str) -> str | None:
    blob = store.blob(path)
    return str(blob.get_blob_properties().etag) if blob.exists() else None


class TestSteps:
    def test_each_call_takes_a_step_though_one_request_fits_into_it(self, case: Case) -> None:
        """A copy is no file before the last step: it would have headers or metadata of the uploader's"""
        steps = []
        for number in range(3):
            with time_limit(0), pytest.raises(errors.OutOfTime):
                case.backend.publish(case.upload, case.verified)
            steps.append((case.upload.progress["next"], len(case.proxy.seen)))
            assert case.store.blob(case.upload.file_path).exists()
            assert (case.store.backend().find(case.upload.file_path) is None) is (number < 2)
        with time_limit(0):
            published = case.backend.publish(case.upload, case.verified)

        assert steps == [("headers", 1), ("mark", 2), ("", 3)]
        assert sent(case.proxy) == ["copy", "properties", "metadata", "HEAD"]
        copy, headers, mark, _ = (dict(seen.headers) for seen in case.proxy.seen)
        assert (copy["x-ms-source-if-match"], copy["If-None-Match"]) == (f'"{case.verified.etag}"', "*")
        assert headers["If-Match"] != mark["If-Match"]
        case.assert_published(published, case.upload)

    def test_checksums_of_the_verified_object_are_those_of_the_pinned_copy(self, case: Case) -> None:
        known = replace(case.verified, checksums={"sha256": "0" * 64})

        assert case.backend.publish(case.upload, known).checksums == {"sha256": "0" * 64}


class TestSlowCopies:
    @pytest.fixture(autouse=True)
    def _pending(self, case: Case) -> None:
        """The copy goes on after its response."""
        case.proxy.disturb(alter(PENDING), header=COPY)

    @pytest.mark.parametrize("hidden", [(), ("x-ms-meta-fileman_unpublished",)], ids=["marked at once", "at its end"])
    def test_a_slow_copy_is_awaited_over_calls(self, case: Case, hidden: tuple[str, ...]) -> None:
        """Until it is finished there is no file, whenever Azure shows its metadata"""
        case.proxy.disturb(alter(PENDING, hidden=hidden), method="HEAD", times=None)
        for error in (errors.OutOfTime, errors.UploadInProgress, errors.UploadInProgress):
            with time_limit(0), pytest.raises(error):
                case.backend.publish(case.upload, case.verified)
            assert case.upload.progress["copy"] == case.store.blob(case.upload.file_path).get_blob_properties().copy.id
            with pytest.raises(errors.FileMissing):
                case.backend.stat(case.upload.file_path)
        case.proxy.calm()

        case.assert_published(case.backend.publish(case.upload, case.verified), case.upload)
        assert sent(case.proxy).count("copy") == 1

    def test_a_copy_is_awaited_within_the_time_limit(self, case: Case) -> None:
        case.proxy.disturb(alter(PENDING), method="HEAD", times=2)

        with time_limit(20):
            published = case.backend.publish(case.upload, case.verified)

        case.assert_published(published, case.upload)

    @pytest.mark.parametrize("status", ["failed", "aborted"])
    def test_after_a_failed_copy_the_next_call_has_another_path(self, case: Case, status: str) -> None:
        failed = re.escape(case.upload.file_path)
        case.proxy.disturb(alter({"x-ms-copy-status": status}), method="HEAD", target=failed, times=None)

        with pytest.raises(errors.StorageUnavailable):
            case.backend.publish(case.upload, case.verified)

        with pytest.raises(errors.FileMissing):
            case.backend.stat(case.upload.file_path)
        again = next_try(case.upload)
        case.assert_published(case.backend.publish(again, case.verified), again)

    def test_a_copy_that_was_deleted_is_made_again_at_another_path(self, case: Case) -> None:
        with time_limit(0), pytest.raises(errors.OutOfTime):
            case.backend.publish(case.upload, case.verified)
        case.store.blob(case.upload.file_path).delete_blob()

        with pytest.raises(errors.ObjectChanged):
            case.backend.publish(case.upload, case.verified)

        again = next_try(case.upload)
        case.assert_published(case.backend.publish(again, case.verified), again)


@pytest.fixture(params=[lose, reset, cut("status"), cut("headers"), answer_with(500, after_effect=True)])
def breaking(request: pytest.FixtureRequest) -> Fault:
    """The response is lost; after most of these faults Azure has carried the request out."""
    fault: Fault = request.param
    return fault


class TestLostResponses:
    @pytest.mark.parametrize("step", [COPY, *LATER_STEPS])
    def test_a_copy_is_not_repeated_and_a_later_step_is_looked_at(self, case: Case, breaking: Fault, step: str) -> None:
        """After the copy, the next call has another path"""
        case.proxy.disturb(breaking, **at(step))
        with pytest.raises(errors.StorageUnavailable):
            case.backend.publish(case.upload, case.verified)
        before = sent(case.proxy)
        again = next_try(case.upload) if step == COPY else case.upload

        published = case.backend.publish(again, case.verified)

        assert (before.count("copy"), sent(case.proxy)[len(before)]) == (1, "copy" if step == COPY else "HEAD")
        case.assert_published(published, again)

    @pytest.mark.parametrize("step", LATER_STEPS)
    def test_azure_forgets_the_copy_at_once(self, case: Case, step: str) -> None:
        """Azure shows no x-ms-copy-* of a blob whose headers were replaced; Azurite does"""
        case.proxy.disturb(refuse(403, after=True), target=step)
        with pytest.raises(errors.StorageMisconfigured):
            case.backend.publish(case.upload, case.verified)
        forgotten = {"x-ms-copy-id", "x-ms-copy-source", "x-ms-copy-status", "x-ms-copy-progress"}
        case.proxy.disturb(alter(hidden=forgotten), method="HEAD", times=None)

        case.assert_published(case.backend.publish(case.upload, case.verified), case.upload)


@pytest.mark.parametrize(
    ("source", "target", "error"),
    [
        (None, None, errors.FileMissing),
        (BODY[::-1], None, errors.ObjectChanged),
        # Not even a blob of the right bytes is taken: no other request of fileman writes this path.
        *[(BODY, body, errors.ObjectChanged) for body in (BODY + b"1", BODY[::-1], BODY)],
    ],
    ids=["source deleted", "source replaced", "longer target", "other target", "same target"],
)
def test_nothing_but_the_verified_source_is_copied_and_no_target_is_replaced(
    case: Case, source: bytes | None, target: bytes | None, error: type[Exception]
) -> None:
    if source is None:
        case.store.blob(case.upload.upload_path).delete_blob()
    elif source != BODY:
        case.store.put(case.upload.upload_path, source)
    if target is not None:
        case.store.put(case.upload.file_path, target)
    before = etag(case.store, case.upload.file_path)

    with pytest.raises(error):
        case.backend.publish(case.upload, case.verified)

    assert case.upload.progress == {}
    assert etag(case.store, case.upload.file_path) == before
