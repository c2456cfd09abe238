"""Signed requests of clients: equal to those of boto3, and no more than clients need."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import pytest

from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import ServeAs, Upload, UploadRequest
from tests.backends.uploads import BODY, checksum_of, make_backend, upload_of

NOW = datetime(2026, 11, 23, 12, 30, 15, 999_999, tzinfo=UTC)
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SPACES = {"region_name": "nyc3", "endpoint_url": "https://nyc3.digitaloceanspaces.com"}
PLACES: dict[str, dict[str, Any]] = {
    "aws": {"region_name": "eu-central-1"},
    "aws by path": {"region_name": "eu-central-1", "addressing_style": "path"},
    "aws in the first region": {"region_name": "us-east-1"},
    "temporary credentials": {"region_name": "eu-central-1", "session_token": "temporary/token+"},
    "spaces": SPACES,
    "spaces by host": {**SPACES, "addressing_style": "virtual"},
    "another port": {"endpoint_url": "http://127.0.0.1:9000"},
    "the usual port": {"endpoint_url": "https://[2A00::80]:443"},
    "capitals": {"endpoint_url": "https://store.example.com", "bucket_name": "My_Bucket.1"},
    "a path": {"region_name": "eu-central-1", "endpoint_url": "https://abc.supabase.co/storage/v1/s3"},
}
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def new_backend(place: dict[str, Any] | None = None, **settings: Any) -> S3Backend:
    given = {"bucket_name": "my-bucket", "access_key_id": KEY, "secret_access_key": SECRET, **(place or {}), **settings}
    return make_backend(S3Backend, given, f"s3://{given['bucket_name']}/tenant/")


def sign(backend: S3Backend, upload: Upload) -> UploadRequest:
    [request] = backend.instructions(upload, [upload.slice(1)])
    return request


def sdk_url(backend: S3Backend, operation: str, expires_in: int, **params: Any) -> str:
    """Return the URL that boto3 signs at NOW."""
    client = backend._client.sdk
    with patch("botocore.auth.get_current_datetime", return_value=NOW):
        params["Bucket"] = backend.settings.bucket_name
        url: str = client.generate_presigned_url(operation, Params=params, ExpiresIn=expires_in)
    return url


@everywhere
def test_urls_are_signed_as_boto3_signs_them(place: dict[str, Any]) -> None:
    """Of a PUT with every header, of parts, of downloads."""
    backend = new_backend(place, upload_method="put", server_side_encryption="aws:kms", kms_key_id="key/1")
    sha256 = checksum_of(BODY, "sha256")
    single = upload_of(10, content_type="text/plain; charset=utf-8", checksum=sha256, now=NOW)
    parts = upload_of(6, part_size=4, now=NOW, begun={"upload_id": "2~a/b+c d"})
    keys = ["tenant/uploads/a.txt", "tenant/ü +~%/(a)&b='c'?#.txt"]
    serve_as = ServeAs(filename='a "b".txt', content_type="text/plain")
    of_put = {"ContentType": "text/plain; charset=utf-8", "ChecksumSHA256": sha256.base64}
    of_put |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key/1"}
    of_parts = {"Key": parts.parts_path, "UploadId": "2~a/b+c d"}
    of_get = {
        "ResponseContentType": "text/plain",
        "ResponseContentDisposition": "attachment; filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt",
    }

    put = sign(backend, single)

    assert put.method == "PUT"
    assert put.headers == (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "key/1"),
        ("x-amz-checksum-sha256", sha256.base64),
    )
    assert [
        put.url,
        *(request.url for request in backend.instructions(parts, list(parts.slices()))),
        *(backend.get_url(key, 90, serve_as=serve_as, now=NOW) for key in keys),
    ] == [
        sdk_url(backend, "put_object", 60, Key=single.upload_path, ContentLength=10, **of_put),
        sdk_url(backend, "upload_part", 60, **of_parts, PartNumber=1, ContentLength=4),
        sdk_url(backend, "upload_part", 60, **of_parts, PartNumber=2, ContentLength=2),
        *(sdk_url(backend, "get_object", 90, Key=key, **of_get) for key in keys),
    ]


@everywhere
def test_a_form_is_signed_as_boto3_signs_it(place: dict[str, Any]) -> None:
    """For one object of one size and type: also with its checksum, until the minute that is up."""
    backend = new_backend(place, server_side_encryption="AES256")
    sha256 = checksum_of(BODY, "sha256")
    upload = upload_of(10, checksum=sha256, now=NOW)
    fields = {
        "Content-Type": "text/plain",
        "x-amz-server-side-encryption": "AES256",
        "x-amz-checksum-sha256": sha256.base64,
        "x-amz-checksum-algorithm": "SHA256",
        "success_action_status": "201",
    }
    conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", 10, 10]]
    with (
        patch("botocore.signers.get_current_datetime", return_value=NOW),
        patch("botocore.auth.get_current_datetime", return_value=NOW),
    ):
        form = backend._client.sdk.generate_presigned_post(
            backend.settings.bucket_name, upload.upload_path, Fields=fields, Conditions=conditions, ExpiresIn=60
        )

    request = sign(backend, upload)

    assert (request.method, request.file_field, request.success_status) == ("POST", "file", (201,))
    assert request.url == form["url"]
    assert list(request.fields) == list(form["fields"].items())


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
        assert (KEY in shown, SECRET in shown) == (True, False)


@pytest.mark.parametrize(
    ("endpoint", "public", "style"),
    [
        ("http://127.0.0.1:9000", "https://cdn.example.com", "path"),
        ("http://127.0.0.1:9000", "https://example.com/s3/", "path"),
        ("http://127.0.0.1:9000", "http://localhost:9000", "virtual"),
        (None, "https://s3-accelerate.amazonaws.com", "virtual"),
        (None, "https://s3.dualstack.eu-central-1.amazonaws.com", "virtual"),
    ],
)
def test_clients_get_the_urls_of_a_store_at_the_public_endpoint(endpoint: str | None, public: str, style: str) -> None:
    common = {"region_name": "eu-central-1", "upload_method": "put", "addressing_style": style}
    single, parts = upload_of(10, now=NOW), upload_of(6, part_size=4, now=NOW, begun={"upload_id": "id"})

    urls = [
        [sign(backend, single).url, sign(backend, parts).url, backend.get_url("tenant/ü a", now=NOW)]
        for settings in ({"endpoint_url": endpoint, "public_endpoint_url": public}, {"endpoint_url": public})
        for backend in [new_backend({**settings, **common})]
    ]

    assert urls[0] == urls[1]


@pytest.mark.parametrize(
    ("place", "host"),
    [({}, "my-bucket.s3.us-east-1.amazonaws.com"), ({"bucket_name": "a.b"}, "s3.us-east-1.amazonaws.com")],
)
def test_urls_have_the_host_of_their_region(place: dict[str, Any], host: str) -> None:
    """The certificate of AWS covers no bucket with dots in the host name. Other hosts are compared with boto3's."""
    backend = new_backend(place)

    assert urlsplit(sign(backend, upload_of(10)).url).netloc == host
    assert urlsplit(backend.get_url("tenant/a")).netloc == host


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


def test_the_capabilities_are_the_limits_of_s3() -> None:
    can = S3Backend.capabilities

    assert (can.parts_max, can.part_min_bytes, can.max_object_bytes) == (10_000, 5 * 1024**2, 10_000 * 5 * 1024**3)
    assert can.part_max_bytes == can.single_request_max_bytes == 5 * 1024**3
