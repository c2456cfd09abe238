"""Every failure of Google's libraries and answers is one of ours."""

from collections.abc import Iterator
from typing import Any

import google.api_core.exceptions
import google.auth.exceptions
import pytest
import requests
import urllib3.exceptions

from fileman.backends.gcs.errors import Refused, error_of, gcs_errors, refused
from fileman.backends.values import StoredObject
from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable
from tests.backends.gcs.scripted_server import Answer, Asked, answering, json_answer
from tests.backends.gcs.stores import Store, begun, budget, upload_of

AUTH_MAY_PASS = {"TransportError", "TimeoutError", "ResponseError"}
REQUESTS_MAY_PASS = {
    "ChunkedEncodingError",
    "ConnectTimeout",
    "ConnectionError",
    "ContentDecodingError",
    "ProxyError",
    "ReadTimeout",
    "RetryError",
    "SSLError",
    "Timeout",
}
STATUS_MAY_PASS = {408, 429, 500, 502, 503, 504}


def family(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


def of_library(root: type[BaseException], module: str) -> dict[str, type[BaseException]]:
    return {kind.__name__: kind for kind in family(root) if kind.__module__ == module}


def mapped(error: BaseException) -> type[StorageError]:
    with pytest.raises(StorageError) as caught, gcs_errors():
        raise error
    assert caught.value.__cause__ is error
    return type(caught.value)


def bare(kind: type[BaseException]) -> BaseException:
    """An error without the arguments that its class wants."""
    return kind.__new__(kind)


def test_every_error_of_google_auth_is_mapped() -> None:
    kinds = of_library(google.auth.exceptions.GoogleAuthError, "google.auth.exceptions")

    passing = {name for name, kind in kinds.items() if mapped(kind("told")) is StorageUnavailable}

    assert len(kinds) >= 17
    assert passing == AUTH_MAY_PASS
    assert {mapped(kind("told")) for name, kind in kinds.items() if name not in passing} == {StorageMisconfigured}


def test_no_token_for_a_passing_reason_is_a_passing_fault() -> None:
    """A machine of Google's wraps the time-out of its metadata server."""
    refresh_error: Any = google.auth.exceptions.RefreshError
    transport_error: Any = google.auth.exceptions.TransportError
    wrapped = refresh_error("told")
    wrapped.__cause__ = transport_error("told")
    untouched: list[StorageError] = []
    for error in (wrapped, refresh_error("told", retryable=True), refresh_error("told")):
        try:
            with gcs_errors():
                raise error from error.__cause__
        except StorageError as ours:
            untouched.append(ours)

    assert [type(error) for error in untouched] == [StorageUnavailable, StorageUnavailable, StorageMisconfigured]


def test_every_error_of_requests_is_mapped() -> None:
    kinds = of_library(requests.RequestException, "requests.exceptions")

    passing = {name for name, kind in kinds.items() if mapped(bare(kind)) is StorageUnavailable}

    assert len(kinds) >= 22
    assert passing == REQUESTS_MAY_PASS


def test_every_error_of_urllib3_may_pass() -> None:
    """They surface while a body is read."""
    kinds = of_library(urllib3.exceptions.HTTPError, "urllib3.exceptions")

    assert len(kinds) >= 25
    assert {mapped(bare(kind)) for kind in kinds.values()} == {StorageUnavailable}


def test_every_status_that_google_knows_is_mapped() -> None:
    kinds = family(google.api_core.exceptions.GoogleAPICallError)
    codes = {int(code) for kind in kinds if (code := getattr(kind, "code", None)) is not None}
    answers = {code: error_of(Refused(code, "notFound", "told")) for code in codes}

    assert {401, 403, 404, 412, 429, 499, 500, 503} <= answers.keys()
    assert {code for code, error in answers.items() if type(error) is StorageUnavailable} == {
        code for code in answers if code in STATUS_MAY_PASS or code > 500
    }
    assert {code for code, error in answers.items() if type(error) is ObjectChanged} == {412}
    assert {code for code, error in answers.items() if type(error) is FileMissing} == {404}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Refused(403, "rateLimitExceeded", ""), StorageUnavailable),
        (Refused(403, "forbidden", ""), StorageMisconfigured),
        (Refused(404, "notFound", "No such object: my-bucket/a"), FileMissing),
        (Refused(404, "notFound", "The specified bucket does not exist."), StorageMisconfigured),
        (Refused(404, "", "<html>Not Found</html>"), StorageMisconfigured),
        (Refused(307, "", ""), StorageMisconfigured),
        (Refused(400, "invalid", ""), StorageMisconfigured),
    ],
)
def test_an_answer_is_told_by_more_than_its_status(answer: Refused, kind: type[StorageError]) -> None:
    assert type(error_of(answer)) is kind


