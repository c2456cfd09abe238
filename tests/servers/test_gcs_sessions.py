"""Resumable sessions of the Google Cloud Storage stand-in, by exact status."""

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from google.api_core.exceptions import PreconditionFailed

from tests.servers.gcs import GcsServer
from tests.servers.gcs_faults import Fault

pytest_plugins = ["tests.servers.gcs_fixtures"]

CHUNK = 256 * 1024
ORIGIN = "https://page.example"
BODY = os.urandom(3 * CHUNK + 5)


def _send(url: str, data: bytes, content_range: str | None = None, **headers: str) -> requests.Response:
    ranged = {"Content-Range": content_range} if content_range else {}
    return requests.put(url, data=data, headers=ranged | headers, timeout=30)


def _held(url: str, total: int | str = "*") -> tuple[int, str | None]:
    answer = _send(url, b"", f"bytes */{total}")
    return answer.status_code, answer.headers.get("Range")


@pytest.fixture
def blob(gcs_bucket: Any) -> Any:
    return gcs_bucket.blob("a folder/file")


@pytest.fixture
def session(blob: Any) -> str:
    """A session for all of BODY, opened for a page."""
    url: str = blob.create_resumable_upload_session(content_type="image/png", size=len(BODY), origin=ORIGIN)
    return url


def test_one_request_finishes_a_session_with_the_declared_type(blob: Any, session: str) -> None:
    response = _send(session, BODY)

    assert response.status_code == 200
    assert response.json()["size"] == str(len(BODY))
    blob.reload()
    assert (blob.size, blob.content_type, blob.download_as_bytes()) == (len(BODY), "image/png", BODY)
    assert _send(session, b"", f"bytes */{len(BODY)}").json()["generation"] == str(blob.generation)


