"""The SDK's errors as ours. No other place maps them, and none of them leaves the backend."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core import exceptions as sdk

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.azure")

MAY_PASS: tuple[type[Exception], ...] = (
    sdk.ServiceRequestError,
    sdk.ServiceResponseError,
    sdk.StreamConsumedError,
    sdk.StreamClosedError,
    sdk.ResponseNotReadError,
    sdk.DeserializationError,
)
"""What another try may not meet: everything between us and the storage. All else needs an operator."""
_BUSY_CODES = {
    "ServerBusy",
    "OperationTimedOut",
    "InternalError",
    "PendingCopyOperation",
    "LeaseIdMissing",
    "LeaseIsBreakingAndCannotBeAcquired",
    "BlobBeingRehydrated",
}
_CHANGED_CODES = {"ConditionNotMet", "SourceConditionNotMet", "TargetConditionNotMet", "BlobAlreadyExists"}
_PLACE_MISSING = {"ContainerNotFound", "ContainerBeingDeleted", "AccountIsDisabled"}


@contextmanager
def azure_errors() -> Iterator[None]:
    """Raises StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged for whatever the SDK raises."""
    try:
        yield
    except sdk.HttpResponseError as error:
        status, code = status_and_code(error)
        logger.info("Azure answered with %s %s (%s)", status, code, type(error).__name__)
        raise _error_of_answer(error) from error
    except MAY_PASS as error:
        logger.info("Azure could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except (sdk.AzureError, sdk.SerializationError) as error:
        logger.warning("Azure could not be asked: %s", type(error).__name__)
        raise StorageMisconfigured from error


def status_and_code(error: sdk.HttpResponseError) -> tuple[int, str]:
    """HTTP status and Azure's code, such as (404, "BlobNotFound"); (0, "") where no answer came."""
    code = getattr(error, "error_code", None) or ""
    return error.status_code or 0, str(getattr(code, "value", code))


def is_answer(error: sdk.HttpResponseError, *codes: str) -> bool:
    """Whether Azure said one of these."""
    return status_and_code(error)[1] in codes


def error_of(status: int, code: str) -> StorageError:
    """Our error for an answer of Azure."""
    if (status >= 500 and status != 501) or status in {408, 429} or code in _BUSY_CODES:
        return StorageUnavailable()
    if status in {304, 412} or code in _CHANGED_CODES:
        return ObjectChanged()
    if status == 404 and code not in _PLACE_MISSING:
        return FileMissing()
    return StorageMisconfigured()


def _error_of_answer(error: sdk.HttpResponseError) -> StorageError:
    """A credential that cannot be had and an answer that breaks off come as answers without a status."""
    status, code = status_and_code(error)
    if isinstance(error, sdk.DecodeError) or (not status and type(error) is sdk.HttpResponseError):
        return StorageUnavailable()
    return error_of(status, code)
