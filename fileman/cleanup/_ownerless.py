"""Files whose uploader was deleted."""

from datetime import datetime
from typing import Any

from django.db import transaction

from fileman.models import File, StorageUsage

BATCH = 500  # rows read by one statement


def assign_ownerless(user: Any, *, now: datetime) -> int:
    """Make a user the uploader of all files whose uploader was deleted. Return the number of files.

    Their bytes count against the user's quota, which they may exceed.
    """
    assigned = 0
    while batch := dict(File.objects.filter(uploaded_by=None).values_list("pk", "file_size")[:BATCH]):
        with transaction.atomic():
            rows = File.objects.select_for_update().filter(pk__in=batch, uploaded_by=None)
            sizes = {file.pk: file.file_size for file in rows if file.upload_status not in File.ENDED}
            usage, _ = StorageUsage.objects.select_for_update().get_or_create(user=user)
            usage.bytes, usage.pending = usage.bytes + sum(sizes.values()), None
            usage.save()
            # Idempotency keys are the uploader's: those of the deleted user must not meet the new one's.
            assigned += rows.update(uploaded_by=user, idempotency_digest="", modified=now)
    return assigned
