"""Rows of a host project that point to files, and rows of files that Django itself deletes."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from strawberry.relay import to_base64 as global_id

from fileman import cleanup, files
from fileman.checks import check_foreign_keys
from fileman.errors import FileInUse
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket, transitions
from tests.api import DELETE, Api, error
from tests.shop.models import Comment, Invoice, Profile, Receipt
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, file_of, finish, send, start, stored_paths, upload, used_bytes
from tests.uploads.faults import break_storage, overtaken

pytestmark = pytest.mark.django_db(transaction=True)
PROTECTING = [(Invoice, "scan"), (Receipt, "scan")]


def published(manager: FileManager) -> list[str]:
    return [path for path in stored_paths(manager) if path.startswith("uploads/")]


@pytest.mark.parametrize(("model", "field"), PROTECTING)
def test_a_protected_file_is_in_use(api: Api, user: User, manager: FileManager, model: Any, field: str) -> None:
    file = upload(user)
    model.objects.create(**{field: file})

    payload = api.call(DELETE, {"input": {"id": global_id("File", file.pk)}})["deleteFile"]

    refusal = error("FILE_IN_USE", FileInUse.message)
    assert payload == {"success": False, "deletedFileId": None, "errors": [refusal]}
    assert (published(manager), used_bytes(user)) == ([file.file_path], 5)
    assert not StorageDeletion.objects.filter(path=file.file_path).exists()


@pytest.mark.parametrize("is_completed", [True, False], ids=["completed", "ended"])
def test_a_file_put_into_use_while_it_is_deleted_stays(user: User, manager: FileManager, is_completed: bool) -> None:
    """The row that protects it is written after Django has looked for such rows; the database refuses at the commit."""
    ticket = start(user)
    if is_completed:
        send(ticket)
        finish(user, ticket)
    else:
        transitions.abort(file_of(ticket), now=NOW)
    file, before = file_of(ticket), used_bytes(user)

    attach = partial(Invoice.objects.create, scan=file)
    with overtaken(attach, at='DELETE FROM "fileman_file"'), pytest.raises(FileInUse):
        files.delete(caller=caller_of(user), file_id=file.pk, now=NOW)

    assert (File.objects.get(), used_bytes(user)) == (file, before)
    assert published(manager) == ([file.file_path] if is_completed else [])


@pytest.mark.parametrize(("model", "field"), PROTECTING)
def test_cleanup_passes_over_a_row_in_use(
    user: User, manager: FileManager, model: Any, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, removed = start(user), start(user)
    for ticket in (kept, removed):
        transitions.abort(file_of(ticket), now=NOW)
    model.objects.create(**{field: file_of(kept)})

    call_command("cleanup_expired_uploads", "--hours", "0")

    assert capsys.readouterr().out.endswith("0 failed, 1 in use.\n")
    assert [file.pk for file in File.objects.all()] == [file_of(kept).pk]


def test_a_cascading_foreign_key_is_named_by_a_check() -> None:
    warnings = {(warning.id, warning.msg) for warning in check_foreign_keys()}

    fields = ["shop.Comment.attachment", "shop.Cascading.file"]
    assert warnings == {("fileman.W001", f"Deleting a file deletes rows of {field}.") for field in fields}


@pytest.mark.parametrize("delete", [lambda file: file.delete(), lambda file: File.objects.filter(pk=file.pk).delete()])
def test_a_completed_row_that_django_deletes_takes_its_object_and_its_quota_along(
    user: User, manager: FileManager, delete: Callable[[File], None]
) -> None:
    file, other = upload(user), upload(user, b"another")
    Comment.objects.create(attachment=file)
    Profile.objects.create(picture=file)

    delete(file)

    assert published(manager) == [other.file_path]
    assert used_bytes(user) == 7
    assert (Comment.objects.count(), Profile.objects.get().picture) == (0, None)


def test_an_unfinished_row_that_django_deletes_is_aborted(user: User, manager: FileManager, sent: Ticket) -> None:
    file_of(sent).delete()

    assert (stored_paths(manager), used_bytes(user)) == ([], 0)


def test_a_row_that_ended_before_is_counted_once(user: User, manager: FileManager) -> None:
    upload(user, b"kept")
    ticket = start(user)
    transitions.abort(file_of(ticket), now=NOW)

    file_of(ticket).delete()

    assert used_bytes(user) == 4


def test_a_deletion_that_is_rolled_back_changes_nothing(user: User, manager: FileManager) -> None:
    file = upload(user)

    with transaction.atomic():
        file.delete()
        transaction.set_rollback(True)

    assert (published(manager), used_bytes(user)) == ([file.file_path], 5)
    assert not StorageDeletion.objects.filter(path=file.file_path).exists()


def test_an_object_that_cannot_be_deleted_now_is_left_to_cleanup(user: User, manager: FileManager) -> None:
    """The injected fault: the storage is out of order while Django deletes the row."""
    file = upload(user)
    break_storage()
    file.delete()
    MemoryBackend.faults.clear()

    assert published(manager) == [file.file_path]
    cleanup.run(cleanup.Request(), now=NOW + timedelta(days=3650))
    assert stored_paths(manager) == []


class TestOwnerless:
    def test_files_of_a_deleted_user_stay_and_get_an_owner(
        self, user: User, other_user: User, manager: FileManager, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file, pending = upload(user), file_of(start(user, b"pending"))
        user.delete()

        call_command("cleanup_expired_uploads", "--dry-run", "--assign-ownerless", "bob")
        assert capsys.readouterr().out.startswith("Would assign 2 files to bob.\n")
        assert set(File.objects.values_list("uploaded_by", flat=True)) == {None}
        call_command("cleanup_expired_uploads", "--assign-ownerless", "bob")

        assert capsys.readouterr().out.startswith("Assigned 2 files to bob.\n")
        owners = dict(File.objects.values_list("pk", "uploaded_by"))
        assert owners == {file.pk: other_user.pk, pending.pk: other_user.pk}
        assert used_bytes(other_user) == 5  # the pending upload was overdue and expired in the same run
        assert files.find(caller_of(other_user), file.pk) == file

    def test_an_unknown_user_changes_nothing(self, user: User, manager: FileManager) -> None:
        upload(user)
        user.delete()

        with pytest.raises(CommandError, match="No user is named 'nobody'"):
            call_command("cleanup_expired_uploads", "--assign-ownerless", "nobody")

        assert File.objects.get().uploaded_by is None

    def test_keys_of_idempotency_do_not_meet(self, user: User, other_user: User, manager: FileManager) -> None:
        for owner in (user, other_user):
            start(owner)
        File.objects.update(idempotency_digest="same")
        user.delete()

        assert cleanup.assign_ownerless(other_user, now=NOW) == 1
