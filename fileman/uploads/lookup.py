"""Find the caller's own upload by its token or its id, and the token of an upload."""

from datetime import datetime
from uuid import UUID

from fileman import access, tokens
from fileman.caller import Caller
from fileman.errors import NotFound
from fileman.models import File

WITH_RELATED = ("file_manager__group", "group", "uploaded_by")
"""What the use cases and the API read of an upload, in one statement."""
_OWN_COLUMNS = [column.attname for column in File._meta.concrete_fields if not column.is_relation]  # noqa: SLF001


def get_own_upload(caller: Caller, *, upload_token: str | None = None, file_id: UUID | None = None) -> File:
    """Return the caller's upload. Raises NotFound if it is absent, somebody else's, or of a group the caller left."""
    key = {"upload_token": upload_token} if upload_token is not None else {"pk": file_id}
    file = File.objects.select_related(*WITH_RELATED).filter(uploaded_by=caller.user, **key).first()
    if file is None or not access.policy().may_continue(caller, file):
        raise NotFound(field=("uploadToken",) if upload_token is not None else ("fileId",))
    return file


def reread(file: File) -> None:
    """Read an upload again, without the rows that it names. Raises NotFound if it is gone, or somebody else's now."""
    try:
        file.refresh_from_db(fields=_OWN_COLUMNS, from_queryset=File.objects.filter(uploaded_by=file.uploaded_by_id))
    except File.DoesNotExist:
        raise NotFound(field=("uploadToken",)) from None


def get_token(file: File, *, now: datetime) -> str:
    """Return the token of a pending upload, whose row keeps the digest. An unsaved row is changed in hand alone."""
    token = tokens.derive_upload_token(file.pk, file.token_nonce, kept=file.upload_token)
    derived = tokens.digest(token)
    if derived != file.upload_token:  # a new row; or SECRET_KEY has changed, or release 0.1 made a random token
        if not file._state.adding:  # noqa: SLF001
            File.objects.filter(pk=file.pk).update(upload_token=derived, modified=now)
        file.upload_token = derived
    return token
