"""Signed URLs and requests: equal to those of Google's own library, and no more than clients need."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from google.cloud.storage import _signing as google_signing

from fileman.backends.base import Backend
from fileman.backends.gcs.settings import GOOGLE
from fileman.backends.values import ServeAs, Upload
from tests.backends.gcs.stores import Store
from tests.backends.uploads import BODY, checksum_of, only_request, query_of, upload_of
from tests.servers.gcs import EMAIL

NOW = datetime(2026, 11, 23, 18, 0, 15, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
"""Signatures name the time in UTC, whatever zone `now` is in."""


def signed_by_google(store: Store, method: str, name: str, expires_in: int, **signed: Any) -> str:
    """The URL that Google's library signs at NOW."""
    with patch.object(google_signing, "get_v4_now_dtstamps", return_value=("20261123T123015Z", "20261123")):
        url: str = store.bucket.blob(name).generate_signed_url(
            version="v4", method=method, expiration=timedelta(seconds=expires_in), **signed
        )
    return url


@pytest.mark.parametrize("name", ["a", "tenant/.uploads/x-1_2.3~4", "with space+plus", "„ü“.png", "100%/a&b=c?d#e"])
def test_urls_are_those_that_google_signs(store: Store, name: str) -> None:
    headers = {"Content-Type": "image/png", "x-goog-content-length-range": "5,5", "x-goog-hash": "md5=  a  b "}
    serve_as = ServeAs(disposition="attachment", filename="a b.png", content_type="image/png")
    served = {"response_type": "image/png", "response_disposition": 'attachment; filename="a b.png"'}
    backend = store.backend()

    upload_url = backend._signer.sign("PUT", name, query={}, headers=headers, expires_in=3600, now=NOW)
    download_url = backend.get_url(name, 60, serve_as=serve_as, now=NOW)

    assert upload_url == signed_by_google(store, "PUT", name, 3600, headers=headers)
    assert download_url == signed_by_google(store, "GET", name, 60, **served)


SESSION = "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=a&upload_id=x"
PRIVATE = "https://storage-mine.p.googleapis.com"


def test_a_domain_that_is_bound_to_the_bucket_serves_downloads_alone(store: Store) -> None:
    """Without the bucket in the path. Uploads go to Google's own host."""
    cdn = "https://cdn.example.com"
    for endpoint in (None, PRIVATE):
        backend = store.backend(endpoint=endpoint, public_endpoint_url=f"{cdn}/")
        upload = replace(upload_of(session=True), begun={"session": f"{endpoint or GOOGLE}{SESSION}"})

        assert backend.get_url("ü a", 60, now=NOW) == signed_by_google(
            store, "GET", "ü a", 60, bucket_bound_hostname=cdn, response_type="application/octet-stream",
            response_disposition="attachment",
        )  # fmt: skip
        assert backend.instructions(upload_of(), [upload_of().slice(1)])[0].url.startswith(f"{GOOGLE}/bucket-")
        assert backend.instructions(upload, [upload.slice(1)])[0].url == f"{GOOGLE}{SESSION}"


def test_another_host_of_the_endpoint_serves_everything(store: Store) -> None:
    for endpoint, public in ((PRIVATE, GOOGLE), ("http://127.0.0.1:4443", "https://gcs.example.com")):
        backend = store.backend(endpoint=endpoint, public_endpoint_url=public)
        upload = replace(upload_of(session=True), begun={"session": f"{endpoint}{SESSION}"})

        assert backend.get_url("a", 60, now=NOW) == store.backend(endpoint=public).get_url("a", 60, now=NOW)
        assert backend.instructions(upload, [upload.slice(1)])[0].url == f"{public}{SESSION}"


@pytest.mark.parametrize("url", ["https://gcs.example.com:443", "http://127.0.0.1:80"])
def test_the_usual_port_is_not_signed_because_clients_do_not_send_it(url: str, store: Store) -> None:
    urls = [store.backend(endpoint=host).get_url("a", 60, now=NOW) for host in (url, url.rpartition(":")[0])]

    assert query_of(urls[0]) == query_of(urls[1])


def granted(backend: Backend, upload: Upload) -> tuple[Mapping[str, str], Mapping[str, str]]:
    request = only_request(backend, upload)
    assert (request.method, request.fields, request.file_field) == ("PUT", (), None)
    return dict(request.headers), query_of(request.url)


def test_a_grant_signs_type_exact_size_and_life(store: Store) -> None:
    headers, query = granted(store.backend(), upload_of(28, content_type="image/png", expires_in=90, now=NOW))

    assert headers == {"Content-Type": "image/png", "x-goog-content-length-range": "28,28"}
    assert query["X-Goog-SignedHeaders"] == "content-type;host;x-goog-content-length-range"
    assert (query["X-Goog-Expires"], query["X-Goog-Algorithm"]) == ("90", "GOOG4-RSA-SHA256")


@pytest.mark.parametrize("algorithm", ["crc32c", "md5", "sha256"])
def test_only_a_checksum_that_google_computes_is_signed_in(store: Store, algorithm: str) -> None:
    """SHA-256 is computed at finalize."""
    checksum = checksum_of(BODY, algorithm)

    headers, query = granted(store.backend(), upload_of(checksum=checksum))

    is_signed = algorithm != "sha256"
    assert headers.get("x-goog-hash") == (f"{algorithm}={checksum.base64}" if is_signed else None)
    assert ("x-goog-hash" in query["X-Goog-SignedHeaders"].split(";")) is is_signed


def test_a_grant_holds_no_secret(store: Store) -> None:
    """The account's name is in it, its key and our access token are not."""
    backend = store.backend()
    upload = upload_of()
    shown = repr(only_request(backend, upload))

    assert EMAIL in unquote(shown)
    assert backend._client.credentials.token not in shown
    assert "PRIVATE KEY" not in shown
    assert upload.file_path not in unquote(shown)
