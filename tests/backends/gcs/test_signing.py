"""What clients are given: equal to what Google's own library signs, and no more than they need."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests
from google.cloud.storage import _signing as google_signing

from fileman.backends.gcs.backend import GCSBackend
from fileman.backends.values import ServeAs, Upload
from tests.backends.gcs.stores import BODY, Store, checksum_of, only_request, upload_of

NOW = datetime(2026, 11, 23, 12, 30, 15, 999_999, tzinfo=UTC)
NAMES = ["a", "tenant/.uploads/x-1_2.3~4", "with space+plus", "Übersicht „2026“.png", "100%/a&b=c?d#e"]


def query_of(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def googles(store: Store, method: str, name: str, expires_in: int, **signed: Any) -> str:
    """What Google's library signs at NOW."""
    with patch.object(google_signing, "get_v4_now_dtstamps", return_value=("20261123T123015Z", "20261123")):
        url: str = store.bucket.blob(name).generate_signed_url(
            version="v4", method=method, expiration=timedelta(seconds=expires_in), **signed
        )
    return url


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_address_is_the_one_that_google_signs(store: Store, name: str) -> None:
    headers = {"Content-Type": "image/png", "x-goog-content-length-range": "5,5", "x-goog-hash": "md5=  a  b "}

    ours = store.backend()._signer.sign("PUT", name, headers=headers, expires_in=3600, now=NOW)

    assert ours == googles(store, "PUT", name, 3600, headers=headers)


@pytest.mark.parametrize("name", NAMES)
def test_a_download_address_is_the_one_that_google_signs(store: Store, name: str) -> None:
    serve_as = ServeAs(disposition="attachment", filename="a b.png", content_type="image/png")

    ours = store.backend().get_url(name, 60, serve_as=serve_as, now=NOW)

    disposition = 'attachment; filename="a b.png"'
    assert ours == googles(store, "GET", name, 60, response_type="image/png", response_disposition=disposition)


def test_the_time_of_a_signature_is_the_callers(store: Store) -> None:
    """In UTC, whatever zone `now` is in."""
    local = NOW.astimezone(tz=datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo)

    query = query_of(store.backend().get_url("a", 60, now=local))

    assert (query["X-Goog-Date"], query["X-Goog-Expires"]) == ("20261123T123015Z", "60")


@pytest.mark.parametrize(("asked", "signed"), [(0, "1"), (5, "5"), (10**9, "604800"), (None, "77")])
def test_the_life_of_a_download_address_is_clamped(store: Store, asked: int | None, signed: str) -> None:
    backend = store.backend(download_expires_in=77)

    assert query_of(backend.get_url("a", asked))["X-Goog-Expires"] == signed


def _granted(backend: GCSBackend, upload: Upload) -> tuple[Mapping[str, str], Mapping[str, str]]:
    request = only_request(backend, upload)
    assert (request.method, request.fields, request.file_field) == ("PUT", (), None)
    return dict(request.headers), query_of(request.url)


def test_a_grant_signs_type_exact_size_and_life(store: Store) -> None:
    headers, query = _granted(store.backend(), upload_of(28, content_type="image/png", expires_in=90, now=NOW))

    assert headers == {"Content-Type": "image/png", "x-goog-content-length-range": "28,28"}
    assert query["X-Goog-SignedHeaders"] == "content-type;host;x-goog-content-length-range"
    assert query["X-Goog-Expires"] == "90"
    assert query["X-Goog-Algorithm"] == "GOOG4-RSA-SHA256"


@pytest.mark.parametrize("algorithm", ["crc32c", "md5"])
def test_a_checksum_that_google_computes_is_signed_in(store: Store, algorithm: str) -> None:
    checksum = checksum_of(BODY, algorithm)

    headers, query = _granted(store.backend(), upload_of(checksum=checksum))

    assert headers["x-goog-hash"] == f"{algorithm}={checksum.base64}"
    assert "x-goog-hash" in query["X-Goog-SignedHeaders"].split(";")


def test_a_checksum_that_google_does_not_know_is_not_sent(store: Store) -> None:
    """It is computed at finalize."""
    headers, query = _granted(store.backend(), upload_of(checksum=checksum_of(BODY, "sha256")))

    assert set(headers) == {"Content-Type", "x-goog-content-length-range"}
    assert "x-goog-hash" not in query["X-Goog-SignedHeaders"]


def test_a_grant_names_the_upload_path_of_the_right_host_alone(store: Store) -> None:
    upload = upload_of()

    url = urlsplit(only_request(store.backend(), upload).url)

    assert f"{url.scheme}://{url.netloc}" == store.server.endpoint
    assert unquote(url.path) == f"/{store.bucket.name}/{upload.upload_path}"


def test_a_grant_holds_no_secret(store: Store) -> None:
    """The account's name is in it, its key and our access token are not."""
    backend = store.backend()
    upload = upload_of()
    granted = repr(only_request(backend, upload))

    assert store.server.client_email in unquote(granted)
    assert backend._client.credentials.token not in granted
    assert "PRIVATE KEY" not in granted
    assert upload.file_path not in unquote(granted)


@pytest.mark.parametrize(
    "name", ['quo"te.png', "back\\slash.png", "semi;colon.png", "Übersicht „2026“.png", "写真.png"]
)
def test_a_download_has_the_name_and_type_that_were_signed(store: Store, name: str) -> None:
    store.put("stored", b"<b>bytes</b>", content_type="text/html")
    serve_as = ServeAs(disposition="attachment", filename=name, content_type="application/octet-stream")

    answer = requests.get(store.backend().get_url("stored", serve_as=serve_as), timeout=10)

    message = EmailMessage()
    message["Content-Disposition"] = answer.headers["Content-Disposition"]
    assert (answer.status_code, answer.content) == (200, b"<b>bytes</b>")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert message.get_content_disposition() == "attachment"
    assert message.get_filename() == name
