"""Signed requests of clients: equal to those of boto3, and no more than clients need."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pytest

from fileman.backends import BackendConfig
from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import ServeAs, Upload, UploadRequest
from fileman.errors import StorageMisconfigured
from tests.backends.s3.stores import BODY, checksum_of, upload_of

NOW = datetime(2026, 11, 23, 12, 30, 15, 999_999, tzinfo=UTC)
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
PLACES: dict[str, dict[str, Any]] = {
    "aws": {"region_name": "eu-central-1"},
    "aws by path": {"region_name": "eu-central-1", "addressing_style": "path"},
    "aws in the first region": {"region_name": "us-east-1"},
    "temporary credentials": {"region_name": "eu-central-1", "session_token": "temporary/token+"},
    "spaces": {"region_name": "nyc3", "endpoint_url": "https://nyc3.digitaloceanspaces.com"},
    "spaces by host": {
        "region_name": "nyc3",
        "endpoint_url": "https://nyc3.digitaloceanspaces.com",
        "addressing_style": "virtual",
    },
    "another port": {"endpoint_url": "http://127.0.0.1:9000"},
}
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def new_backend(place: dict[str, Any] | None = None, **settings: Any) -> S3Backend:
    given = {"bucket_name": "my-bucket", "access_key_id": KEY, "secret_access_key": SECRET, **(place or {}), **settings}
    return S3Backend(
        BackendConfig(
            manager_id=uuid4(),
            backend_url="s3://my-bucket/tenant/",
            settings={name: value for name, value in given.items() if value is not None},
            supports_direct_upload=True,
        )
    )


def sign(backend: S3Backend, upload: Upload) -> UploadRequest:
    [request] = backend.instructions(upload, [upload.slice(1)])
    return request


def sdk_url(backend: S3Backend, operation: str, expires_in: int, **params: Any) -> str:
    """Return the URL that boto3 signs at NOW."""
    client = backend._client.sdk
    with patch("botocore.auth.get_current_datetime", return_value=NOW):
        url: str = client.generate_presigned_url(
            operation, Params={"Bucket": "my-bucket", **params}, ExpiresIn=expires_in
        )
    return url


def decode_policy(request: UploadRequest) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(base64.b64decode(dict(request.fields)["policy"]))
    return policy


@everywhere
def test_a_put_is_signed_as_boto3_signs_it(place: dict[str, Any]) -> None:
    backend = new_backend(place, upload_method="put", server_side_encryption="aws:kms", kms_key_id="key/1")
    upload = upload_of(10, content_type="text/plain; charset=utf-8", checksum=checksum_of(BODY, "sha256"), now=NOW)

    assert sign(backend, upload).url == sdk_url(
        backend,
        "put_object",
        60,
        Key=upload.upload_path,
        ContentLength=10,
        ContentType="text/plain; charset=utf-8",
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId="key/1",
        ChecksumSHA256=checksum_of(BODY, "sha256").base64,
    )


@everywhere
def test_a_part_is_signed_as_boto3_signs_it(place: dict[str, Any]) -> None:
    backend = new_backend(place)
    upload = upload_of(10, part_size=4, now=NOW, begun={"upload_id": "2~a/b+c d"})

    urls = [request.url for request in backend.instructions(upload, list(upload.slices()))]

    assert urls == [
        sdk_url(
            backend,
            "upload_part",
            60,
            Key=upload.parts_path,
            UploadId="2~a/b+c d",
            PartNumber=number,
            ContentLength=length,
        )
        for number, length in [(1, 4), (2, 4), (3, 2)]
    ]


@everywhere
@pytest.mark.parametrize("key", ["tenant/uploads/a.txt", "tenant/ü +~%/(a)&b='c'.txt"])
def test_a_download_is_signed_as_boto3_signs_it(place: dict[str, Any], key: str) -> None:
    backend = new_backend(place)

    url = backend.get_url(key, 90, serve_as=ServeAs(filename='a "b".txt', content_type="text/plain"), now=NOW)

    assert url == sdk_url(
        backend,
        "get_object",
        90,
        Key=key,
        ResponseContentType="text/plain",
        ResponseContentDisposition='attachment; filename="a \\"b\\".txt"',
    )


@everywhere
def test_a_form_is_signed_as_boto3_signs_it(place: dict[str, Any]) -> None:
    backend = new_backend(place, server_side_encryption="AES256")
    upload = upload_of(10, now=NOW)
    fields = {"Content-Type": "text/plain", "x-amz-server-side-encryption": "AES256", "success_action_status": "201"}
    conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", 10, 10]]
    with (
        patch("botocore.signers.get_current_datetime", return_value=NOW),
        patch("botocore.auth.get_current_datetime", return_value=NOW),
    ):
        form = backend._client.sdk.generate_presigned_post(
            "my-bucket", upload.upload_path, Fields=fields, Conditions=conditions, ExpiresIn=60
        )

    request = sign(backend, upload)

    assert request.url == form["url"]
    assert list(request.fields) == list(form["fields"].items())


def test_the_policy_allows_one_object_of_one_size_and_type() -> None:
    upload = upload_of(10, checksum=checksum_of(BODY, "sha256"), now=NOW)

    request = sign(new_backend({"region_name": "eu-central-1"}, server_side_encryption="AES256"), upload)

    assert request.method == "POST"
    assert request.file_field == "file"
    assert request.success_status == (201,)
    assert decode_policy(request) == {
        "expiration": "2026-11-23T12:31:15Z",
        "conditions": [
            {"Content-Type": "text/plain"},
            {"x-amz-server-side-encryption": "AES256"},
            {"x-amz-checksum-sha256": checksum_of(BODY, "sha256").base64},
            {"x-amz-checksum-algorithm": "SHA256"},
            {"success_action_status": "201"},
            ["content-length-range", 10, 10],
            {"bucket": "my-bucket"},
            {"key": upload.upload_path},
            {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
            {"x-amz-credential": f"{KEY}/20261123/eu-central-1/s3/aws4_request"},
            {"x-amz-date": "20261123T123015Z"},
        ],
    }


def test_a_put_holds_length_type_checksum_and_encryption() -> None:
    """Content-Length is signed, but the client's HTTP library sets it."""
    upload = upload_of(10, checksum=checksum_of(BODY, "sha256"), now=NOW)
    backend = new_backend(upload_method="put", server_side_encryption="AES256")

    request = sign(backend, upload)

    assert request.method == "PUT"
    assert request.headers == (
        ("Content-Type", "text/plain"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-checksum-sha256", checksum_of(BODY, "sha256").base64),
    )
    assert parse_qs(urlsplit(request.url).query)["X-Amz-SignedHeaders"] == [
        "content-length;content-type;host;x-amz-checksum-sha256;x-amz-server-side-encryption"
    ]
    assert unquote(urlsplit(request.url).path) == f"/{upload.upload_path}"


def test_a_md5_is_not_demanded_by_the_form() -> None:
    """S3 compares SHA-256 and CRC32C with the body. An MD5 is verified by the ETag later."""
    upload = upload_of(10, checksum=checksum_of(BODY, "md5"), now=NOW)

    fields = dict(sign(new_backend(), upload).fields)

    assert not [name for name in fields if name.startswith("x-amz-checksum")]


@pytest.mark.parametrize("place", [PLACES["aws"], PLACES["temporary credentials"]])
@pytest.mark.parametrize("upload_method", ["post", "put"])
def test_clients_get_no_secret(place: dict[str, Any], upload_method: str) -> None:
    backend = new_backend(place, upload_method=upload_method)
    single, parts = upload_of(10, now=NOW), upload_of(10, part_size=5, now=NOW, begun={"upload_id": "id"})

    given = [sign(backend, single), sign(backend, parts), backend.get_url("tenant/a", now=NOW)]

    for shown in (unquote(str(item)) for item in given):
        assert SECRET not in shown
        assert KEY in shown


@pytest.mark.parametrize(
    ("place", "host"),
    [
        ({"region_name": "eu-central-1"}, "my-bucket.s3.eu-central-1.amazonaws.com"),
        ({"region_name": "us-east-1"}, "my-bucket.s3.us-east-1.amazonaws.com"),
        ({}, "my-bucket.s3.us-east-1.amazonaws.com"),
        ({"addressing_style": "path", "region_name": "eu-west-3"}, "s3.eu-west-3.amazonaws.com"),
        ({"endpoint_url": "https://s3.example.com"}, "s3.example.com"),
        ({"endpoint_url": "https://s3.example.com", "addressing_style": "virtual"}, "my-bucket.s3.example.com"),
    ],
)
def test_urls_have_the_host_of_their_region_or_endpoint(place: dict[str, Any], host: str) -> None:
    backend = new_backend(place)

    assert urlsplit(sign(backend, upload_of(10)).url).netloc == host
    assert urlsplit(backend.get_url("tenant/a")).netloc == host


def test_a_bucket_with_dots_is_in_the_path_because_of_the_certificate() -> None:
    backend = S3Backend(
        BackendConfig(
            manager_id=uuid4(),
            backend_url="",
            settings={"bucket_name": "a.b", "region_name": "eu-west-1", "access_key_id": KEY, "secret_access_key": "s"},
            supports_direct_upload=True,
        )
    )

    assert backend.get_url("c", now=NOW).startswith("https://s3.eu-west-1.amazonaws.com/a.b/c?")


def test_keys_and_region_default_to_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKfromEnvironment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")

    from_environment = new_backend(access_key_id=None, secret_access_key=None).get_url("tenant/a", now=NOW)
    with_region = new_backend({"region_name": "eu-north-1"}).get_url("tenant/a", now=NOW)

    assert "X-Amz-Credential=AKfromEnvironment%2F20261123%2Feu-west-2%2Fs3%2Faws4_request" in from_environment
    assert f"X-Amz-Credential={KEY}%2F20261123%2Feu-north-1%2Fs3%2Faws4_request" in with_region


def test_no_endpoint_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a manager's secrets go to no host that its settings do not name."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")

    assert "elsewhere" not in new_backend({"region_name": "eu-central-1"}).get_url("tenant/a", now=NOW)


def test_missing_credentials_are_named() -> None:
    backend = new_backend(access_key_id=None, secret_access_key=None)

    with pytest.raises(StorageMisconfigured, match="No S3 credentials found"):
        backend.get_url("tenant/a")


def test_each_signature_uses_the_current_credentials() -> None:
    backend = new_backend({"session_token": "first"})
    before = backend.get_url("tenant/a", now=NOW)
    backend._client.connection.credentials.token = "second"

    after = backend.get_url("tenant/a", now=NOW)

    assert ("X-Amz-Security-Token=first" in before, "X-Amz-Security-Token=second" in after) == (True, True)


@pytest.mark.parametrize(
    ("serve_as", "disposition"),
    [
        (ServeAs(), "attachment"),
        (ServeAs(disposition="inline"), "inline"),
        (ServeAs(filename="a.txt"), 'attachment; filename="a.txt"'),
        (ServeAs(filename="ü;.txt"), "attachment; filename*=utf-8''%C3%BC%3B.txt"),
        (ServeAs(disposition="inline", filename="a.png"), 'inline; filename="a.png"'),
    ],
)
def test_a_download_is_named_by_rfc_6266(serve_as: ServeAs, disposition: str) -> None:
    query = parse_qs(urlsplit(new_backend().get_url("tenant/a", serve_as=serve_as, now=NOW)).query)

    assert query["response-content-disposition"] == [disposition]
    assert query["response-content-type"] == ["application/octet-stream"]


@pytest.mark.parametrize(
    ("expires_in", "signed"), [(None, "120"), (1, "1"), (0, "1"), (604_800, "604800"), (10**9, "604800")]
)
def test_a_download_lives_as_long_as_requested_and_a_week_at_most(expires_in: int | None, signed: str) -> None:
    url = new_backend(download_expires_in=120).get_url("tenant/a", expires_in, now=NOW)

    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == [signed]


def test_requests_are_signed_at_the_time_of_the_upload() -> None:
    elsewhere = upload_of(10, now=NOW + timedelta(days=1), expires_in=2)

    assert decode_policy(sign(new_backend(), elsewhere))["expiration"] == "2026-11-24T12:30:17Z"


def test_the_capabilities_are_the_limits_of_s3() -> None:
    capabilities = S3Backend.capabilities

    assert (capabilities.parts_max, capabilities.part_min_bytes) == (10_000, 5 * 1024**2)
    assert capabilities.part_max_bytes == capabilities.single_request_max_bytes == 5 * 1024**3
    assert capabilities.max_object_bytes == 10_000 * 5 * 1024**3


def test_the_configuration_of_the_sdk() -> None:
    """SigV4, no global host, short timeouts, two attempts."""
    client = new_backend({"region_name": "eu-central-1"})._client.sdk
    config = client.meta.config

    assert config.signature_version == "s3v4"
    assert (config.connect_timeout, config.read_timeout) == (3.0, 9.0)
    assert config.retries == {"total_max_attempts": 2, "mode": "standard"}
    assert client.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
