"""The admin of the deletion queue: read-only, but for the time of the next attempt."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from fileman.admin.page_actions import ReadOnlyAdmin
from fileman.models import StorageDeletion


class DueFilter(admin.SimpleListFilter):
    title = parameter_name = "due"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [("now", "Now"), ("later", "Later")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[StorageDeletion]) -> Any:  # noqa: ARG002
        chosen = {"now": {"due_at__lte": timezone.now()}, "later": {"due_at__gt": timezone.now()}}
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(StorageDeletion)
class StorageDeletionAdmin(ReadOnlyAdmin):
    """Rows can only be made due."""

    list_display = ("path", "last_error", "attempts", "due_at", "file_manager")
    list_filter = (DueFilter, ("last_error", admin.EmptyFieldListFilter), "attempts", "file_manager")
    search_fields = ("path", "last_error")
    list_select_related = ("file_manager",)
    actions = ("retry_now",)

    @admin.action(description="Retry now", permissions=["update"])
    def retry_now(self, request: HttpRequest, chosen: QuerySet[StorageDeletion]) -> None:
        count = chosen.update(due_at=timezone.now())
        self.message_user(request, f"Deletions that the next cleanup tries again: {count}.", messages.SUCCESS)
