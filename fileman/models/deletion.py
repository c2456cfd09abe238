"""StorageDeletion: the deletion queue. Its rows outlive the file rows."""

from django.conf import settings
from django.db import models

from fileman.models.file_manager import FileManager


class StorageDeletion(models.Model):
    """An object to delete. The row stays until a deletion has succeeded at or after `watch_until`."""

    id = models.BigAutoField(primary_key=True)
    file_manager = models.ForeignKey(FileManager, on_delete=models.PROTECT, related_name="deletions", db_index=False)
    path = models.CharField(max_length=1000)
    version = models.CharField(max_length=255, blank=True, default="")
    file_id = models.UUIDField(null=True, blank=True, help_text="The file that the object belonged to.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="The user who deleted the file.",
    )
    due_at = models.DateTimeField()
    watch_until = models.DateTimeField(
        help_text="When the last signed request for this path expires. Until then a client may create the object again."
    )
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    created = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["due_at", "id"], name="fileman_deletion_due"),
            models.Index(fields=["file_id"], name="fileman_deletion_file"),
        ]
        constraints = [models.UniqueConstraint(fields=["file_manager", "path"], name="fileman_deletion_once")]

    def __str__(self) -> str:
        return self.path
