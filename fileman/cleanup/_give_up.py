"""Give up: write off a storage that is gone for good, so that its file manager can be deleted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from fileman.errors import FileInUse, InvalidInput
from fileman.models import File, FileManager, StorageDeletion, StorageUsage

BATCH = 500  # rows deleted at once


@dataclass(kw_only=True)
class Loss:
    """Counts of the rows that were deleted, or that a dry run would delete."""

    files: int = 0
    bytes: int = 0
    """Of the completed files among them."""
    deletions: int = 0
    """Objects whose deletion was queued."""
    in_use: int = 0
    """Files that a row of the host project protects; they stay."""


def give_up(manager: FileManager, *, dry_run: bool = False, on_file: Callable[[File], None] = lambda _: None) -> Loss:
    """Delete every row of a file manager without asking its storage, and free the quota of the uploaders.

    What the storage still holds stays there. Raises InvalidInput for a file manager that is active.
    """
    if manager.is_active:
        raise InvalidInput(f"The file manager {manager.name!r} is active. Deactivate it first.")
    loss = Loss(deletions=StorageDeletion.objects.filter(file_manager=manager).count())
    rows, last = File.objects.filter(file_manager=manager).order_by("pk"), None
    while batch := list((rows if last is None else rows.filter(pk__gt=last))[:BATCH]):
        last = batch[-1].pk
        for file in batch if dry_run else _delete(batch, loss):
            loss.files += 1
            loss.bytes += file.file_size if file.upload_status == File.COMPLETED else 0
            on_file(file)
    if not dry_run:
        StorageDeletion.objects.filter(file_manager=manager).delete()
    return loss


def _delete(files: Sequence[File], loss: Loss) -> list[File]:
    """Delete rows together, or one by one if the host project protects some. Return those deleted."""
    try:
        with transaction.atomic():
            File.objects.filter(pk__in=[file.pk for file in files]).delete_settled()
            StorageUsage.objects.release_all(file for file in files if file.upload_status not in File.ENDED)
    except FileInUse:
        if len(files) == 1:
            loss.in_use += 1
            return []
        return [deleted for file in files for deleted in _delete([file], loss)]
    return list(files)
