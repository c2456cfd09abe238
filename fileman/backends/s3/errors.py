"""Map the SDK's errors to fileman's. This is the only place that does, and none of them leaves the backend."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.s3")

# Failures between this server and the storage, which another try may not meet. All others need an operator.
_TRANSIENT: tuple[type[Exception], ...] = (
    sdk.HTTPClientError, sdk.ConnectionError, sdk.IncompleteReadError, sdk.ChecksumError, sdk.FlexibleChecksumError,
    sdk.MetadataRetrievalError, sdk.CapacityNotAvailableError,
)  # fmt: skip
# Raised by the SDK and by this backend for a response without the storage's elements and headers.
_FOREIGN = (ResponseParserError, LookupError, ValueError, TypeError, AttributeError)
_BUSY_CODES = {
    "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "BandwidthLimitExceeded",
    "OperationAborted", "InternalError", "ServiceUnavailable", "Busy",
}  # fmt: skip
_CHANGED_CODES = {"PreconditionFailed", "ConditionalRequestConflict", "InvalidPart"}
_UNSUPPORTED_CODES = {"NotImplemented", "InvalidArgument", "InvalidRequest", "MalformedXML", "MethodNotAllowed"}
# Beginnings of root elements whose children may all be absent: without them any page passes for an empty list.
_ROOTS = {"DeleteObjects": b"<Delete", "CompleteMultipartUpload": b"<CompleteMultipartUpload"}
_ROOTS |= dict.fromkeys(("ListParts", "ListMultipartUploads", "ListObjectsV2", "ListObjectVersions"), b"<List")


def require_own_response(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raise ValueError for a success or redirect without the storage's mark. A handler of the SDK's events."""
    status, name = response_dict["status_code"], operation_model.name
    if 300 <= status < 400:  # the SDK looks for the bucket's region then, by requests that are redirected too
        has_mark = any(header.lower().startswith("x-amz") for header in response_dict["headers"])
    elif name in {"DeleteObject", "AbortMultipartUpload"}:
        has_mark = status == 204
    else:
        has_mark = name not in _ROOTS or _ROOTS[name] in response_dict["body"]
    if status < 400 and not has_mark:
        raise ValueError(name)


@contextmanager
def s3_errors() -> Iterator[None]:
    """Raise StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged in place of the SDK's errors."""
    try:
        yield
    except sdk.ClientError as error:
        status, code = status_and_code(error)
        logger.debug("S3 returned %s %s for %s", status, code, error.operation_name)
        raise to_storage_error(status, code, error.operation_name) from error
    except _TRANSIENT as error:
        if isinstance(error.__context__, StorageMisconfigured):  # of our connections, wrapped by the SDK
            raise error.__context__ from None
        logger.info("S3 could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except sdk.BotoCoreError as error:
        logger.info("The request to S3 could not be made: %s", type(error).__name__)
        raise StorageMisconfigured from error
    except _FOREIGN as error:
        logger.info("The response was not one of S3: %s", type(error).__name__)
        raise StorageUnavailable from error


def status_and_code(error: sdk.ClientError) -> tuple[int, str]:
    """Return the HTTP status and S3's code, such as (404, "NoSuchKey"). Without a body the code repeats the status."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(status), str(error.response.get("Error", {}).get("Code", ""))


def to_storage_error(status: int, code: str, operation: str) -> StorageError:
    """Return fileman's error for an error response of S3."""
    if (status >= 500 and status != 501) or status in {307, 429} or code in _BUSY_CODES:
        return StorageUnavailable()
    if status == 412 or code in _CHANGED_CODES:
        return ObjectChanged()
    if status == 404 and code != "NoSuchBucket":
        return FileMissing() if _is_absence(code) or operation == "HeadObject" else StorageUnavailable()
    return StorageMisconfigured()


def is_gone(error: sdk.ClientError) -> bool:
    """Return True if the storage says that the object or multipart upload does not exist."""
    status, code = status_and_code(error)
    return status == 404 and _is_absence(code)


def is_unsupported(error: sdk.ClientError) -> bool:
    """Return True if a store responds like this to an argument or an operation that it does not implement."""
    status, code = status_and_code(error)
    return status in {405, 501} or (status == 400 and code in _UNSUPPORTED_CODES)


def _is_absence(code: str) -> bool:
    # Stores differ in the code for an unknown upload id. A 404 without such a code is the page of a proxy.
    return code.startswith("NoSuch") and code != "NoSuchBucket"
