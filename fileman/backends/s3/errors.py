"""Map the SDK's errors to fileman's. This is the only place that does, and none of them leaves the backend."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as sdk

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.s3")

# Failures between this server and the storage, which another try may not meet. All others need an operator.
_TRANSIENT: tuple[type[Exception], ...] = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.ChecksumError,
    sdk.FlexibleChecksumError,
    sdk.MetadataRetrievalError,
    sdk.CapacityNotAvailableError,
)
_BUSY_CODES = {
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "BandwidthLimitExceeded",
    "OperationAborted",
    "InternalError",
    "ServiceUnavailable",
    "Busy",
}
_CHANGED_CODES = {"PreconditionFailed", "ConditionalRequestConflict", "InvalidPart"}
_UNSUPPORTED_CODES = {"NotImplemented", "InvalidArgument", "InvalidRequest", "MalformedXML", "MethodNotAllowed"}


@contextmanager
def s3_errors() -> Iterator[None]:
    """Raise StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged in place of the SDK's errors."""
    try:
        yield
    except sdk.ClientError as error:
        status, code = status_and_code(error)
        logger.debug("S3 returned %s %s for %s", status, code, error.operation_name)
        raise to_storage_error(status, code) from error
    except _TRANSIENT as error:
        logger.info("S3 could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except sdk.BotoCoreError as error:
        logger.warning("The request to S3 could not be made: %s", type(error).__name__)
        raise StorageMisconfigured from error


def status_and_code(error: sdk.ClientError) -> tuple[int, str]:
    """Return the HTTP status and S3's code, such as (404, "NoSuchKey"). For HEAD the code repeats the status."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(status), str(error.response.get("Error", {}).get("Code", ""))


def to_storage_error(status: int, code: str) -> StorageError:
    """Return fileman's error for an error response of S3."""
    if (status >= 500 and status != 501) or status == 429 or code in _BUSY_CODES:
        return StorageUnavailable()
    if status == 412 or code in _CHANGED_CODES:
        return ObjectChanged()
    if status == 404 and code != "NoSuchBucket":
        return FileMissing()
    return StorageMisconfigured()


def is_gone(error: sdk.ClientError) -> bool:
    """Return True if the object or multipart upload does not exist."""
    # Stores differ in the code for an unknown upload id.
    status, code = status_and_code(error)
    return status == 404 and code != "NoSuchBucket"


def is_unsupported(error: sdk.ClientError) -> bool:
    """Return True if a store responds like this to an argument or an operation that it does not implement."""
    status, code = status_and_code(error)
    return status in {405, 501} or (status == 400 and code in _UNSUPPORTED_CODES)
