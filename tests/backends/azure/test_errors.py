"""Every error of the SDK becomes one of fileman's."""

import inspect
from collections.abc import Iterator
from typing import Any

import azure.core.exceptions
import azure.identity
import azure.storage.blob
import pytest

from fileman.backends.azure.errors import azure_errors, build_error
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

MODULES = (azure.core.exceptions, azure.identity, azure.storage.blob)
EXPECTED: dict[str, type[StorageError]] = {
    "AuthenticationRequiredError": StorageMisconfigured,
    "AzureError": StorageMisconfigured,
    "ClientAuthenticationError": StorageUnavailable,
    "CredentialUnavailableError": StorageMisconfigured,
    "DecodeError": StorageUnavailable,
    "DeserializationError": StorageUnavailable,
    "HttpResponseError": StorageUnavailable,
    "IncompleteReadError": StorageUnavailable,
    "ODataV4Error": StorageMisconfigured,
    "PartialBatchErrorException": StorageMisconfigured,
    "ResourceExistsError": StorageMisconfigured,
    "ResourceModifiedError": StorageMisconfigured,
    "ResourceNotFoundError": StorageMisconfigured,
    "ResourceNotModifiedError": StorageMisconfigured,
    "ResponseNotReadError": StorageUnavailable,
    "SerializationError": StorageMisconfigured,
    "ServiceRequestError": StorageUnavailable,
    "ServiceRequestTimeoutError": StorageUnavailable,
    "ServiceResponseError": StorageUnavailable,
    "ServiceResponseTimeoutError": StorageUnavailable,
    "StreamClosedError": StorageUnavailable,
    "StreamConsumedError": StorageUnavailable,
    "TooManyRedirectsError": StorageMisconfigured,
}
"""Each error without a response; with one, the status and code decide."""


def _classes() -> Iterator[tuple[str, type[Exception]]]:
    for module in MODULES:
        for name, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Exception):
                yield name, found


def _made(kind: type[Exception]) -> Exception:
    """Return an instance without calling its constructor, which needs parts of requests."""
    error = kind.__new__(kind)
    error.args = ("canary",)
    for name in ("status_code", "reason", "response", "error"):
        setattr(error, name, None)
    return error


def test_no_error_of_the_sdk_is_forgotten() -> None:
    assert {name for name, _ in _classes()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_error_is_mapped(name: str) -> None:
    kind = dict(_classes())[name]

    with pytest.raises(StorageError) as raised, azure_errors():
        raise _made(kind)

    assert type(raised.value) is EXPECTED[name]
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (304, "ConditionNotMet", ObjectChanged),
        (400, "InvalidHeaderValue", StorageMisconfigured),
        (401, "NoAuthenticationInformation", StorageMisconfigured),
        (403, "AuthenticationFailed", StorageMisconfigured),
        (403, "AuthorizationPermissionMismatch", StorageMisconfigured),
        (403, "AccountIsDisabled", StorageMisconfigured),
        (404, "BlobNotFound", FileMissing),
        (404, "CannotVerifyCopySource", FileMissing),
        (404, "ContainerNotFound", StorageMisconfigured),
        (404, "ResourceNotFound", StorageMisconfigured),
        (404, "", StorageMisconfigured),
        (408, "", StorageUnavailable),
        (409, "BlobAlreadyExists", ObjectChanged),
        (409, "BlobArchived", StorageMisconfigured),
        (409, "BlobBeingRehydrated", StorageUnavailable),
        (409, "ContainerBeingDeleted", StorageMisconfigured),
        (409, "PendingCopyOperation", StorageUnavailable),
        (412, "ConditionNotMet", ObjectChanged),
        (412, "LeaseIdMissing", StorageUnavailable),
        (412, "SourceConditionNotMet", ObjectChanged),
        (429, "", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (500, "OperationTimedOut", StorageUnavailable),
        (501, "NotImplemented", StorageMisconfigured),
        (503, "ServerBusy", StorageUnavailable),
    ],
)
def test_each_response_is_mapped(status: int, code: str, expected: type[StorageError]) -> None:
    assert type(build_error(status, code)) is expected


@pytest.mark.parametrize("kind", [ValueError, TypeError, AttributeError, KeyError])
def test_a_response_that_the_sdk_cannot_read_is_one_that_may_pass(kind: type[Exception]) -> None:
    with pytest.raises(StorageUnavailable), azure_errors():
        raise kind


def test_other_errors_pass() -> None:
    def broken() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), azure_errors():
        broken()
