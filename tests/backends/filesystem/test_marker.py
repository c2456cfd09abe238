"""The marker: a file is believed to be absent only where the disk is known to be mounted."""

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fileman import cleanup, files
from fileman.backends import get_backend
from fileman.backends.filesystem.entries import MARKER
from fileman.diagnosis.subjects import diagnose_manager
from fileman.models import File, FileManager, StorageDeletion
from tests.backends.filesystem.devices import mounted
from tests.backends.filesystem.folder import files_below
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, upload

FOLDERS = ("uploads", ".uploads")


@pytest.fixture
def disk(root: Path, db: None) -> FileManager:
    settings = {"base_path": str(root)}
    return FileManager.objects.create(name="Disk", backend_type="file", settings=settings, is_default=True)


def markers(root: Path) -> list[str]:
    return [folder for folder in FOLDERS if (root / folder / MARKER).exists()]


def unmark(root: Path) -> None:
    """Make it the folder of a version without markers."""
    for folder in FOLDERS:
        (root / folder / MARKER).unlink()


def unmount(root: Path) -> None:
    """Leave the empty folder in its place."""
    root.rename(root.parent / "unmounted")
    root.mkdir()


def mount(root: Path) -> None:
    root.rmdir() if not any(root.iterdir()) else root.rename(root.parent / "mount point")
    (root.parent / "unmounted").rename(root)


def clean_up(days: int) -> int:
    """Return the number of failures."""
    return cleanup.run(cleanup.Request(older_than=timedelta(0)), now=NOW + timedelta(days=days)).failed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", ["first", "second"])
def test_on_an_unmounted_disk_nothing_counts_as_deleted(user: User, disk: FileManager, root: Path, look: str) -> None:
    """Neither when the file is deleted, nor at the second look a day later, when a late request has written again."""
    file = upload(user)
    content = (root / file.stored_path).read_bytes()
    if look == "first":
        unmount(root)
    files.delete(caller=caller_of(user), file_id=file.pk, now=NOW)
    if look == "second":
        (root / file.stored_path).parent.mkdir(parents=True)
        (root / file.stored_path).write_bytes(content)
        unmount(root)

    assert clean_up(days=2) == 2
    rows = StorageDeletion.objects.all()
    assert [f"There is no file {MARKER} in {root}/" in row.last_error for row in rows] == [True, True]
    assert (len(diagnose_manager(disk)), markers(root)) == (1, [])

    mount(root)
    assert clean_up(days=4) == 0
    assert not rows.all().exists()
    assert files_below(root) == []


@pytest.mark.django_db(transaction=True)
def test_one_of_two_disks_that_is_not_mounted_is_noticed(user: User, disk: FileManager, root: Path) -> None:
    file = upload(user)
    with mounted(root / "uploads"):
        files.delete(caller=caller_of(user), file_id=file.pk, now=NOW)

        assert clean_up(days=2) == 1
        assert StorageDeletion.objects.get().path == file.stored_path

    assert clean_up(days=4) == 0
    assert files_below(root) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("marks", [FileManager.save, diagnose_manager], ids=["save", "doctor"])
def test_a_folder_of_an_earlier_version_works_and_is_marked_by_hand(
    user: User, disk: FileManager, root: Path, marks: Callable[[FileManager], object]
) -> None:
    """Uploads and deletions mark nothing: they would do so in the empty folder of an unmounted disk too."""
    kept, file = upload(user), upload(user)
    unmark(root)
    upload(user)

    files.delete(caller=caller_of(user), file_id=file.pk, now=NOW)
    assert not (root / file.stored_path).exists()
    assert clean_up(days=2) > 0
    assert StorageDeletion.objects.filter(path=file.stored_path).exists()
    assert markers(root) == []

    assert not marks(disk)
    assert markers(root) == list(FOLDERS)
    assert clean_up(days=4) == 0
    assert not StorageDeletion.objects.exists()
    assert (root / kept.stored_path).exists()


@pytest.mark.parametrize("marked_before", [True, False])
def test_an_unmounted_disk_is_not_marked(
    user: User, disk: FileManager, root: Path, marked_before: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor by a new file manager for the same folder, nor after uploads into the empty folder."""
    upload(user)
    if not marked_before:
        unmark(root)
    unmount(root)
    upload(user, now=NOW + timedelta(seconds=1))
    problem = f"The oldest file of this storage is not in {root}, so its disk may not be mounted."

    disk.save()
    FileManager.objects.create(name="Another", backend_type="file", settings=disk.settings)
    found = diagnose_manager(disk)

    assert markers(root) == []
    assert [text.startswith(problem) for text in found] == [True]
    assert [record.levelno for record in caplog.records if problem in record.getMessage()] == [logging.WARNING] * 2


def test_the_marker_is_no_orphan_and_is_not_served(user: User, disk: FileManager, root: Path) -> None:
    """The paths with its name are refused like other unsafe ones."""
    file = upload(user)

    findings = cleanup.reconcile(disk, apply=True, now=timezone.now() + timedelta(days=9))

    assert (findings.orphans, findings.lost) == (0, 0)
    listed = [stored.path for stored in get_backend(disk).list_objects("")]
    assert sorted(listed) == sorted([file.stored_path, File.objects.get().upload_path])
    assert markers(root) == list(FOLDERS)
