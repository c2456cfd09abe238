"""Give up: write off a storage that is gone for good, so that its file manager can be deleted."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q

from fileman.cleanup._run import get_batches
from fileman.errors import InvalidInput
from fileman.models import File, FileManager, StorageDeletion
from fileman.uploads import disposal


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
    for batch in get_batches(manager.files.all()):
        gone, in_use = (batch, 0) if dry_run else disposal.remove_rows(batch, Q(), now=None)
        loss.in_use += in_use
        for file in gone:
            loss.files += 1
            loss.bytes += file.file_size if file.upload_status == File.COMPLETED else 0
            on_file(file)
    if not dry_run:
        StorageDeletion.objects.filter(file_manager=manager).delete()
    return loss
