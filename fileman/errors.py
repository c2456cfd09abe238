"""The errors that fileman raises, each with a stable code, below five classes that say what has happened."""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Self


class ErrorCode(StrEnum):
    """The codes of the API and their meaning. New ones may be added; none is ever renamed."""

    description: str

    def __new__(cls, code: str, description: str) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        member.description = description
        return member

    UNAUTHENTICATED = ("UNAUTHENTICATED", "The caller is not signed in.")
    PERMISSION_DENIED = ("PERMISSION_DENIED", "The caller is not allowed to do this.")
    NOT_FOUND = ("NOT_FOUND", "The object does not exist, or the caller is not allowed to see it.")
    RATE_LIMITED = ("RATE_LIMITED", "Too many requests. Wait for retryAfterSeconds.")
    NO_FILE_MANAGER = ("NO_FILE_MANAGER", "No default file manager is available to the caller.")
    FILE_MANAGER_INACTIVE = ("FILE_MANAGER_INACTIVE", "The file manager does not accept uploads.")
    TOO_MANY_FILES = ("TOO_MANY_FILES", "The request names more files than maxFilesPerBatch.")
    TOO_MANY_PENDING = ("TOO_MANY_PENDING", "The caller has too many unfinished or recently ended uploads.")
    INVALID_FILENAME = ("INVALID_FILENAME", "The filename is empty, or it has slashes or control characters.")
    INVALID_METADATA = ("INVALID_METADATA", "The metadata is not a JSON object, is too large or is nested too deeply.")
    INVALID_CHECKSUM = ("INVALID_CHECKSUM", "The checksum is malformed or its algorithm is not supported.")
    INVALID_INPUT = ("INVALID_INPUT", "An argument has an impossible value.")
    EMPTY_FILE = ("EMPTY_FILE", "The declared size is zero.")
    FILE_TOO_LARGE = ("FILE_TOO_LARGE", "The file is larger than the file manager allows.")
    QUOTA_EXCEEDED = ("QUOTA_EXCEEDED", "The upload would exceed the storage quota of the caller.")
    EXTENSION_NOT_ALLOWED = ("EXTENSION_NOT_ALLOWED", "The file manager does not accept this file extension.")
    MIME_TYPE_NOT_ALLOWED = ("MIME_TYPE_NOT_ALLOWED", "The file manager does not accept this content type.")
    REJECTED_BY_VALIDATOR = ("REJECTED_BY_VALIDATOR", "A validator of the project rejected the file.")
    NOT_UPLOADED = ("NOT_UPLOADED", "The storage has not received any bytes of this upload.")
    PARTS_MISSING = ("PARTS_MISSING", "The storage has not received all parts of this upload.")
    SIZE_MISMATCH = ("SIZE_MISMATCH", "The stored object does not have the declared size.")
    CHECKSUM_MISMATCH = ("CHECKSUM_MISMATCH", "The stored object does not have the declared checksum.")
    CONTENT_TYPE_MISMATCH = ("CONTENT_TYPE_MISMATCH", "The content, the filename and the content type disagree.")
    UPLOAD_EXPIRED = ("UPLOAD_EXPIRED", "The deadline of the upload has passed.")
    UPLOAD_ABORTED = ("UPLOAD_ABORTED", "The upload was aborted.")
    UPLOAD_FAILED = ("UPLOAD_FAILED", "The upload failed verification.")
    UPLOAD_IN_PROGRESS = ("UPLOAD_IN_PROGRESS", "The upload is being verified. Call again after retryAfterSeconds.")
    FILE_IN_USE = ("FILE_IN_USE", "A record of the application needs the file, so it cannot be deleted.")
    IDEMPOTENCY_KEY_REUSED = ("IDEMPOTENCY_KEY_REUSED", "The idempotency key was already used with a different input.")
    STORAGE_UNAVAILABLE = ("STORAGE_UNAVAILABLE", "The storage failed or did not respond. Call again later.")
    STORAGE_MISCONFIGURED = ("STORAGE_MISCONFIGURED", "The storage rejected the server's credentials or settings.")


class FilemanError(Exception):
    """Base class. `message` is safe to show to end users: it has no secret, server path or storage URL."""

    code: ClassVar[ErrorCode]
    message: str = "The request was refused."
    retryable: ClassVar[bool] = False
    """True if the same call may succeed later, unchanged."""
    retry_after_seconds: int | None = None

    def __init_subclass__(cls, *, code: ErrorCode | None = None) -> None:
        if code is not None:
            cls.code = code

    def __init__(
        self, message: str | None = None, *, field: Sequence[str] = (), retry_after_seconds: int | None = None
    ) -> None:
        self.message = message or self.message
        self.field = tuple(field)
        """Path into the input, list positions included: ("files", "2", "size")."""
        self.retry_after_seconds = retry_after_seconds or self.retry_after_seconds
        super().__init__(self.message)

    @property
    def extensions(self) -> dict[str, str | int]:
        """Return what graphql-core copies into the error of a field, so that any view shows the code."""
        pause = self.retry_after_seconds
        return {"code": str(self.code), **({"retryAfterSeconds": pause} if pause else {})}


class AccessError(FilemanError):
    """The caller is not allowed to access this."""


class Unauthenticated(AccessError, code=ErrorCode.UNAUTHENTICATED):
    message = "You are not signed in. Sign in and try again."


class PermissionDenied(AccessError, code=ErrorCode.PERMISSION_DENIED):
    message = "Permission denied."


