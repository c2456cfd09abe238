"""Reconcile: objects without a row and rows without an object are found, and nothing else is touched."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from fileman import cleanup
from fileman.backends import get_backend
from fileman.models import File, FileManager, StorageDeletion
from tests.management.test_cleanup_command import run
from tests.uploads.clock import NOW
from tests.uploads.driver import file_of, finish, overwrite, send, start, stored_paths, upload
from tests.uploads.faults import break_storage

MUCH_LATER = timezone.now() + timedelta(days=9)
"""The memory backend dates its objects by the real clock."""


def put(manager: FileManager, path: str) -> str:
    """Write five bytes at any path."""
    overwrite(File.objects.filter(file_manager=manager).earliest("created"), path, b"hello")
    return path


_TRIES = count(2)
KINDS: dict[str, Callable[[FileManager, File], str]] = {
    "an upload without row": lambda manager, _: f".uploads/{manager.pk}/{uuid4()}",
    "a file without row": lambda *_: f"uploads/{uuid4()}/1/a.txt",
    "a file of the former version without row": lambda *_: f"uploads/a_20260101_{uuid4().hex}.txt",
    "a copy that came late": lambda _, file: f"{file.folder}{next(_TRIES)}/a.txt",
    "an upload that was written again": lambda manager, file: f".uploads/{manager.pk}/{file.pk}",
}


@pytest.fixture
def kept(user: User, manager: FileManager) -> list[str]:
    """What must stay: a file, one of the former version, an upload that is sent, and a queued object."""
    file, old = upload(user), upload(user)
    path = put(manager, "uploads/old_20260101_0123456789abcdef.txt")
    get_backend(manager).delete([old.stored_path])
    File.objects.filter(pk=old.pk).update(file_path=path, etag=get_backend(manager).stat(path).etag)
    sent = start(user)
    send(sent)
    StorageDeletion.objects.all().delete()
    for done in (file, old):
        get_backend(manager).delete([done.upload_path])
    queued = put(manager, f"uploads/{uuid4()}/1/queued.txt")
    StorageDeletion.objects.create(file_manager=manager, path=queued, due_at=NOW, watch_until=NOW, created=NOW)
    return sorted([file.stored_path, path, file_of(sent).upload_path, queued])


@pytest.mark.parametrize("kind", KINDS)
def test_ten_orphans_of_each_kind_are_found_and_nothing_else_is_touched(
    user: User, manager: FileManager, kept: list[str], kind: str
) -> None:
    completed = list(File.objects.filter(upload_status="completed"))
    if kind == "an upload that was written again":
        completed += [upload(user) for _ in range(9)]
        StorageDeletion.objects.exclude(path__in=kept).delete()
        for file in completed:
            get_backend(manager).delete([file.upload_path])
        kept = sorted({*kept, *(file.stored_path for file in completed[2:])})
        completed = completed[:1] + completed[2:]
    orphans = sorted({put(manager, KINDS[kind](manager, completed[n % len(completed)])) for n in range(10)})
    found: list[str] = []

    findings = cleanup.reconcile(manager, now=MUCH_LATER, on_orphan=lambda stored: found.append(stored.path))

    assert sorted(found) == orphans
    assert (findings.orphans, findings.orphan_bytes, findings.lost) == (len(orphans), 5 * len(orphans), 0)
    assert stored_paths(manager) == sorted([*kept, *orphans])
    assert StorageDeletion.objects.count() == 1
    cleanup.reconcile(manager, apply=True, now=MUCH_LATER)
    cleanup.run(cleanup.Request(statuses=()), now=MUCH_LATER)
    assert stored_paths(manager) == [path for path in kept if "queued" not in path]


def test_young_objects_are_left_alone(user: User, manager: FileManager) -> None:
    upload(user)
    put(manager, f"uploads/{uuid4()}/1/a.txt")

    assert cleanup.reconcile(manager, now=timezone.now() + timedelta(days=7)).orphans == 0


def test_files_that_have_lost_their_object_are_named(user: User, manager: FileManager) -> None:
    files = [upload(user) for _ in range(3)]
    get_backend(manager).delete([files[1].stored_path])
    lost: list[File] = []
    compared: list[int] = []

    findings = cleanup.reconcile(manager, now=MUCH_LATER, on_lost=lost.append, on_compared=compared.append)

    assert (findings.lost, [file.pk for file in lost]) == (1, [files[1].pk])
    assert File.objects.count() == 3
    assert sum(compared) == len(stored_paths(manager)) + 3


def test_the_command_compares_storages(manager: FileManager, kept: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that does not respond is named, and the others are compared."""
    monkeypatch.setattr("fileman.cleanup._reconcile.MINIMUM_AGE", timedelta(0))
    path = put(manager, f"uploads/{uuid4()}/1/orphan.txt")

    listed = run("--reconcile", "--verbose")
    assert f"  no row: {path} (5 bytes)\n" in listed
    assert f"{manager.name}: 1 objects (5 bytes) that no row knows, to delete with --apply; 0 files" in listed
    assert path in stored_paths(manager)

    assert "1 objects (5 bytes) that no row knows, queued for deletion" in run("--reconcile", "--apply")
    assert path not in stored_paths(manager)

    break_storage()
    with pytest.raises(CommandError, match="1 file managers could not be compared"):
        run("--reconcile")


def test_the_command_names_files_that_have_lost_their_object(
    user: User, manager: FileManager, capsys: pytest.CaptureFixture[str]
) -> None:
    file = upload(user)
    get_backend(manager).delete([file.stored_path])

    with pytest.raises(CommandError, match="1 files have lost their object"):
        call_command("cleanup_expired_uploads", "--reconcile")

    assert f"  no object: {file.pk} completed" in capsys.readouterr().out


def test_apply_is_only_for_reconcile() -> None:
    with pytest.raises(CommandError, match="--apply belongs to --reconcile"):
        run("--apply")


# A storage that is gone


def test_a_storage_that_is_gone_can_be_given_up_without_asking_it(user: User, manager: FileManager) -> None:
    """Completed, unfinished and ended uploads, and the queue; the quota is free and the manager can be deleted."""
    gone = FileManager.objects.create(name="Gone", backend_type="memory")
    stays = upload(user)
    ticket = start(user, into=gone)
    send(ticket)
    completed = finish(user, ticket).file
    pending = file_of(start(user, into=gone))
    FileManager.objects.filter(pk=gone.pk).update(is_active=False, backend_type="removed")

    dry = run("--give-up", "Gone", "--dry-run")
    assert File.objects.filter(file_manager=gone).count() == 2
    text = run("--give-up", "Gone")

    assert f"  lost: {completed.pk} completed notes.txt (5 bytes)\n" in text
    assert f"  lost: {pending.pk} pending notes.txt (5 bytes)\n" in text
    assert dry.endswith("Would delete the rows of 2 files (5 bytes) and of 1 queued objects; 0 in use.\n")
    assert text.endswith("Deleted the rows of 2 files (5 bytes) and of 1 queued objects; 0 in use.\n")
    assert list(File.objects.values_list("pk", flat=True)) == [stays.pk]
    gone.refresh_from_db()
    gone.delete()


@pytest.mark.parametrize(("name", "problem"), [("Memory", "is active"), ("nobody", "0 file managers are named")])
def test_no_active_or_unknown_manager_is_given_up(user: User, manager: FileManager, name: str, problem: str) -> None:
    upload(user)

    with pytest.raises(CommandError, match=problem):
        run("--give-up", name)

    assert File.objects.count() == 1
