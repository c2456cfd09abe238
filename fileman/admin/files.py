"""The admin of files: their rows read-only, and actions that call the use cases of the API as the staff user."""

import json
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone

from fileman import conf, errors, files
from fileman.admin.page_actions import ReadOnlyAdmin
from fileman.backends.time_limit import time_limit
from fileman.caller import Caller
from fileman.diagnosis.files import diagnose_file
from fileman.diagnosis.subjects import find_subjects
from fileman.models import File


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    """No form changes a file. Actions do, by the use cases of the API, which check permissions themselves."""

    actions = ("publish", "withdraw", "abort", "recheck", "delete_selected")
    list_display = ("original_filename", "upload_status", "size", "uploaded_by", "created", "file_manager", "group")
    list_filter = ("upload_status", "is_public", "file_manager", "group", "content_type")
    list_select_related = ("uploaded_by", "group", "file_manager")
    date_hierarchy = "created"
    search_fields = ("original_filename", "filename", f"^uploaded_by__{get_user_model().USERNAME_FIELD}")
    search_help_text = "A part of the name, the uploader, or an id as links, the API, logs and paths show it"
    fields = (
        "original_filename", "filename", "file_path", "file_manager", "group", "uploaded_by", "upload_status",
        "failure_reason", "size", "content_type", "detected_content_type", "checksum", "checksum_verified",
        "shown_metadata", "is_public", "created", "modified", "completed_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields
    has_delete_permission = admin.ModelAdmin.has_delete_permission

    @admin.display(ordering="file_size")
    def size(self, file: File) -> str:
        return filesizeformat(file.file_size)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[File], bool]:
        named = [file.pk for file in find_subjects(search_term, only_files=True)[1]] if search_term else []
        found = super().get_search_results(request, queryset, search_term)
        return (queryset.filter(pk__in=named), False) if named else found

    @admin.display(description="Metadata")
    def shown_metadata(self, file: File) -> str:
        return json.dumps(file.metadata, ensure_ascii=False)

    @admin.action(description="Make public", permissions=["update"])
    def publish(self, request: HttpRequest, chosen: QuerySet[File]) -> None:
        self._run(request, chosen, partial(files.update, is_public=True), "Public now.")

    @admin.action(description="Withdraw from the public", permissions=["update"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[File]) -> None:
        self._run(request, chosen, partial(files.update, is_public=False), "No longer public.")

    @admin.action(description="Abort unfinished uploads", permissions=["delete"])
    def abort(self, request: HttpRequest, chosen: QuerySet[File]) -> None:
        self._run(request, chosen, partial(files.delete, only_unfinished=True), "Aborted.")

    @admin.action(description="Compare with the storage", permissions=["update"])
    def recheck(self, request: HttpRequest, chosen: QuerySet[File]) -> None:
        run = self._run(request, chosen, lambda file_id, now, **_: diagnose_file(File.objects.get(pk=file_id), now=now))
        for file, (lines, problem) in run:
            verdict = " ".join(lines[-2:] if lines[-1].startswith("To do") else lines[-1:])
            self.message_user(request, f"{file}: {verdict}", messages.ERROR if problem else messages.SUCCESS)

    @admin.action(description="Delete selected %(verbose_name_plural)s", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, chosen: QuerySet[File]) -> HttpResponse | None:
        """Ask as Django does, and delete by the use case, which deletes the stored objects too."""
        if not request.POST.get("post"):
            return delete_selected(self, request, chosen)
        self._run(request, chosen, files.delete, "Deleted.", flag=DELETION)
        return None

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002
        if not self.has_delete_permission(request):
            raise PermissionDenied
        found = self.get_object(request, unquote(object_id))
        chosen = self.get_queryset(request).filter(pk=found.pk if found else None)
        return self.delete_selected(request, chosen) or HttpResponseRedirect(reverse("admin:fileman_file_changelist"))

    def _run(
        self, request: HttpRequest, chosen: QuerySet[File], use_case: Any, done: str = "", flag: int = CHANGE
    ) -> list[tuple[File, Any]]:
        """Call a use case for each file and say what came of it. Return the results of those that succeed."""
        caller, most = Caller.from_request(request), conf.settings().MAX_BATCH_FILES
        results = []
        with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
            for index, file in enumerate(chosen[: most + 1]):
                try:
                    if index == most:
                        raise errors.TooManyFiles(f"Choose at most {most} files at once.")
                    results.append((file, use_case(caller=caller, file_id=file.pk, now=timezone.now())))
                except errors.FilemanError as error:
                    self.message_user(request, f"{file}: {error.message} ({error.code})", messages.ERROR)
                    continue
                if done:
                    LogEntry.objects.log_actions(request.user.pk, [file], flag, done, single_object=True)  # type: ignore[call-overload]  # anonymous users have no key
                    self.message_user(request, f"{file}: {done}", messages.SUCCESS)
        return results
