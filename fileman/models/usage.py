"""StorageUsage: bytes stored by a user, unfinished uploads included, and how many uploads those are at most."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Greatest

from fileman.models.file import File


class StorageUsageQuerySet(models.QuerySet["StorageUsage"]):
    def release(self, user_id: Any, size: int) -> None:
        """Subtract bytes on abort, expiry, failure and deletion."""
        if user_id is not None:
            self.filter(user_id=user_id).update(bytes=Greatest(F("bytes") - size, 0))

    def release_all(self, files: Iterable[File]) -> None:
        """Do the same for several files, in a transaction. All hosts lock users in one order, so that none deadlock."""
        freed: Counter[Any] = Counter()
        for file in files:
            freed[file.uploaded_by_id] += file.file_size
        rows = list(self.filter(user_id__in=freed.keys() - {None}).select_for_update().order_by("pk"))
        for row in rows:
            row.bytes = max(row.bytes - freed[row.user_id], 0)
        self.bulk_update(rows, ["bytes"])


class StorageUsage(models.Model):
    """Changed only by conditional updates, so that parallel requests together cannot exceed a limit."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    bytes = models.BigIntegerField(default=0)
    pending = models.IntegerField(null=True, help_text="No less than the unfinished uploads; null: not counted yet.")

    objects = StorageUsageQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(bytes__gte=0), name="fileman_usage_not_negative")]

    def __str__(self) -> str:
        return f"{self.bytes} bytes"
