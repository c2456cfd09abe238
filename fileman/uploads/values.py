"""What goes into the use cases of an upload and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman.backends.values import UploadRequest
from fileman.errors import FilemanError
from fileman.models import File, FileManager
from fileman.validation.acceptance import DeclaredFile


@dataclass(frozen=True, kw_only=True)
class InitiateRequest:
    files: Sequence[DeclaredFile]
    """1 to MAX_BATCH_FILES."""
    file_manager_id: UUID | None = None
    group_id: Any | None = None
    """Primary key of the group that will own the files."""
    slot: str | None = None
    """Signed by `FilemanFileField.sign_slot`; None: for no field of a model."""
    metadata: object = None
    """Merged under each file's own."""
    atomic: bool = False
    """True: one refused file refuses all."""
    idempotency_key: str | None = None
    """1 to 128 characters."""


@dataclass(frozen=True, kw_only=True)
class UploadInstructions:
    """How to send the bytes, the same for every storage."""

    requests: tuple[UploadRequest, ...]
    """With absolute URLs."""
    ordered: bool
    """True: one request after another, for a resumable session."""
    max_concurrency: int
    part_size: int
    """Bytes."""
    total_parts: int
    has_more: bool
    """True: refresh for the next window once these are sent."""
    expires_at: datetime
    """When these requests expire."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One file's place in the batch: a file with instructions, or errors."""

    index: int
    client_ref: str | None
    file: File | None = None
    upload_token: str | None = field(default=None, repr=False)
    """The database keeps only its digest."""
    instructions: UploadInstructions | None = None
    replayed: bool = False
    errors: tuple[FilemanError, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The result of initiate."""

    tickets: tuple[Ticket, ...]
    """In the order of the input."""
    file_manager: FileManager

    @property
    def success(self) -> bool:
        """True if every file was accepted."""
        return not any(ticket.errors for ticket in self.tickets)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of refresh, finalize and abort."""

    file: File
    upload_token: str | None = field(default=None, repr=False)
    """The token, if the caller passed the file's id."""
    instructions: UploadInstructions | None = None
    """Requests for the slices that the storage still lacks."""
    error: FilemanError | None = None
    """Why the call did not complete; None is success."""
