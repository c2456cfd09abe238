"""Every error that fileman raises on purpose, and its stable code.

FilemanError
├── AccessError          Unauthenticated, PermissionDenied, NotFound, RateLimited
├── RefusedError         the request cannot be accepted as it stands; nothing was changed
│     NoFileManager, FileManagerInactive, TooManyFiles, TooManyPending, InvalidFilename, InvalidMetadata,
│     InvalidChecksum, InvalidInput, EmptyFile, FileTooLarge, QuotaExceeded, ExtensionNotAllowed,
│     MimeTypeNotAllowed, IdempotencyKeyReused
├── MismatchError        what the storage holds is not what was granted; the file has failed for good
│     SizeMismatch, ChecksumMismatch, ContentTypeMismatch, RejectedByValidator
├── UploadStateError     the upload is not where the call expects it
│     NotUploaded, PartsMissing, UploadExpired, UploadAborted, UploadFailed, UploadInProgress
└── StorageError         StorageUnavailable (ObjectChanged, UploadLost, StorageFull), StorageMisconfigured, FileMissing
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar


class ErrorCode(StrEnum):
    """The codes of the API. They may grow; none is ever renamed."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    RATE_LIMITED = "RATE_LIMITED"
    NO_FILE_MANAGER = "NO_FILE_MANAGER"
    FILE_MANAGER_INACTIVE = "FILE_MANAGER_INACTIVE"
    TOO_MANY_FILES = "TOO_MANY_FILES"
    TOO_MANY_PENDING = "TOO_MANY_PENDING"
    INVALID_FILENAME = "INVALID_FILENAME"
    INVALID_METADATA = "INVALID_METADATA"
    INVALID_CHECKSUM = "INVALID_CHECKSUM"
    INVALID_INPUT = "INVALID_INPUT"
    EMPTY_FILE = "EMPTY_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    EXTENSION_NOT_ALLOWED = "EXTENSION_NOT_ALLOWED"
    MIME_TYPE_NOT_ALLOWED = "MIME_TYPE_NOT_ALLOWED"
    REJECTED_BY_VALIDATOR = "REJECTED_BY_VALIDATOR"
    NOT_UPLOADED = "NOT_UPLOADED"
    PARTS_MISSING = "PARTS_MISSING"
    SIZE_MISMATCH = "SIZE_MISMATCH"
    CHECKSUM_MISMATCH = "CHECKSUM_MISMATCH"
    CONTENT_TYPE_MISMATCH = "CONTENT_TYPE_MISMATCH"
    UPLOAD_EXPIRED = "UPLOAD_EXPIRED"
    UPLOAD_ABORTED = "UPLOAD_ABORTED"
    UPLOAD_FAILED = "UPLOAD_FAILED"
    UPLOAD_IN_PROGRESS = "UPLOAD_IN_PROGRESS"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    STORAGE_MISCONFIGURED = "STORAGE_MISCONFIGURED"


class FilemanError(Exception):
    """Base of all. `message` is fit for the end user: it names no secret, path of the server or storage address."""

    code: ClassVar[ErrorCode]
    message: str = "The request cannot be served."
    retryable: ClassVar[bool] = False
    """True when the same call may succeed later, unchanged."""

    def __init__(
        self, message: str | None = None, *, field: Sequence[str] = (), retry_after_seconds: int | None = None
    ) -> None:
        self.message = message or self.message
        self.field = tuple(field)
        """Path into the input, list positions included: ("files", "2", "size")."""
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class AccessError(FilemanError):
    """Who asks may not have it."""


class Unauthenticated(AccessError):
    code = ErrorCode.UNAUTHENTICATED
    message = "Sign in first."


class PermissionDenied(AccessError):
    code = ErrorCode.PERMISSION_DENIED
    message = "You may not do this."


class NotFound(AccessError):
    """Absent, or not yours: the two look alike."""

    code = ErrorCode.NOT_FOUND
    message = "No such thing, or it is not yours."


class RateLimited(AccessError):
    code = ErrorCode.RATE_LIMITED
    message = "Too many requests. Wait a little."
    retryable = True


class RefusedError(FilemanError):
    """The request cannot be accepted as it stands; nothing was changed."""


class NoFileManager(RefusedError):
    code = ErrorCode.NO_FILE_MANAGER
    message = "There is no default file manager for you. Name one by fileManagerId."


class FileManagerInactive(RefusedError):
    code = ErrorCode.FILE_MANAGER_INACTIVE
    message = "This file manager takes no uploads at present."


class TooManyFiles(RefusedError):
    code = ErrorCode.TOO_MANY_FILES


