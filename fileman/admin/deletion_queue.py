"""The admin of the deletion queue, read-only."""

from django.contrib import admin

from fileman.admin.page_actions import ReadOnlyAdmin
from fileman.models import StorageDeletion


@admin.register(StorageDeletion)
class StorageDeletionAdmin(ReadOnlyAdmin):
    """Read-only. The deletion queue."""

    list_display = ("path", "file_manager", "due_at", "attempts", "last_error")
    list_filter = ("attempts", "file_manager")
    search_fields = ("path", "last_error")
    list_select_related = ("file_manager",)
