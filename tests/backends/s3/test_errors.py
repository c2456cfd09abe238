"""No error of the SDK leaves the backend: each becomes one of fileman."""

import inspect
import io
import logging
from collections.abc import Sequence

import pytest
from botocore import exceptions as sdk

from fileman.backends.s3.errors import s3_errors
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable
from tests.backends.s3.stores import Store, on
from tests.backends.uploads import BODY, CALLS, checksum_of, upload_of

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


RESPONSES: dict[type[StorageError], Sequence[str]] = {
    FileMissing: ("404 NoSuchKey", "404 NoSuchUpload"),
    ObjectChanged: ("412 PreconditionFailed", "409 ConditionalRequestConflict", "400 InvalidPart"),
    StorageUnavailable: (
        *("404 404", "404 ", "409 OperationAborted", "400 RequestTimeout", "429 TooManyRequests"),
        *("500 InternalError", "503 SlowDown", "307 TemporaryRedirect"),
    ),
    StorageMisconfigured: (
        *("404 NoSuchBucket", "501 NotImplemented", "301 PermanentRedirect", "400 AuthorizationHeaderMalformed"),
        *("400 ExpiredToken", "401 Unauthorized", "403 AccessDenied", "403 InvalidAccessKeyId"),
        *("403 SignatureDoesNotMatch", "403 RequestTimeTooSkewed"),
    ),
}


@pytest.mark.parametrize(
    ("response", "expected"), [(response, kind) for kind, responses in RESPONSES.items() for response in responses]
)
def test_each_error_response_is_mapped(response: str, expected: type[StorageError]) -> None:
    status, _, code = response.partition(" ")
    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": int(status)}}

    with pytest.raises(StorageError) as raised, s3_errors():
        raise sdk.ClientError(answer, "GetObject")

    assert type(raised.value) is expected


@on("radosgw")
@pytest.mark.parametrize("name", CALLS)
def test_wrong_credentials_need_an_operator(store: Store, name: str) -> None:
    upload = upload_of(9, part_size=5, begun={"upload_id": "u"}) if name.endswith("large") else upload_of(9)

    with pytest.raises(StorageMisconfigured):
        CALLS[name](store.backend(secret_access_key="wrong"), upload)


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