class NotFound(AccessError, code=ErrorCode.NOT_FOUND):
    """The object does not exist or the caller may not see it. The two cases look alike."""

    message = "Not found."


class RefusedError(FilemanError):
    """The request is not acceptable. Nothing was changed."""


class RateLimited(RefusedError, code=ErrorCode.RATE_LIMITED):
    retryable = True


class NoFileManager(RefusedError, code=ErrorCode.NO_FILE_MANAGER):
    message = "No default file manager is available to you. Pass fileManagerId."


class FileManagerInactive(RefusedError, code=ErrorCode.FILE_MANAGER_INACTIVE):
    message = "This file manager is inactive. Choose another one."


class TooManyFiles(RefusedError, code=ErrorCode.TOO_MANY_FILES): ...


class TooManyPending(RefusedError, code=ErrorCode.TOO_MANY_PENDING):
    message = "You have too many unfinished uploads. Finish or abort some of them."
    retryable = True


class InvalidFilename(RefusedError, code=ErrorCode.INVALID_FILENAME): ...


class InvalidMetadata(RefusedError, code=ErrorCode.INVALID_METADATA): ...


class InvalidChecksum(RefusedError, code=ErrorCode.INVALID_CHECKSUM): ...


class InvalidInput(RefusedError, code=ErrorCode.INVALID_INPUT): ...


class EmptyFile(RefusedError, code=ErrorCode.EMPTY_FILE):
    message = "The file is empty."


class FileTooLarge(RefusedError, code=ErrorCode.FILE_TOO_LARGE): ...


class QuotaExceeded(RefusedError, code=ErrorCode.QUOTA_EXCEEDED):
    message = "This upload would exceed your storage quota. Delete files to free space."


class ExtensionNotAllowed(RefusedError, code=ErrorCode.EXTENSION_NOT_ALLOWED): ...


class MimeTypeNotAllowed(RefusedError, code=ErrorCode.MIME_TYPE_NOT_ALLOWED): ...


class FileInUse(RefusedError, code=ErrorCode.FILE_IN_USE):
    message = "This file is in use. Remove it from where it is attached first."


class IdempotencyKeyReused(RefusedError, code=ErrorCode.IDEMPOTENCY_KEY_REUSED):
    message = "This idempotencyKey was already used with a different input. Use a new key."


class MismatchError(FilemanError):
    """The stored object is not the declared file. The upload has failed for good."""


class SizeMismatch(MismatchError, code=ErrorCode.SIZE_MISMATCH): ...


class ChecksumMismatch(MismatchError, code=ErrorCode.CHECKSUM_MISMATCH):
    message = "The checksum does not match the uploaded bytes. Upload the file again."


class ContentTypeMismatch(MismatchError, code=ErrorCode.CONTENT_TYPE_MISMATCH): ...


class RejectedByValidator(MismatchError, code=ErrorCode.REJECTED_BY_VALIDATOR):
    """A validator of the host project rejected the file, at initiate or at finalize. The message is the validator's."""

    message = "This file was rejected."


class UploadStateError(FilemanError):
    """The upload is in another state than the call requires."""


class NotUploaded(UploadStateError, code=ErrorCode.NOT_UPLOADED):
    message = "The storage has not received this upload yet. Send the bytes, then finalize again."
    retryable = True


class PartsMissing(UploadStateError, code=ErrorCode.PARTS_MISSING):
    message = "Some parts are missing. Send them, then finalize again."
    retryable = True


class UploadExpired(UploadStateError, code=ErrorCode.UPLOAD_EXPIRED):
    message = "This upload has expired. Start a new one."


class UploadAborted(UploadStateError, code=ErrorCode.UPLOAD_ABORTED):
    message = "This upload was aborted. Start a new one."


class UploadFailed(UploadStateError, code=ErrorCode.UPLOAD_FAILED):
    message = "This upload failed. Start a new one."


class UploadInProgress(UploadStateError, code=ErrorCode.UPLOAD_IN_PROGRESS):
    message = "The upload is being verified. Call finalizeUpload again in a moment."
    retryable = True
    retry_after_seconds = 2


class StorageError(FilemanError):
    """The storage failed. Vendor errors are mapped to these classes and never leave their backend."""


class StorageUnavailable(StorageError, code=ErrorCode.STORAGE_UNAVAILABLE):
    """Time-outs, refused connections, 5xx responses and throttling, which may pass."""

    message = "The storage is unavailable. Try again in a moment."
    retryable = True
    retry_after_seconds = 2


class OutOfTime(StorageUnavailable):
    """No further storage call fits into the time that this call of the API may take. See `backends.time_limit`."""


class ObjectChanged(StorageUnavailable):
    """A pinned read or copy found an object with another etag."""

    message = "The stored object changed during verification. Try again."


class UploadLost(StorageUnavailable):
    """The storage has neither the object nor the multipart upload or session. `begin` must be called again."""

    message = "The storage has lost this upload. Call refreshUpload and send the bytes again."


class StorageFull(StorageUnavailable):
    """No space, no quota, or a file larger than the file system allows."""

    message = "The storage is full. Try again later."


class StorageMisconfigured(StorageError, code=ErrorCode.STORAGE_MISCONFIGURED):
    """Wrong credentials, an unknown bucket or a missing permission. An administrator must act."""

    message = "The storage rejected the server. Ask an administrator to check the settings of the file manager."


class FileMissing(StorageError, code=ErrorCode.NOT_UPLOADED):
    """No object is stored at the path. Every backend raises this error."""

    message = "The storage has no object at this path."