class TooManyPending(RefusedError):
    code = ErrorCode.TOO_MANY_PENDING
    message = "You have too many unfinished uploads. Finish or abort some."
    retryable = True


class InvalidFilename(RefusedError):
    code = ErrorCode.INVALID_FILENAME


class InvalidMetadata(RefusedError):
    code = ErrorCode.INVALID_METADATA


class InvalidChecksum(RefusedError):
    code = ErrorCode.INVALID_CHECKSUM


class InvalidInput(RefusedError):
    code = ErrorCode.INVALID_INPUT


class EmptyFile(RefusedError):
    code = ErrorCode.EMPTY_FILE
    message = "The file is empty."


class FileTooLarge(RefusedError):
    code = ErrorCode.FILE_TOO_LARGE


class QuotaExceeded(RefusedError):
    code = ErrorCode.QUOTA_EXCEEDED
    message = "This upload would exceed your storage quota."


class ExtensionNotAllowed(RefusedError):
    code = ErrorCode.EXTENSION_NOT_ALLOWED


class MimeTypeNotAllowed(RefusedError):
    code = ErrorCode.MIME_TYPE_NOT_ALLOWED


class IdempotencyKeyReused(RefusedError):
    code = ErrorCode.IDEMPOTENCY_KEY_REUSED
    message = "This idempotencyKey was used with another input."


class MismatchError(FilemanError):
    """What the storage holds is not what was granted; the file has failed for good."""


class SizeMismatch(MismatchError):
    code = ErrorCode.SIZE_MISMATCH


class ChecksumMismatch(MismatchError):
    code = ErrorCode.CHECKSUM_MISMATCH
    message = "The checksum of the stored bytes differs from the one given."


class ContentTypeMismatch(MismatchError):
    code = ErrorCode.CONTENT_TYPE_MISMATCH


class RejectedByValidator(MismatchError):
    """A validator of the host project said no, at initiate or at finalize. The message is the validator's."""

    code = ErrorCode.REJECTED_BY_VALIDATOR
    message = "This file was rejected."


class UploadStateError(FilemanError):
    """The upload is not where the call expects it."""


class NotUploaded(UploadStateError):
    code = ErrorCode.NOT_UPLOADED
    message = "The storage holds nothing for this upload yet. Send the bytes, then finalize again."
    retryable = True


class PartsMissing(UploadStateError):
    code = ErrorCode.PARTS_MISSING
    message = "Some parts have not arrived. Send them, then finalize again."
    retryable = True


class UploadExpired(UploadStateError):
    code = ErrorCode.UPLOAD_EXPIRED
    message = "The deadline of this upload has passed. Start a new one."


class UploadAborted(UploadStateError):
    code = ErrorCode.UPLOAD_ABORTED
    message = "This upload was aborted."


class UploadFailed(UploadStateError):
    code = ErrorCode.UPLOAD_FAILED
    message = "This upload has failed. Start a new one."


class UploadInProgress(UploadStateError):
    """Work goes on. Backends raise it with the `progress` to remember when a step outlasts its budget."""

    code = ErrorCode.UPLOAD_IN_PROGRESS
    message = "The upload is being verified. Call finalizeUpload again in a moment."
    retryable = True

    def __init__(self, *, progress: Mapping[str, Any] | None = None, retry_after_seconds: int = 2) -> None:
        self.progress = progress
        super().__init__(retry_after_seconds=retry_after_seconds)


class StorageError(FilemanError):
    """The storage did not do what was asked. Vendor errors are mapped to these and never leave their backend."""


class StorageUnavailable(StorageError):
    """Time-outs, refused connections, 5xx, throttling: may pass."""

    code = ErrorCode.STORAGE_UNAVAILABLE
    message = "The storage does not answer. Try again in a moment."
    retryable = True


class ObjectChanged(StorageUnavailable):
    """A pinned read or copy found another object than the one that was looked at before."""

    message = "The stored object changed while it was being checked. Call again."


class UploadLost(StorageUnavailable):
    """What `begin` started is there no more, or was never noted, and neither is its object: begin again."""

    message = "The storage has forgotten this upload. Refresh it."


class StorageFull(StorageUnavailable):
    """No room, no quota, or a file larger than the system allows."""

    message = "The storage has no room left. Try again later."


class StorageMisconfigured(StorageError):
    """Wrong credentials, unknown bucket, missing permission: needs an operator."""

    code = ErrorCode.STORAGE_MISCONFIGURED
    message = "The storage refuses the server. An operator must look at the file manager's settings."


class FileMissing(StorageError):
    """Nothing is stored at the path. The same error for every storage."""

    code = ErrorCode.NOT_UPLOADED
    message = "The storage holds nothing at this path."
