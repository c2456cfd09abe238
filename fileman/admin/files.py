"""The admin of files, read-only."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from fileman.admin.page_actions import ReadOnlyAdmin
from fileman.diagnosis.subjects import find_subjects
from fileman.models import File


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    """Read-only. Uploads are created, changed and deleted through the API."""

    list_display = ("original_filename", "upload_status", "size", "uploaded_by", "group", "file_manager", "created")
    list_filter = ("upload_status", "is_public", "file_manager", "group", "content_type")
    list_select_related = ("uploaded_by", "group", "file_manager")
    date_hierarchy = "created"
    search_fields = ("original_filename", "filename")
    search_help_text = "A part of the name, or an id as links, the API, logs and paths show it"
    fields = (
        "original_filename", "filename", "file_path", "file_manager", "group", "uploaded_by", "upload_status",
        "failure_reason", "size", "content_type", "detected_content_type", "checksum", "checksum_verified",
        "shown_metadata", "is_public", "created", "modified", "completed_at", "expires_at",
    )  # fmt: skip
    readonly_fields = fields

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
