"""What finalize asks of the stored object: facts that a storage may report, whatever the client has done to it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from fileman import files, uploads
from fileman.backends import get_backend
from fileman.backends.values import StoredObject, Upload
from fileman.checksums import HEX_DIGITS
from fileman.errors import ContentTypeMismatch, ObjectChanged, UploadFailed
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket
from fileman.uploads.instructions import build_upload
from fileman.validation import content_types
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, code_of, configured, file_of, finish, overwrite, refresh, send, start
from tests.uploads.faults import at_first, note_calls

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
OTHER = PNG[:-1] + b"x"
Report = Callable[..., None]


@pytest.fixture
def sent(user: User, manager: FileManager) -> Ticket:
    """A picture whose bytes have arrived."""
    ticket = start(user, PNG, "picture.png")
    send(ticket, PNG)
    return ticket


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """Let the storage say this of every object that it is asked for."""
    stat, assemble = MemoryBackend.stat, MemoryBackend.assemble

    def change(**facts: Any) -> None:
        monkeypatch.setattr(MemoryBackend, "stat", lambda self, path: replace(stat(self, path), **facts))
        monkeypatch.setattr(MemoryBackend, "assemble", lambda self, upload: replace(assemble(self, upload), **facts))

    return change


OTHER_TYPES = [{"content_type": "text/html"}, {"content_type": "image/jpeg"}]


@pytest.mark.parametrize("facts", [{"content_encoding": "gzip"}, *OTHER_TYPES, {"irregular": "it is an append blob"}])
def test_an_object_of_another_form_than_granted_fails(user: User, sent: Ticket, report: Report, facts: Any) -> None:
    report(**facts)
    assert code_of(finish(user, sent)) == "CONTENT_TYPE_MISMATCH"
    failed = file_of(sent)
    assert (failed.upload_status, failed.etag) == ("failed", "")
    assert failed.file_path is None
    assert list(StorageDeletion.objects.values_list("path", flat=True)) == [failed.upload_path]


@pytest.mark.parametrize("content_type", ["", "image/png", "IMAGE/PNG", "image/x-png"])
def test_another_spelling_of_the_type_is_the_same(user: User, sent: Ticket, report: Report, content_type: str) -> None:
    report(content_type=content_type)
    assert finish(user, sent).error is None


@configured(SINGLE_REQUEST_MAX_BYTES=64, PART_SIZE_BYTES=64)
@pytest.mark.parametrize("known", [("md5",), ("md5", "crc32c"), ("md5", "crc32c", "sha256")], ids=lambda all_: all_[-1])
def test_the_strongest_checksum_that_the_storage_computed_is_recorded(
    user: User, manager: FileManager, report: Report, known: tuple[str, ...]
) -> None:
    ticket = start(user, PNG, "picture.png")
    send(ticket, PNG)
    report(checksums={algorithm: "0" * HEX_DIGITS[algorithm] for algorithm in known})
    assert finish(user, ticket).error is None
    assert file_of(ticket).checksum.partition(":")[0] == known[-1]


@pytest.mark.parametrize("facts", [{"size": 1}, {"checksums": {"sha256": "0" * 64}}, {"content_encoding": "gzip"}])
def test_a_published_copy_that_differs_is_not_completed(
    user: User, sent: Ticket, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> None:
    """The storage copied something else. The upload is given back; the next call looks again."""
    publish = MemoryBackend.publish

    def differ(self: MemoryBackend, upload: Upload, verified: StoredObject) -> StoredObject:
        return replace(publish(self, upload, verified), **facts)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryBackend, "publish", differ)
        assert code_of(finish(user, sent)) == "STORAGE_UNAVAILABLE"
    row = file_of(sent)
    assert (row.upload_status, row.lease_until, row.etag) == ("pending", None, "")
    assert finish(user, sent).error is None


@pytest.mark.parametrize("claims", [{}, {"checksum": "md5:" + "0" * 32}], ids=["first bytes", "checksum"])
def test_an_object_swapped_between_look_and_read_is_not_read(user: User, sent: Ticket, claims: dict[str, Any]) -> None:
    """Reads are pinned, so nothing is judged by the bytes of another object, and nothing is published."""
    at_first("read", "before", lambda: overwrite(file_of(sent), file_of(sent).upload_path, OTHER))
    published = note_calls("publish")
    outcome = finish(user, sent, **claims)
    assert code_of(outcome) == "STORAGE_UNAVAILABLE"
    assert outcome.file.upload_status == File.PENDING
    assert published == []


def test_a_checksum_computed_on_the_way_counts_for_those_bytes_alone(user: User, local_manager: FileManager) -> None:
    ticket = start(user, PNG, "picture.png", checksum=f"sha256:{hashlib.sha256(PNG).hexdigest()}")
    send(ticket, PNG)
    overwrite(file_of(ticket), file_of(ticket).upload_path, OTHER)
    assert code_of(finish(user, ticket)) == "CHECKSUM_MISMATCH"
    assert file_of(ticket).upload_status == "failed"


def test_a_download_never_mixes_two_objects(user: User, sent: Ticket) -> None:
    file = finish(user, sent).file
    url = files.download_url(caller=caller_of(user), file=file, now=timezone.now())
    assert url is not None
    at_first("stat", "after", lambda: overwrite(file, file.stored_path, OTHER))
    response: Any = Client().get(url)
    assert response.streaming
    with pytest.raises(ObjectChanged):
        b"".join(response)


WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(100)


@pytest.mark.parametrize(
    ("filename", "declared_type", "data", "lists", "recorded"),
    [
        ("photo.jpg", "image/jpeg", WEBP, {}, "image/webp"),
        ("photo.jpg", "", WEBP, {"allowed_mime_types": ["image/*"]}, "image/webp"),
        ("photo.jpg", "image/jpeg", WEBP, {"allowed_mime_types": ["image/jpeg"]}, None),
        ("photo.jpg", "image/jpeg", WEBP, {"allowed_extensions": ["jpg", "webp"]}, "image/webp"),
        ("photo", "", WEBP, {}, "image/webp"),
        ("photo", "application/octet-stream", WEBP, {"allowed_mime_types": ["application/octet-stream"]}, "unknown"),
        ("page.png", "application/octet-stream", b"<html><script>", {"allowed_extensions": ["png"]}, None),
    ],
)
def test_the_true_type_is_recorded_and_stored_or_named_in_the_refusal(
    user: User, manager: FileManager, filename: str, declared_type: str, data: bytes, lists: Any, recorded: str | None
) -> None:
    FileManager.objects.filter(pk=manager.pk).update(**lists)
    ticket = start(user, data, filename, content_type=declared_type)
    send(ticket, data)
    outcome = finish(user, ticket)
    file = file_of(ticket)
    if recorded is None:
        assert code_of(outcome) == "CONTENT_TYPE_MISMATCH"
        assert file.upload_status == "failed"
        assert content_types.detect(data) in file.failure_reason
        return
    stored = get_backend(manager).stat(file.stored_path)
    assert file.content_type == stored.content_type == recorded.replace("unknown", "application/octet-stream")
    assert file.detected_content_type == content_types.detect(data)


@configured(SINGLE_REQUEST_MAX_BYTES=10, PART_SIZE_BYTES=5000)
@pytest.mark.parametrize("head", [b"<html><script>", b"MZ\x90\0", WEBP[:8]], ids=["page", "program", "nothing"])
def test_the_first_part_is_looked_at_when_it_arrives(user: User, local_manager: FileManager, head: bytes) -> None:
    """The upload fails then, and takes no more. Other parts may begin as they like."""
    data = PNG + bytes(10_000)
    ticket = start(user, data, "picture.png")
    first, second = build_upload(file_of(ticket), now=NOW).slice(1), build_upload(file_of(ticket), now=NOW).slice(2)
    receive = partial(uploads.receive, file_id=file_of(ticket).pk, now=NOW)
    receive(part=second, stream=BytesIO(head + bytes(5000)))
    with pytest.raises(ContentTypeMismatch):
        receive(part=first, stream=BytesIO(head + bytes(5000)))
    failed = file_of(ticket)
    assert (failed.upload_status, failed.tries, failed.attempt_id) == ("failed", 0, None)
    assert "declared as image/png" in failed.failure_reason
    assert code_of(refresh(user, ticket)) == "UPLOAD_FAILED"
    with pytest.raises(UploadFailed):
        receive(part=first, stream=BytesIO(data))
    assert failed.upload_path in StorageDeletion.objects.values_list("path", flat=True)
