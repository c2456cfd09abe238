"""The SDK's errors as ours. No other place maps them, and none of them leaves the backend."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as sdk

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.s3")

MAY_PASS: tuple[type[Exception], ...] = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.ChecksumError,
    sdk.FlexibleChecksumError,
    sdk.MetadataRetrievalError,
    sdk.CapacityNotAvailableError,
)
"""What another try may not meet: everything between us and the storage. All else needs an operator."""
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
    """Raises StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged for whatever the SDK raises."""
    try:
        yield
    except sdk.ClientError as error:
        status, code = status_and_code(error)
        logger.debug("S3 answered %s with %s %s", error.operation_name, status, code)
        raise error_of(status, code) from error
    except MAY_PASS as error:
        logger.info("S3 could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except sdk.BotoCoreError as error:
        logger.warning("S3 could not be asked: %s", type(error).__name__)
        raise StorageMisconfigured from error


def status_and_code(error: sdk.ClientError) -> tuple[int, str]:
    """HTTP status and S3's code, such as (404, "NoSuchKey"). HEAD answers have the status as their code."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return int(status), str(error.response.get("Error", {}).get("Code", ""))


def error_of(status: int, code: str) -> StorageError:
    """Our error for an answer of S3."""
    if (status >= 500 and status != 501) or status == 429 or code in _BUSY_CODES:
        return StorageUnavailable()
    if status == 412 or code in _CHANGED_CODES:
        return ObjectChanged()
    if status == 404 and code != "NoSuchBucket":
        return FileMissing()
    return StorageMisconfigured()


def is_gone(error: sdk.ClientError) -> bool:
    """Whether what was asked for is not there; stores differ in the code for an upload id that is no more."""
    status, code = status_and_code(error)
    return status == 404 and code != "NoSuchBucket"


def is_unsupported(error: sdk.ClientError) -> bool:
    """Whether a store answers so to an argument or an operation that it does not know."""
    status, code = status_and_code(error)
    return status in {405, 501} or (status == 400 and code in _UNSUPPORTED_CODES)