@pytest.mark.parametrize("body", ["", "<html>", "null", "[]", '{"error": "text"}', '{"error": {"errors": "x"}}'])
def test_an_answer_that_is_no_json_error_is_read_all_the_same(body: str) -> None:
    assert (refused(502, body).status, refused(502, body).reason) == (502, "")


def test_no_message_for_clients_tells_what_google_said(store: Store) -> None:
    """Account, bucket and object stay in the cause."""

    def respond(asked: Asked) -> Answer:
        return json_answer({"error": {"code": 403, "message": "canary@project lacks access to canary"}}, status=403)

    with answering(respond) as endpoint, pytest.raises(StorageMisconfigured) as caught:
        store.backend(endpoint=endpoint).stat("canary")

    assert "canary" not in f"{caught.value!s} {caught.value!r} {caught.value.__cause__!s}"


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"", b"[]", b"5"])
def test_a_server_that_is_not_googles_is_a_fault_of_the_configuration(store: Store, body: bytes) -> None:
    with answering(lambda _: Answer(body=body)) as endpoint:
        backend = store.backend(endpoint=endpoint)
        with pytest.raises(StorageMisconfigured):
            backend.stat("a")
        with pytest.raises(StorageMisconfigured):
            list(backend.list_objects("a"))
        with pytest.raises(StorageMisconfigured):
            begun(backend, upload_of(session=True))
        with pytest.raises(StorageUnavailable):
            backend.delete(["a"])
        assert backend.validate_configuration() == (
            False,
            [f"What answers at {endpoint} is not Google Cloud Storage."],
        )


@pytest.mark.parametrize("answer", [{}, {"items": [{"name": "a"}], "done": False}, {"name": "a", "size": "many"}])
def test_an_answer_that_is_not_made_as_googles_is_a_fault_of_the_configuration(store: Store, answer: object) -> None:
    with answering(lambda _: json_answer(answer)) as endpoint:
        backend = store.backend(endpoint=endpoint)
        with pytest.raises(StorageMisconfigured):
            backend.stat("a")
        with pytest.raises(StorageMisconfigured):
            backend._objects.rewrite(upload_of(), stored(), budget())
        valid, faults = backend.validate_configuration()

    assert valid is False
    assert f"What answers at {endpoint} is not Google Cloud Storage." in faults


def test_a_batch_that_is_not_answered_as_one_is_a_fault_of_the_configuration(store: Store) -> None:
    body = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--b--\r\n"
    batch = Answer(body=body, headers={"Content-Type": "multipart/mixed; boundary=b"})
    with answering(lambda _: batch) as endpoint, pytest.raises(StorageMisconfigured):
        store.backend(endpoint=endpoint).delete(["a"])


def stored() -> StoredObject:
    """A source that no answer is about."""
    return StoredObject(path="a", size=1, etag="1")


def test_a_redirect_is_not_followed(store: Store) -> None:
    """The access token goes to no other host."""
    followed: list[str] = []

    def elsewhere(asked: Asked) -> Answer:
        followed.append(asked.path)
        return json_answer({})

    with (
        answering(elsewhere) as other,
        answering(lambda asked: Answer(status=307, headers={"Location": f"{other}{asked.path}"})) as endpoint,
        pytest.raises(StorageMisconfigured),
    ):
        begun(store.backend(endpoint=endpoint), upload_of(session=True))

    assert followed == []
