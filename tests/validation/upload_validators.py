"""The sample validator of the documentation, as a project would keep it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Sum

from fileman.models import File

USER_QUOTA = 20


def validate_upload(request: Any, file_data: dict[str, Any]) -> None:
    # Custom business logic
    if file_data["filename"].startswith("temp_"):
        raise ValidationError("Temporary files not allowed")

    # Check file size against user's quota
    user_files_size = (
        File.objects.filter(uploaded_by=request.user, upload_status=File.COMPLETED).aggregate(total=Sum("file_size"))[
            "total"
        ]
        or 0
    )

    if user_files_size + file_data["size"] > USER_QUOTA:
        raise ValidationError("Upload would exceed user quota")
