"""Every error of the SDK becomes one of fileman's."""

import inspect
from collections.abc import Sequence

import azure.core.exceptions
import azure.identity
import azure.storage.blob
import pytest

from fileman.backends.azure.errors import azure_errors, build_error
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

MODULES = (azure.core.exceptions, azure.identity, azure.storage.blob)
MAY_PASS = {
    "ClientAuthenticationError", "DecodeError", "DeserializationError", "HttpResponseError", "IncompleteReadError",
    "ResponseNotReadError", "ServiceRequestError", "ServiceRequestTimeoutError", "ServiceResponseError",
    "ServiceResponseTimeoutError", "StreamClosedError", "StreamConsumedError",
}  # fmt: skip
"""Each error without a response; with one, the status and code decide. All others need an operator."""
RESPONSES: dict[type[StorageError], Sequence[str]] = {
    FileMissing: ("404 BlobNotFound", "404 CannotVerifyCopySource"),
    ObjectChanged: ("304 ConditionNotMet", "409 BlobAlreadyExists", "412 ConditionNotMet", "412 SourceConditionNotMet"),
    StorageUnavailable: (
        *("408 ", "409 BlobBeingRehydrated", "409 PendingCopyOperation", "412 LeaseIdMissing", "429 "),
        *("500 InternalError", "500 OperationTimedOut", "503 ServerBusy"),
    ),
    StorageMisconfigured: (
        *("400 InvalidHeaderValue", "401 NoAuthenticationInformation", "403 AuthenticationFailed"),
        *("403 AuthorizationPermissionMismatch", "403 AccountIsDisabled", "404 ContainerNotFound", "404 "),
        *("404 ResourceNotFound", "409 BlobArchived", "409 ContainerBeingDeleted", "501 NotImplemented"),
    ),
}
CLASSES: dict[str, type[Exception]] = {
    name: found
    for module in MODULES
    for name, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, Exception)
}


def _made(kind: type[Exception]) -> Exception:
    """Return an instance without calling its constructor, which needs parts of requests."""
    error = kind.__new__(kind)
    error.args = ("canary",)
    for name in ("status_code", "reason", "response", "error"):
        setattr(error, name, None)
    return error


@pytest.mark.parametrize("name", CLASSES)
def test_each_error_is_mapped(name: str) -> None:
    with pytest.raises(StorageError) as raised, azure_errors():
        raise _made(CLASSES[name])

    assert type(raised.value) is (StorageUnavailable if name in MAY_PASS else StorageMisconfigured)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("response", "expected"), [(response, kind) for kind, responses in RESPONSES.items() for response in responses]
)
def test_each_response_is_mapped(response: str, expected: type[StorageError]) -> None:
    status, _, code = response.partition(" ")

    assert type(build_error(int(status), code)) is expected


@pytest.mark.parametrize("kind", [ValueError, TypeError, AttributeError, KeyError])
def test_a_response_that_the_sdk_cannot_read_is_one_that_may_pass(kind: type[Exception]) -> None:
    with pytest.raises(StorageUnavailable), azure_errors():
        raise kind


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), azure_errors():
        _ = 1 / 0
