"""Find the caller's own upload by its token or its id."""

from uuid import UUID

from fileman import access
from fileman.caller import Caller
from fileman.errors import NotFound
from fileman.models import File

WITH_RELATED = ("file_manager__group", "group", "uploaded_by")
"""What the use cases and the API read of an upload, in one statement."""


def get_own_upload(caller: Caller, *, upload_token: str | None = None, file_id: UUID | None = None) -> File:
    """Return the caller's upload. Raises NotFound if it is absent, somebody else's, or of a group the caller left."""
    key = {"upload_token": upload_token} if upload_token is not None else {"pk": file_id}
    file = File.objects.select_related(*WITH_RELATED).filter(uploaded_by=caller.user, **key).first()
    if file is None or not access.policy().may_continue(caller, file):
        raise NotFound(field=("uploadToken",) if upload_token is not None else ("fileId",))
    return file
