"""The tables: made from nothing, taken away again, and nothing forgotten; rows of 0.1 live on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from fileman import deletion_queue, files, uploads
from fileman.backends import get_backend
from fileman.deletion_queue import Worked
from fileman.errors import NotFound, TooManyPending
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.uploads import Outcome, Ticket
from fileman.uploads.instructions import build_upload
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import caller_of, configured, send, start, stored_paths
from tests.uploads.faults import at_once

Insert = Callable[..., Any]
TABLES = {"fileman_file", "fileman_filemanager", "fileman_storagedeletion", "fileman_storageusage"}


def tables() -> set[str]:
    return {name for name in connection.introspection.table_names() if name.startswith("fileman_")}


@pytest.mark.django_db(transaction=True)
def test_migrating_to_nothing_and_back_from_nothing() -> None:
    assert tables() == TABLES
    try:
        call_command("migrate", "fileman", "zero", verbosity=0)
        assert tables() == set()
    finally:
        call_command("migrate", verbosity=0)  # also the app of the tests, which depends on fileman
    assert tables() == TABLES


@pytest.mark.django_db
def test_the_database_holds_every_constraint_and_index_of_the_models() -> None:
    with connection.cursor() as cursor:
        made = {name for table in TABLES for name in connection.introspection.get_constraints(cursor, table)}
    models = apps.get_app_config("fileman").get_models()
    declared = {one.name for model in models for one in (*model._meta.constraints, *model._meta.indexes)}
    assert len(declared) == 31
    assert declared <= made


# Rows of release 0.1

SINGLE: dict[str, Any] = {"strategy": "single", "part_size": 5, "total_parts": 1}
PARTS: dict[str, Any] = {"strategy": "parts", "part_size": 2, "total_parts": 3, "begun": {}}
PATH = "uploads/notes_20261123_00ff.txt"
HELD = "the-random-token-that-a-client-of-0-1-holds"


@pytest.fixture
def insert(user: User, manager: FileManager, transactional_db: None) -> Iterator[Insert]:
    """Insert a row as 0.1 did, into the tables of migration 0001."""
    call_command("migrate", "fileman", "0001", verbosity=0)
    old = MigrationExecutor(connection).loader.project_state([("fileman", "0001_initial")]).apps
    file = {"original_filename": "notes.txt", "filename": PATH.rpartition("/")[2], "file_path": PATH, "file_size": 5}
    file |= {"content_type": "text/plain", "uploaded_by_id": user.pk, "upload_token": HELD, "upload_state": SINGLE}
    file |= {"expires_at": NOW + DAY, "created": NOW, "modified": NOW}
    queued = {"due_at": NOW, "watch_until": NOW, "created": NOW}

    def create(model: str, **values: Any) -> Any:
        defaults = file if model == "File" else queued
        row: Any = old.get_model("fileman", model)(file_manager_id=manager.pk, **{**defaults, **values})
        row.save()
        return row.pk

    yield create
    upgrade()


def upgrade() -> None:
    call_command("migrate", verbosity=0)


def put(manager: FileManager, path: str, data: bytes = b"hello", part: int = 1, **state: Any) -> str:
    """Store what a client of 0.1 has sent, and return its etag."""
    file = File(file_manager=manager, file_size=5, upload_state={**SINGLE, **state}, expires_at=NOW + DAY)
    upload = replace(build_upload(file, now=NOW), upload_path=path)
    stored = get_backend(manager).write(upload, upload.slice(part), BytesIO(data))
    return stored.etag if stored else ""


def refresh(user: User, **key: Any) -> Outcome:
    return uploads.refresh(caller=caller_of(user), now=NOW, **key)


def send_and_finalize(user: User, refreshed: Outcome, token: str) -> bytes:
    """Send the missing slices and return the bytes of the completed file."""
    send(Ticket(index=0, client_ref=None, file=refreshed.file, instructions=refreshed.instructions))
    outcome = uploads.finalize(caller=caller_of(user), upload_token=token, now=NOW)
    assert outcome.error is None
    with outcome.file.open() as stream:
        return stream.read()


def delete_twice(user: User, file_id: UUID) -> None:
    for _ in range(2):
        assert files.delete(caller=caller_of(user), file_id=file_id, now=NOW) == file_id
    assert not File.objects.exists()


def test_a_completed_file_is_read_and_deleted(insert: Insert, user: User, manager: FileManager) -> None:
    file_id = insert("File", upload_status="completed", completed_at=NOW, etag=put(manager, PATH))
    upgrade()
    file = File.objects.get()
    assert (file.file_path, file.token_nonce) == (PATH, "")
    with file.open() as stream:
        assert stream.read() == b"hello"
    delete_twice(user, file_id)
    assert stored_paths(manager) == []


def test_places_have_one_name(insert: Insert, manager: FileManager) -> None:
    names = {"s3:https://a:443/b/": "s3:https://a/b/", "azure:http://a:80/a/b:80/": "azure:http://a/a/b:80/"}
    names |= {"s3:https://s3.eu-west-1.amazonaws.com/b/": "s3:aws/b/", "s3:https://a:8443/": "s3:https://a:8443/"}
    names |= {"gcs:https://storage.googleapis.com:443/b/": "gcs:google/b/", "file:/srv/a": "file:/srv/a"}
    names |= {"s3:https://s3.eusc-de-east-1.amazonaws.eu/b/": "s3:aws/b/"}
    FileManager.objects.bulk_create(FileManager(name=one, location=one, supports_direct_upload=False) for one in names)
    upgrade()
    assert dict(FileManager.objects.exclude(pk=manager.pk).values_list("name", "location")) == names


def test_unfinished_uploads_are_counted_by_the_next_one(insert: Insert, user: User) -> None:
    for token in ("one", "another"):
        insert("File", upload_token=token, file_path=token)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO fileman_storageusage (user_id, bytes) VALUES (%s, 10)", [user.pk])
    upgrade()
    with configured(MAX_PENDING_UPLOADS=3):
        start(user)
        with pytest.raises(TooManyPending):
            start(user)
    assert StorageUsage.objects.values_list("bytes", "pending").get() == (15, 3)


@pytest.mark.parametrize("in_parts", [False, True], ids=["one request", "parts"])
def test_a_client_goes_on_with_its_token(insert: Insert, user: User, manager: FileManager, in_parts: bool) -> None:
    """In parts, the first of which was sent before the upgrade."""
    file_id = insert("File", upload_state=PARTS if in_parts else SINGLE)
    if in_parts:
        put(manager, f".uploads/{manager.pk}/{file_id}", b"he", **PARTS)
    upgrade()
    refreshed = refresh(user, upload_token=HELD)
    assert (refreshed.file.pk, refreshed.upload_token) == (file_id, None)
    assert refreshed.instructions is not None
    assert [request.slice.part_number for request in refreshed.instructions.requests] == ([2, 3] if in_parts else [1])
    assert send_and_finalize(user, refreshed, HELD) == b"hello"


def test_a_refresh_by_id_replaces_the_random_token(insert: Insert, user: User, manager: FileManager) -> None:
    """One token to twenty at once."""
    file_id = insert("File")
    upgrade()
    answers = at_once(20, lambda _: refresh(User.objects.get(pk=user.pk), file_id=file_id).upload_token)
    (token,) = set(answers)
    assert isinstance(token, str)
    with pytest.raises(NotFound):
        refresh(user, upload_token=HELD)
    assert send_and_finalize(user, refresh(user, upload_token=token), token) == b"hello"


def test_the_deletion_queue_is_worked(insert: Insert, user: User, manager: FileManager) -> None:
    """Its rows name no file. The upload that has failed can be deleted, and again."""
    file_id = insert("File", upload_status="failed", failure_reason="The size is another.")
    upload_path = f".uploads/{manager.pk}/{file_id}"
    for path in (upload_path, PATH):
        put(manager, path)
        insert("StorageDeletion", path=path)
    upgrade()
    assert {(row.file_id, row.requested_by) for row in StorageDeletion.objects.all()} == {(None, None)}
    delete_twice(user, file_id)
    assert deletion_queue.work(now=NOW) == Worked(deleted=2)
    assert stored_paths(manager) == []
    assert list(StorageDeletion.objects.values_list("path", "file_id")) == [(upload_path, file_id)]
