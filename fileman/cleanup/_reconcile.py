"""Reconcile: find the objects that no row knows, and the completed files whose object is gone.

The id of a file is in the path of its objects, so a batch of objects is compared by primary key. Objects younger than
eight days may belong to an upload that a transaction or a late client is still writing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.utils import timezone

from fileman.backends import get_backend
from fileman.backends.values import StoredObject
from fileman.deletion_queue import build_row
from fileman.models import File, FileManager, StorageDeletion
from fileman.models.file import find_file_id

BATCH = 500  # objects or rows compared at once
MINIMUM_AGE = timedelta(days=8)
"""Older than a Google session and any signed request can write."""


@dataclass(kw_only=True)
class Findings:
    orphans: int = 0
    """Objects that no row knows."""
    orphan_bytes: int = 0
    lost: int = 0
    """Completed files whose object is gone."""


def reconcile(
    manager: FileManager,
    *,
    apply: bool = False,
    now: datetime | None = None,
    on_orphan: Callable[[StoredObject], None] = lambda _: None,
    on_lost: Callable[[File], None] = lambda _: None,
    on_compared: Callable[[int], object] = lambda _: None,
) -> Findings:
    """Compare the storage of one file manager with the database, and change nothing.

    `apply`: queue the orphans for deletion. Do not use it where another installation stores files at the same place:
    theirs look like orphans. `on_compared`: gets the number of objects and rows of each batch. Raises StorageError.
    """
    now = now or timezone.now()
    findings = Findings()
    for orphans in _find_orphans(manager, before=now - MINIMUM_AGE, on_compared=on_compared):
        for stored in orphans:
            findings.orphans += 1
            findings.orphan_bytes += stored.size
            on_orphan(stored)
        if apply:
            rows = [build_row(manager, one.path, find_file_id(one.path), now=now, until=now) for one in orphans]
            StorageDeletion.objects.bulk_create(rows, ignore_conflicts=True)
    for file in _find_lost(manager, on_compared):
        findings.lost += 1
        on_lost(file)
    return findings


def _find_orphans(
    manager: FileManager, *, before: datetime, on_compared: Callable[[int], object]
) -> Iterator[list[StoredObject]]:
    """Yield objects below the manager's own folders that neither a file nor the deletion queue knows."""
    backend = get_backend(manager)
    for folder in (f"{backend.prefix}.uploads/{manager.pk}/", f"{backend.prefix}uploads/"):
        objects = iter(backend.list_objects(folder, older_than=before))
        while batch := list(islice(objects, BATCH)):
            known = _get_known_paths([stored.path for stored in batch])
            yield [stored for stored in batch if stored.path not in known]
            on_compared(len(batch))


def _get_known_paths(paths: Sequence[str]) -> set[str]:
    """Return the paths that belong to a file or are queued, whatever its file manager: several may share a place."""
    ids = {path: find_file_id(path) for path in paths}
    columns = ("pk", "upload_status", "file_path")
    files = {row[0]: row for row in File.objects.filter(pk__in=filter(None, ids.values())).values_list(*columns)}
    named = {file.file_path or "" for file in File.objects.filter(file_path__in=paths).only("file_path")}
    queued = set(StorageDeletion.objects.filter(path__in=paths).values_list("path", flat=True))
    unfinished = {path for path, key in ids.items() if key in files and files[key][1] in File.UNFINISHED}
    return named | queued | unfinished


def _find_lost(manager: FileManager, on_compared: Callable[[int], object]) -> Iterator[File]:
    """Yield completed files whose object is absent from a listing, and then from a look at its own path too."""
    backend = get_backend(manager)
    for digit in "0123456789abcdef":  # a sixteenth of the paths in memory at once
        listed = {stored.path for stored in backend.list_objects(f"{backend.prefix}uploads/{digit}")}
        ids = (UUID(digit + "0" * 31), UUID(digit + "f" * 31))
        files = File.objects.filter(file_manager=manager, upload_status=File.COMPLETED, pk__range=ids).order_by("pk")
        for file in files.iterator(BATCH):
            on_compared(1)
            if file.stored_path not in listed and backend.find(file.stored_path) is None:
                yield from File.objects.filter(pk=file.pk, file_path=file.file_path)  # none if it is deleted by now
