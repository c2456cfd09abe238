"""Every error of Google's libraries and every error response of Google becomes one of ours."""

from collections.abc import Iterator
from typing import Any

import google.auth.exceptions
import pytest
import requests
import urllib3.exceptions
from google.api_core import exceptions as api_core

from fileman.backends.gcs.errors import Refused, gcs_errors
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable
from tests.backends.gcs.stores import Store
from tests.backends.uploads import CALLS, upload_of
from tests.servers.proxy import Answer, answering, json_answer

TRANSIENT_OF_AUTH = {"TransportError", "TimeoutError", "ResponseError"}
TRANSIENT_STATUS = {408, 429, 500, 502, 503, 504}


def family(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


def of_library(root: type[BaseException]) -> dict[str, type[BaseException]]:
    return {kind.__name__: kind for kind in family(root) if kind.__module__ == root.__module__}


def mapped(error: BaseException) -> type[StorageError]:
    with pytest.raises(StorageError) as caught, gcs_errors():
        raise error
    assert caught.value.__cause__ is not None
    return type(caught.value)


def bare(kind: type[BaseException]) -> BaseException:
    """An error without the arguments that its class wants."""
    return kind.__new__(kind)


def test_every_error_of_google_auth_is_mapped() -> None:
    kinds = of_library(google.auth.exceptions.GoogleAuthError)

    results = {name: mapped(kind("text")) for name, kind in kinds.items()}

    assert len(kinds) >= 17
    assert {name for name, kind in results.items() if kind is StorageUnavailable} == TRANSIENT_OF_AUTH
    assert set(results.values()) == {StorageUnavailable, StorageMisconfigured}


def test_a_token_refused_for_a_transient_reason_is_a_transient_error() -> None:
    """A machine of Google's wraps the time-out of its metadata server."""
    refresh_error: Any = google.auth.exceptions.RefreshError
    wrapped = refresh_error("text")
    wrapped.__cause__ = bare(google.auth.exceptions.TransportError)

    assert mapped(wrapped) is StorageUnavailable
    assert mapped(refresh_error("text", retryable=True)) is StorageUnavailable
    assert mapped(refresh_error("text")) is StorageMisconfigured


ROOTS = [(requests.RequestException, 22), (urllib3.exceptions.HTTPError, 25), (api_core.GoogleAPIError, 30)]


@pytest.mark.parametrize(("root", "count"), ROOTS)
def test_every_error_of_the_connection_is_transient(root: type[BaseException], count: int) -> None:
    """Those of urllib3 surface while a body is read. Those of api_core never come by a status: it is refused before."""
    kinds = of_library(root)

    assert len(kinds) >= count
    assert {mapped(bare(kind)) for kind in kinds.values()} == {StorageUnavailable}


def test_every_status_of_google_is_mapped() -> None:
    results = {status: mapped(Refused(status)) for status in range(300, 600)}

    assert {status for status, kind in results.items() if kind is StorageUnavailable} == {
        status for status in results if status in TRANSIENT_STATUS or status > 500 or status < 400
    }
    assert [status for status, kind in results.items() if kind is ObjectChanged] == [412]
    assert [status for status, kind in results.items() if kind is FileMissing] == [404]


@pytest.mark.parametrize("kind", [KeyError, TypeError, ValueError, AttributeError])
def test_a_response_that_a_library_cannot_read_may_pass(kind: type[Exception]) -> None:
    """Something else than Google has answered: a maintenance page, a captive portal, half an answer."""
    assert mapped(kind("text")) is StorageUnavailable


@pytest.mark.parametrize(
    ("refused", "kind"),
    [
        (Refused(403, "rateLimitExceeded", ""), StorageUnavailable),
        (Refused(403, "forbidden", ""), StorageMisconfigured),
        (Refused(404, "notFound", "No such object: my-bucket/a"), FileMissing),
        (Refused(404, "notFound", "The specified bucket does not exist."), StorageMisconfigured),
        (Refused(404, "", "Not Found"), FileMissing),
        (Refused(404, "", "<html>Not Found</html>", is_googles=False), FileMissing),
        (Refused(404, "notFound", "Not Found", names_object=False), StorageMisconfigured),
        (Refused(404, "", "<html>Not Found</html>", is_googles=False, names_object=False), StorageUnavailable),
        (Refused(307, "", ""), StorageUnavailable),
        (Refused(400, "invalid", ""), StorageMisconfigured),
    ],
)
def test_a_response_is_mapped_by_more_than_its_status(refused: Refused, kind: type[StorageError]) -> None:
    assert mapped(refused) is kind


def refused_of(status: int, body: bytes) -> Refused:
    response = requests.Response()
    response.status_code, response._content = status, body
    return Refused.from_response(response, names_object=True)


@pytest.mark.parametrize(
    "body",
    ["", "<html>", "null", "[" * 9999, '{"error": "x"}', '{"error": {"errors": "x"}}', '{"error": {"errors": {}}}'],
)
def test_the_status_counts_where_the_body_is_not_googles(body: str) -> None:
    """The library itself stumbles over some of these, and would hide that the error is transient."""
    refused = refused_of(502, body.encode())

    assert (refused.status, refused.reason) == (502, "")


def test_the_first_detail_of_an_error_counts() -> None:
    refused = refused_of(403, b'{"error": {"errors": [{"reason": "forbidden", "message": "a"}, {"reason": "other"}]}}')

    assert (refused.reason, refused.message, refused.is_googles) == ("forbidden", "a", True)


def test_an_error_without_details_is_googles_too() -> None:
    """Some releases of fake-gcs-server send "errors": null."""
    refused = refused_of(404, b'{"error": {"message": "The bucket does not exist", "errors": null}}')

    assert (refused.is_googles, refused.is_no_bucket) == (True, True)


def test_no_message_for_clients_holds_what_google_said(store: Store) -> None:
    """Account, bucket and object stay out of every text."""

    error = {"code": 403, "message": "canary", "errors": [{"reason": "forbidden", "message": "canary"}]}
    refusal = json_answer({"error": error}, status=403)

    with answering(lambda _: refusal) as proxy, pytest.raises(StorageMisconfigured) as caught:
        store.backend(endpoint=proxy.url).stat("canary")

    assert "canary" not in f"{caught.value!s} {caught.value!r} {caught.value.__cause__!s}"


@pytest.mark.parametrize(
    "answer", ["a page", [], 5, {}, {"items": [{"name": "a"}], "done": False}, {"name": "a", "size": "many"}], ids=str
)
def test_the_answer_of_another_server_is_never_taken_for_googles(store: Store, answer: object) -> None:
    with answering(lambda _: json_answer(answer)) as proxy:
        backend = store.backend(endpoint=proxy.url)
        for name in ("stat", "publish", "delete"):
            with pytest.raises(StorageUnavailable):
                CALLS[name](backend, upload_of())
        assert f"{backend.location()} is not in Google Cloud Storage." in backend.validate_configuration()[1]


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_a_batch_with_another_number_of_responses_counts_for_nothing(store: Store, parts: int) -> None:
    """The library matches the responses by position."""
    part = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
    headers = (("Content-Type", "multipart/mixed; boundary=b"),)
    batch = Answer(status=200, body=part * parts + b"--b--\r\n", headers=headers)
    with answering(lambda _: batch) as proxy, pytest.raises(StorageUnavailable):
        store.backend(endpoint=proxy.url).delete(["a", "b"])
