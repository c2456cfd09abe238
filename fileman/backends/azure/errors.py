"""Map the SDK's errors to fileman's. They are mapped nowhere else, and none of them leaves the backend."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core import exceptions as sdk

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.azure")

# Errors of the network and of broken responses, which may be gone at the next attempt.
_TRANSIENT: tuple[type[Exception], ...] = (
    sdk.ServiceRequestError, sdk.ServiceResponseError, sdk.StreamConsumedError, sdk.StreamClosedError,
    sdk.ResponseNotReadError, sdk.DeserializationError,
)  # fmt: skip
# Raised by the SDK when it reads a response that lacks a header or has a strange one.
_UNREADABLE = (ValueError, TypeError, AttributeError, KeyError)
_BUSY_CODES = {
    "ServerBusy", "OperationTimedOut", "InternalError", "PendingCopyOperation", "LeaseIdMissing",
    "LeaseIsBreakingAndCannotBeAcquired", "BlobBeingRehydrated",
}  # fmt: skip
_CHANGED_CODES = {"ConditionNotMet", "SourceConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists"}
_MISSING_CODES = {"BlobNotFound", "CannotVerifyCopySource"}


@contextmanager
def azure_errors() -> Iterator[None]:
    """Turn the SDK's errors into StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged."""
    try:
        yield
    except sdk.HttpResponseError as error:
        status, code = get_status_and_code(error)
        logger.info("Azure returned %s %s (%s)", status, code, type(error).__name__)
        # A response that breaks off has no status. Neither has DefaultAzureCredential's error, which does not say
        # whether there is no identity or its token address failed.
        without_status = not status and type(error) in {sdk.HttpResponseError, sdk.ClientAuthenticationError}
        broken = without_status or isinstance(error, sdk.DecodeError)
        raise StorageUnavailable() if broken else build_error(status, code) from error
    except _TRANSIENT as error:
        logger.info("Azure could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except (sdk.AzureError, sdk.SerializationError) as error:
        logger.info("A request to Azure could not be sent: %s", type(error).__name__)
        raise StorageMisconfigured from error
    except _UNREADABLE as error:
        logger.info("A response of Azure could not be read", exc_info=True)
        raise StorageUnavailable from error


def get_status_and_code(error: sdk.HttpResponseError) -> tuple[int, str]:
    """Return the HTTP status and Azure's code, such as (404, "BlobNotFound"); (0, "") without a response."""
    code = getattr(error, "error_code", None) or ""
    return error.status_code or 0, str(getattr(code, "value", code))


def has_code(error: sdk.HttpResponseError, *codes: str) -> bool:
    """Return True if Azure's code is one of these."""
    return get_status_and_code(error)[1] in codes


def build_error(status: int, code: str) -> StorageError:
    """Return fileman's error for a response of Azure."""
    if (status >= 500 and status != 501) or status in {408, 429} or code in _BUSY_CODES:
        return StorageUnavailable()
    if status in {304, 412} or code in _CHANGED_CODES:
        return ObjectChanged()
    if status == 404 and code in _MISSING_CODES:
        return FileMissing()
    return StorageMisconfigured()