def test_a_session_goes_on_from_the_offset_that_it_reports(blob: Any, session: str) -> None:
    assert _held(session, len(BODY)) == (308, None)
    first = _send(session, BODY[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(BODY)}")
    assert (first.status_code, first.headers["Range"]) == (308, f"bytes=0-{CHUNK - 1}")
    assert _held(session) == (308, f"bytes=0-{CHUNK - 1}")
    assert not blob.exists()

    rest = _send(session, BODY[CHUNK:], f"bytes {CHUNK}-{len(BODY) - 1}/{len(BODY)}")

    assert rest.status_code == 200
    assert blob.download_as_bytes() == BODY


def test_bytes_that_the_session_holds_already_are_skipped(blob: Any, session: str) -> None:
    _send(session, BODY[: 2 * CHUNK], f"bytes 0-{2 * CHUNK - 1}/{len(BODY)}")

    again = bytes(CHUNK) + BODY[2 * CHUNK :]

    assert _send(session, again, f"bytes {CHUNK}-{len(BODY) - 1}/{len(BODY)}").status_code == 200
    assert blob.download_as_bytes() == BODY


def test_the_size_declared_at_the_start_is_enforced(blob: Any, session: str) -> None:
    longer = BODY + b"!"

    assert _send(session, longer).status_code == 400
    assert _send(session, BODY[:-1]).status_code == 400
    assert _send(session, longer, f"bytes 0-{len(BODY)}/{len(longer)}").status_code == 400
    assert _send(session, longer, f"bytes 0-{len(BODY)}/*").status_code == 400
    assert _held(session) == (308, None)
    assert not blob.exists()


def test_a_chunk_that_is_not_the_last_must_be_a_multiple_of_256_kib(session: str) -> None:
    assert _send(session, BODY[: CHUNK + 1], f"bytes 0-{CHUNK}/{len(BODY)}").status_code == 400
    assert _send(session, BODY[:CHUNK], f"bytes 0-{CHUNK}/{len(BODY)}").status_code == 400
    assert _held(session) == (308, None)


def test_a_gap_is_refused_and_loses_nothing(session: str) -> None:
    _send(session, BODY[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(BODY)}")

    gap = _send(session, BODY[2 * CHUNK :], f"bytes {2 * CHUNK}-{len(BODY) - 1}/{len(BODY)}")

    assert gap.status_code == 503
    assert _held(session) == (308, f"bytes=0-{CHUNK - 1}")


def test_a_cancelled_session_answers_499_for_ever(blob: Any, session: str) -> None:
    _send(session, BODY[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(BODY)}")

    assert requests.delete(session, timeout=10).status_code == 499
    assert _send(session, BODY).status_code == 499
    assert _held(session) == (499, None)
    assert requests.delete(session, timeout=10).status_code == 499
    assert not blob.exists()


def test_a_finished_session_can_not_be_cancelled(blob: Any, session: str) -> None:
    _send(session, BODY)

    assert requests.delete(session, timeout=10).status_code == 404
    assert blob.exists()


def test_an_unknown_session_answers_404(session: str) -> None:
    assert _send(session + "0", BODY).status_code == 404
    assert requests.delete(session + "0", timeout=10).status_code == 404


def test_a_connection_that_breaks_leaves_whole_multiples_of_256_kib(
    gcs_server: GcsServer, blob: Any, session: str
) -> None:
    gcs_server.inject(Fault(method="PUT", path_contains=urlsplit(session).query, cut_after_bytes=2 * CHUNK + 7))

    with pytest.raises(requests.ConnectionError):
        _send(session, BODY)

    assert _held(session) == (308, f"bytes=0-{2 * CHUNK - 1}")
    rest = _send(session, BODY[2 * CHUNK :], f"bytes {2 * CHUNK}-{len(BODY) - 1}/{len(BODY)}")
    assert rest.status_code == 200
    assert blob.download_as_bytes() == BODY


def test_a_create_only_session_is_refused_at_the_start_and_at_the_end(blob: Any) -> None:
    url = blob.create_resumable_upload_session(if_generation_match=0)
    blob.upload_from_string(b"first")

    with pytest.raises(PreconditionFailed):
        blob.create_resumable_upload_session(if_generation_match=0)
    assert _send(url, BODY).status_code == 412
    assert blob.download_as_bytes() == b"first"


def test_a_session_whose_declared_checksum_is_wrong_stores_nothing(blob: Any) -> None:
    blob.crc32c = "AAAAAA=="
    url = blob.create_resumable_upload_session()

    assert _send(url, BODY).status_code == 400
    assert not blob.exists()


def test_only_the_page_that_a_session_was_opened_for_may_use_it(gcs_bucket: Any, session: str) -> None:
    gcs_bucket.cors = [{"origin": ["*"], "method": ["*"], "responseHeader": ["*"]}]
    gcs_bucket.patch()
    ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-range"}

    preflight = requests.options(session, headers=ask | {"Origin": ORIGIN}, timeout=10)
    other = requests.options(session, headers=ask | {"Origin": "https://other.example"}, timeout=10)

    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-range"
    assert (other.status_code, "Access-Control-Allow-Origin" in other.headers) == (200, False)
    chunk = _send(session, BODY[:CHUNK], f"bytes 0-{CHUNK - 1}/{len(BODY)}", Origin=ORIGIN)
    assert (chunk.status_code, chunk.headers["Access-Control-Allow-Origin"]) == (308, ORIGIN)
    assert "Access-Control-Allow-Origin" not in _send(session, b"", "bytes */*", Origin="https://other.example").headers


def test_a_session_opened_without_an_origin_lets_no_page_in(blob: Any) -> None:
    url = blob.create_resumable_upload_session(size=3)

    response = _send(url, b"abc", Origin=ORIGIN)

    assert (response.status_code, "Access-Control-Allow-Origin" in response.headers) == (200, False)


def test_an_empty_object_needs_one_empty_request(blob: Any) -> None:
    url = blob.create_resumable_upload_session(size=0)

    assert _send(url, b"").status_code == 200
    assert blob.download_as_bytes() == b""
