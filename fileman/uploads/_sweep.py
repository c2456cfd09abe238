"""Sweep: complete uploads whose bytes have all arrived and whose client is gone, as a closed browser tab is.

Each pending upload has the time of its next look. A look asks the storage for the missing slices; without any, the
upload is finalized as its uploader, with every check that the uploader's own call would meet.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from fileman import access, conf
from fileman.backends import get_backend
from fileman.backends.side_by_side import Task, run_side_by_side
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Slice
from fileman.caller import ANONYMOUS, Caller
from fileman.errors import StorageUnavailable, UploadInProgress
from fileman.models import File, FileManager
from fileman.uploads import transitions
from fileman.uploads.attempt import Attempt
from fileman.uploads.instructions import build_upload
from fileman.uploads.lookup import WITH_RELATED
from fileman.uploads.state import UploadState
from fileman.uploads.verification import Claims

FIRST_LOOK = timedelta(minutes=5)
"""Time from initiate to the first look. Each further one comes when the upload is twice as old."""
LOOKS = 100
"""Uploads of one file manager that one run looks at."""


def sweep(*, now: datetime | None = None) -> int:
    """Look at the uploads that are due, and return the number of those completed. `now`: None reads the clock.

    Safe to run on many hosts at once. A file manager whose storage does not respond is skipped for the rest of the run.
    Uploads of users who are inactive, or have left the group, are left to expire.
    """
    completed: list[File] = []
    now = now or timezone.now()
    due = File.objects.to_look_at(now, grace=conf.settings().FINALIZE_GRACE).values("file_manager")
    managers = FileManager.objects.filter(pk__in=due).order_by("name", "pk")
    run_side_by_side(_sweep_manager(manager, now, completed.append) for manager in managers)
    return len(completed)


def _sweep_manager(manager: FileManager, now: datetime, on_completed: Callable[[File], None]) -> Task:
    for file in _claim(manager, now):
        caller = Caller(user=file.uploaded_by) if file.uploaded_by else ANONYMOUS
        may_continue = caller.is_signed_in and access.policy().may_continue(caller, file)
        if UploadState.from_file(file).needs_begin or not may_continue:
            continue
        try:
            missing: list[Slice] = yield partial(get_backend(manager).missing, build_upload(file, now=now))
        except StorageUnavailable:
            return
        except Exception:  # noqa: BLE001, S112 - whatever a backend raises, the upload is left for another look
            continue
        if not missing and _finalize(file, now):
            on_completed(file)


def _claim(manager: FileManager, now: datetime) -> list[File]:
    """Take uploads by moving their next look ahead, so that no lock is held while the storage works."""
    due = File.objects.to_look_at(now, grace=conf.settings().FINALIZE_GRACE).filter(file_manager=manager)
    with transaction.atomic():
        chosen = due.select_for_update(skip_locked=True, of=("self",)).select_related(*WITH_RELATED)
        files = list(chosen.order_by("look_at")[:LOOKS])
        for file in files:
            file.look_at = now + max(FIRST_LOOK, now - file.created)
        File.objects.bulk_update(files, ["look_at"])
    return files


def _finalize(file: File, now: datetime) -> bool:
    """Return True if the upload is completed now."""
    attempt_id = transitions.claim(file, now=now)
    if attempt_id is None:
        return False
    claimed = Attempt(file=file, attempt_id=attempt_id, claims=Claims(are_unknown=True), now=now)
    with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
        error = claimed.run()
    if isinstance(error, UploadInProgress):
        File.objects.filter(pk=file.pk).update(look_at=now)  # the next run goes on
    return error is None
