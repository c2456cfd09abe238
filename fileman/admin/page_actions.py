"""What the admin of all three models shares."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


class PageActionsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Takes actions from the page of one row too, by buttons of its template that post to the list."""

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        response = super().response_action(request, *args, **kwargs)
        if "page" not in request.POST or getattr(response, "url", "") != request.get_full_path():
            return response
        return redirect(f"admin:fileman_{self.opts.model_name}_change", request.POST["page"])


class ReadOnlyAdmin(PageActionsAdmin):
    """No form changes a row, only actions do."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    has_delete_permission = has_change_permission

    def has_update_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)
