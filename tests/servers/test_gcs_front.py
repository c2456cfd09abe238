"""What the Google Cloud Storage stand-in enforces on signed URLs, by exact status and error code."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.gcs import GcsServer
from tests.servers.gcs_client import credentials_of

pytest_plugins = ["tests.servers.gcs_fixtures"]

BODY = b"0123456789"
LIMIT = {"x-goog-content-length-range": "5,50"}


def _signed(blob: Any, method: str, **options: Any) -> str:
    url: str = blob.generate_signed_url(version="v4", method=method, **{"expiration": 60, **options})
    return url


def _put(url: str, *, data: Any = BODY, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.put(url, data=data, headers=headers, timeout=30)


def _verdict(response: requests.Response) -> tuple[int, str]:
    code = response.text.partition("<Code>")[2].partition("</Code>")[0]
    return response.status_code, code


def _md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _assert_refused(blob: Any, response: requests.Response, status: int, code: str) -> None:
    assert _verdict(response) == (status, code)
    assert not blob.exists()


def test_a_signed_put_stores_the_body_with_its_headers(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("a folder/räksmörgås +%&.txt")
    headers = {"Content-Type": "text/plain", "Content-Encoding": "br", "x-goog-meta-colour": "red"} | LIMIT

    response = _put(_signed(blob, "PUT", headers=headers), headers=headers)

    blob.reload()
    assert response.status_code == 200
    assert response.headers["ETag"] == f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"'
    assert response.headers["x-goog-generation"] == str(blob.generation)
    assert response.headers["x-goog-hash"] == f"crc32c={blob.crc32c},md5={blob.md5_hash}"
    assert (blob.size, blob.md5_hash, blob.crc32c) == (10, _md5(BODY), "KAwGng==")
    assert (blob.content_type, blob.content_encoding, blob.metadata) == ("text/plain", "br", {"colour": "red"})
    assert blob.metageneration == 1
    assert datetime.now(UTC) - blob.updated < timedelta(minutes=1)


def test_a_put_with_another_content_type_than_the_signed_one_is_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    url = _signed(blob, "PUT", content_type="image/png")

    _assert_refused(blob, _put(url, headers={"Content-Type": "text/html"}), 403, "SignatureDoesNotMatch")
    _assert_refused(blob, _put(url), 403, "SignatureDoesNotMatch")


def test_a_tampered_signature_name_expiry_or_query_is_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    url = _signed(blob, "PUT")
    last = "0" if url[-1] != "0" else "1"

    for tampered in (
        url[:-1] + last,
        url.replace("/file?", "/other?"),
        url.replace("X-Goog-Expires=60", "X-Goog-Expires=61"),
        url + "&response-content-type=text/html",
        url + "&X-Goog-Signature=",
    ):
        expected = 400 if tampered.count("X-Goog-Signature") == 2 else 403
        assert _put(tampered).status_code == expected
    assert list(gcs_bucket.list_blobs()) == []


def test_a_url_signed_by_another_key_or_account_is_refused(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other_key = {"private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()}
    other_account = {"client_email": "someone@else.iam.gserviceaccount.com"}

    for changed, code in ((other_key, "SignatureDoesNotMatch"), (other_account, "AccessDenied")):
        url = _signed(blob, "PUT", credentials=credentials_of(gcs_server.service_account_info | changed))
        _assert_refused(blob, _put(url), 403, code)


def test_an_expired_url_is_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    past = datetime.now(UTC) - timedelta(seconds=120)
    stamps = (past.strftime("%Y%m%dT%H%M%SZ"), past.strftime("%Y%m%d"))

    with patch("google.cloud.storage._signing.get_v4_now_dtstamps", return_value=stamps):
        url, long_enough = _signed(blob, "PUT"), _signed(blob, "PUT", expiration=180)

    _assert_refused(blob, _put(url), 400, "ExpiredToken")
    assert _put(long_enough).status_code == 200


def test_a_url_that_lasts_longer_than_seven_days_is_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    with patch("google.cloud.storage._signing.SEVEN_DAYS", 10**6):
        url, week = _signed(blob, "PUT", expiration=604_801), _signed(blob, "PUT", expiration=604_800)

    _assert_refused(blob, _put(url), 400, "InvalidArgument")
    assert _put(week).status_code == 200


def test_a_request_without_a_signature_is_refused(gcs_server: GcsServer, gcs_bucket: Any) -> None:
    url = f"{gcs_server.endpoint}/{gcs_bucket.name}/file"
    blob = gcs_bucket.blob("file")

    _assert_refused(blob, _put(url), 403, "AccessDenied")
    blob.upload_from_string(BODY)
    assert _verdict(requests.get(url, timeout=10)) == (403, "AccessDenied")
    assert requests.head(url, timeout=10).status_code == 403
    assert _verdict(requests.delete(url, timeout=10)) == (403, "AccessDenied")
    assert blob.exists()


def test_a_url_for_one_method_serves_no_other(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    blob.upload_from_string(BODY)
    put, get = _signed(blob, "PUT"), _signed(blob, "GET")

    assert _verdict(requests.get(put, timeout=10)) == (403, "SignatureDoesNotMatch")
    assert requests.head(get, timeout=10).status_code == 403
    assert _verdict(requests.delete(put, timeout=10)) == (403, "SignatureDoesNotMatch")
    assert _verdict(_put(get, data=b"other")) == (403, "SignatureDoesNotMatch")
    assert blob.download_as_bytes() == BODY


def test_google_headers_that_were_not_signed_are_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    url = _signed(blob, "PUT")

    for header in ("x-goog-meta-colour", "x-goog-if-generation-match", "X-Goog-Acl"):
        _assert_refused(blob, _put(url, headers={header: "0"}), 403, "AccessDenied")


def test_the_signed_length_range_is_enforced_for_both_kinds_of_body(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    url = _signed(blob, "PUT", headers=LIMIT)

    _assert_refused(blob, _put(url, data=b"x" * 51, headers=LIMIT), 400, "EntityTooLarge")
    _assert_refused(blob, _put(url, data=b"x" * 4, headers=LIMIT), 400, "EntityTooSmall")
    _assert_refused(blob, _put(url, data=iter([b"x" * 25, b"x" * 26]), headers=LIMIT), 400, "EntityTooLarge")
    _assert_refused(blob, _put(url, data=iter([b"x" * 4]), headers=LIMIT), 400, "EntityTooSmall")
    _assert_refused(blob, _put(url), 403, "SignatureDoesNotMatch")
    assert _put(url, data=iter([b"x" * 25, b"x" * 25]), headers=LIMIT).status_code == 200
    assert blob.download_as_bytes() == b"x" * 50


def test_a_body_that_differs_from_its_checksums_is_refused(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    wrong = hashlib.sha256(b"other").hexdigest()
    for headers, code in (
        ({"Content-MD5": _md5(b"other")}, "BadDigest"),
        ({"Content-MD5": "no base64"}, "InvalidDigest"),
        ({"x-goog-hash": "crc32c=AAAAAA=="}, "BadDigest"),
        ({"x-goog-hash": f"md5={_md5(b'other')}"}, "BadDigest"),
        ({"x-goog-hash": "crc32c=A"}, "InvalidDigest"),
        ({"x-goog-content-sha256": wrong}, "BadDigest"),
    ):
        _assert_refused(blob, _put(_signed(blob, "PUT", headers=headers), headers=headers), 400, code)

    right = {
        "Content-MD5": _md5(BODY),
        "x-goog-hash": f"crc32c=KAwGng==,md5={_md5(BODY)}",
        "x-goog-content-sha256": hashlib.sha256(BODY).hexdigest(),
    }
    assert _put(_signed(blob, "PUT", headers=right), headers=right).status_code == 200


def test_a_create_only_put_does_not_replace(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    create_only = {"x-goog-if-generation-match": "0"}
    url = _signed(blob, "PUT", headers=create_only)

    assert _put(url, headers=create_only).status_code == 200
    assert _verdict(_put(url, data=b"other", headers=create_only)) == (412, "PreconditionFailed")
    assert blob.download_as_bytes() == BODY


def test_a_signed_get_overrides_type_and_disposition(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    blob.upload_from_string(BODY, content_type="text/html")
    url = _signed(blob, "GET", response_type="text/plain", response_disposition='attachment; filename="ä b.txt"')

    response = requests.get(url, timeout=10)

    assert (response.status_code, response.content) == (200, BODY)
    assert response.headers["Content-Type"] == "text/plain"
    assert response.headers["Content-Disposition"].encode("latin-1").decode() == 'attachment; filename="ä b.txt"'


def test_a_signed_get_serves_ranges(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    blob.upload_from_string(BODY)
    url = _signed(blob, "GET")

    for asked, expected, where in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-4", b"6789", "bytes 6-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ):
        response = requests.get(url, headers={"Range": asked}, timeout=10)
        assert (response.status_code, response.content) == (206, expected)
        assert response.headers["Content-Range"] == where
    assert _verdict(requests.get(url, headers={"Range": "bytes=10-"}, timeout=10)) == (416, "InvalidRange")


def test_head_and_delete_work_signed_and_answer_404_for_what_is_absent(gcs_bucket: Any) -> None:
    blob = gcs_bucket.blob("file")
    blob.upload_from_string(BODY)

    head = requests.head(_signed(blob, "HEAD"), timeout=10)

    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "10", b"")
    assert requests.delete(_signed(blob, "DELETE"), timeout=10).status_code == 204
    assert _verdict(requests.delete(_signed(blob, "DELETE"), timeout=10)) == (404, "NoSuchKey")
    assert _verdict(requests.get(_signed(blob, "GET"), timeout=10)) == (404, "NoSuchKey")


def test_a_bucket_that_does_not_exist_is_named_in_the_refusal(gcs_bucket: Any) -> None:
    blob = gcs_bucket.client.bucket("bucket-that-is-not-there").blob("file")

    assert _verdict(_put(_signed(blob, "PUT"))) == (404, "NoSuchBucket")


def test_only_the_rules_of_the_bucket_let_a_page_in(gcs_bucket: Any) -> None:
    url = _signed(gcs_bucket.blob("file"), "PUT")
    ask = {"Origin": "https://page.example", "Access-Control-Request-Method": "PUT"}

    assert "Access-Control-Allow-Origin" not in requests.options(url, headers=ask, timeout=10).headers
    gcs_bucket.cors = [
        {"origin": ["https://page.example"], "method": ["PUT"], "responseHeader": ["Content-Type"], "maxAgeSeconds": 60}
    ]
    gcs_bucket.patch()

    preflight = requests.options(url, headers=ask, timeout=10)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert preflight.headers["Access-Control-Allow-Methods"] == "PUT"
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert preflight.headers["Access-Control-Max-Age"] == "60"
    for changed in ({"Origin": "https://other.example"}, {"Access-Control-Request-Method": "GET"}):
        answer = requests.options(url, headers=ask | changed, timeout=10)
        assert (answer.status_code, "Access-Control-Allow-Origin" in answer.headers) == (200, False)
    put = _put(url, headers={"Origin": "https://page.example"})
    assert (put.status_code, put.headers["Access-Control-Allow-Origin"]) == (200, "https://page.example")
    assert put.headers["Access-Control-Expose-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Origin" not in _put(url, headers={"Origin": "https://other.example"}).headers
    refused = _put(url + "0", headers={"Origin": "https://page.example"})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (403, "https://page.example")
