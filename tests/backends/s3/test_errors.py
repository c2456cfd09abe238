"""No error of the SDK leaves the backend: each becomes one of fileman."""

import inspect
import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as sdk

from fileman.backends.s3.backend import S3Backend
from fileman.backends.s3.errors import s3_errors
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable
from tests.backends.s3.stores import BODY, Store, checksum_of, on, upload_of
from tests.backends.s3.test_time_limit import CALLS
from tests.servers.process import free_port

MAY_PASS = {
    "CapacityNotAvailableError", "ChecksumError", "ConnectTimeoutError", "ConnectionClosedError", "ConnectionError",
    "EndpointConnectionError", "FlexibleChecksumError", "HTTPClientError", "IncompleteReadError",
    "MetadataRetrievalError", "ProxyConnectionError", "ReadTimeoutError", "ResponseStreamingError", "SSLError",
}  # fmt: skip
BY_STATUS = {"ClientError", "EventStreamError"}
BUGS = {"UndefinedModelAttributeError", "MissingServiceIdError"}
"""Raised for a broken description of a service. They must show as bugs."""


def sdk_errors() -> dict[str, type[Exception]]:
    return {
        name: found
        for name, found in inspect.getmembers(sdk, inspect.isclass)
        if issubclass(found, Exception) and not issubclass(found, Warning) and found.__module__ == sdk.__name__
    }


@pytest.mark.parametrize("name", sorted(sdk_errors().keys() - BY_STATUS - BUGS))
def test_each_error_of_the_sdk_is_mapped(name: str) -> None:
    """Those that may not pass need an operator, also new ones of the next version."""
    error = sdk_errors()[name].__new__(sdk_errors()[name])

    with pytest.raises(StorageError) as raised, s3_errors():
        raise error

    assert type(raised.value) is (StorageUnavailable if name in MAY_PASS else StorageMisconfigured)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "NoSuchKey", FileMissing),
        (404, "404", StorageUnavailable),
        (404, "", StorageUnavailable),
        (404, "NoSuchUpload", FileMissing),
        (404, "NoSuchBucket", StorageMisconfigured),
        (412, "PreconditionFailed", ObjectChanged),
        (409, "ConditionalRequestConflict", ObjectChanged),
        (400, "InvalidPart", ObjectChanged),
        (409, "OperationAborted", StorageUnavailable),
        (400, "RequestTimeout", StorageUnavailable),
        (429, "TooManyRequests", StorageUnavailable),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
        (307, "TemporaryRedirect", StorageUnavailable),
        (501, "NotImplemented", StorageMisconfigured),
        (301, "PermanentRedirect", StorageMisconfigured),
        (400, "AuthorizationHeaderMalformed", StorageMisconfigured),
        (400, "ExpiredToken", StorageMisconfigured),
        (401, "Unauthorized", StorageMisconfigured),
        (403, "AccessDenied", StorageMisconfigured),
        (403, "InvalidAccessKeyId", StorageMisconfigured),
        (403, "SignatureDoesNotMatch", StorageMisconfigured),
        (403, "RequestTimeTooSkewed", StorageMisconfigured),
    ],
)
def test_each_error_response_is_mapped(status: int, code: str, expected: type[StorageError]) -> None:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    with pytest.raises(StorageError) as raised, s3_errors():
        raise sdk.ClientError(response, "GetObject")

    assert type(raised.value) is expected


@on("moto")
def test_an_unreachable_storage_is_unavailable(store: Store) -> None:
    with pytest.raises(StorageUnavailable) as raised:
        store.backend(endpoint_url=f"http://127.0.0.1:{free_port()}").stat("a")

    assert raised.value.retryable


@on("radosgw")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_wrong_credentials_need_an_operator(store: Store, call: Callable[[S3Backend], Any]) -> None:
    with pytest.raises(StorageMisconfigured):
        call(store.backend(secret_access_key="wrong"))


@on("moto")
def test_a_declared_sha256_is_computed_while_the_bytes_pass_through_us(store: Store) -> None:
    upload = upload_of(len(BODY), checksum=checksum_of(BODY, "sha256"))

    stored = store.backend(direct=False).write(upload, upload.slice(1), io.BytesIO(BODY))

    assert stored is not None
    assert (stored.size, stored.content_type) == (len(BODY), "text/plain")
    assert stored.checksums == {"sha256": checksum_of(BODY, "sha256").hexdigest}


@on("radosgw")
def test_the_log_has_one_name_and_neither_secret_nor_signature(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Of fileman's loggers at DEBUG."""
    caplog.set_level(logging.DEBUG, logger="fileman")
    backend = store.backend()
    upload = upload_of(len(BODY))
    request = backend.instructions(upload, backend.missing(upload))[0]
    url = backend.get_url("tenant/a")

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("fileman")]
    assert ours == ["S3 returned 404 404 for HeadObject"]
    shown = caplog.text
    assert store.server.secret_access_key not in shown
    assert url.rpartition("=")[2] not in shown
    assert dict(request.fields)["x-amz-signature"] not in shown
