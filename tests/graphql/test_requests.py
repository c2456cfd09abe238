"""Requests that the view accepts, and refusals: always JSON with a code, never a 500."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from pytest_django import Settings

VIEWER = {"query": "{ viewer { username } }"}
SPEC = "application/graphql-response+json"


def post(client: Client, body: object, content_type: str = "application/json", **headers: str) -> Any:
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post("/graphql", data, content_type=content_type, headers=headers)


def get_code(response: Any) -> str:
    body = response.json()
    assert "data" not in body
    (error,) = body["errors"]
    assert error["message"]
    code: str = error["extensions"]["code"]
    return code


BAD_BODIES = {
    "blank": (b" ", 400),
    "null": (b"null", 400),
    "string": (b'"x"', 400),
    "bad JSON": (b"{", 400),
    "list of operations": (json.dumps([VIEWER, VIEWER]).encode(), 400),
    "no query": (b"{}", 400),
    "query blank": (b'{"query": "  "}', 400),
    "variables list": (b'{"query": "{viewer{id}}", "variables": []}', 400),
    "operationName number": (b'{"query": "{viewer{id}}", "operationName": 1}', 400),
    "unknown operationName": (b'{"query": "{viewer{id}}", "operationName": "Other"}', 400),
    "extensions list": (b'{"query": "{viewer{id}}", "extensions": []}', 400),
    "only a fragment": (b'{"query": "fragment F on File { id }"}', 400),
    "deep list": (b"[" * 100_000, 400),
    "33 levels in variables": (b'{"query":"{viewer{id}}","variables":' + b'{"a":' * 32 + b"1" + b"}" * 33, 400),
    "integer of 5,000 digits": (b'{"query": "{viewer{id}}", "variables": {"a": ' + b"9" * 5000 + b"}}", 400),
    "NaN": (b'{"query": "{viewer{id}}", "variables": {"a": NaN}}', 400),
    "bad UTF-8": (b'{"query": "\xff{viewer{id}}"}', 400),
    "UTF-16": ('{"query": "{viewer{id}}"}'.encode("utf-16"), 400),
    "UTF-16 without mark": ('{"query": "{viewer{id}}"}'.encode("utf-16-le"), 400),
    "300 KiB": (b'{"query": "{viewer{id}}", "variables": {"a": "' + b"x" * 300 * 1024 + b'"}}', 413),
    "10,001 objects and lists": (b'{"query": "{viewer}", "variables": {"a": [' + b"[]," * 9997 + b"[]]}}", 400),
    "32,769 characters of query": (b'{"query": "{viewer{id}}' + b" " * (32 * 1024 - 10) + b'"}', 413),
    "3 MiB": (b'{"query": "{viewer{id}}", "variables": {"a": "' + b"x" * 3 * 1024**2 + b'"}}', 413),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_is_refused_with_a_code(name: str) -> None:
    body, status = BAD_BODIES[name]

    response = post(Client(), body)

    assert response.status_code == status
    assert get_code(response) == {400: "BAD_REQUEST", 413: "PAYLOAD_TOO_LARGE"}[status]


@pytest.mark.parametrize("accept", ["*/*", "application/json", SPEC])
def test_a_bad_body_has_the_same_status_for_every_media_type(accept: str) -> None:
    response = post(Client(), b"null", Accept=accept)

    assert response.status_code == 400
    assert response["Content-Type"].split(";")[0] == (SPEC if accept == SPEC else "application/json")


@pytest.mark.django_db
def test_a_body_of_exactly_the_limit_is_read() -> None:
    frame = b'{"query": "{viewer{id}}", "variables": {"a": ""}}'
    body = frame.replace(b'""', b'"' + b"x" * (256 * 1024 - len(frame)) + b'"')

    assert len(body) == 256 * 1024
    assert post(Client(), body).json() == {"data": {"viewer": None}}
    assert post(Client(), body.replace(b"x", b"xx", 1)).status_code == 413


def test_a_lying_content_length_does_not_matter() -> None:
    client = Client()

    response = client.generic("POST", "/graphql", b"null", "application/json", CONTENT_LENGTH="9" * 5000)

    assert response.status_code == 413


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "application/x-www-form-urlencoded", "application/jsonp", MULTIPART_CONTENT,
     "text/plain; application/json", "application/json; charset=utf-16", "application/json; charset=iso-8859-1"],
)  # fmt: skip
def test_other_content_types_are_refused(content_type: str) -> None:
    """A foreign page could send some of them without a CORS preflight."""
    response = Client().generic("POST", "/graphql", json.dumps(VIEWER), content_type)

    assert response.status_code == 415
    assert get_code(response) == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", 'application/json;charset="UTF-8"']
)
@pytest.mark.django_db
def test_json_may_declare_utf_8(content_type: str) -> None:
    assert post(Client(), VIEWER, content_type).json() == {"data": {"viewer": None}}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_than_post_are_refused(method: str) -> None:
    response = Client().generic(method, "/graphql?query={viewer{id}}")

    assert response.status_code == 405
    assert response["Allow"] == "POST"
    if method != "HEAD":
        assert get_code(response) == "METHOD_NOT_ALLOWED"


QUERIES = ["", "?query={viewer{id}}", '?query=mutation{abortUpload(input:{uploadToken:"x"}){success}}']


@pytest.mark.parametrize(
    ("debug", "accept", "has_template"),
    [(False, "*/*", True), (False, "text/html", True), (False, "application/json", True),
     (True, "application/json", True), (True, "text/html", False)],
)  # fmt: skip
def test_get_only_shows_graphiql_under_debug(debug: bool, accept: str, has_template: bool, settings: Settings) -> None:
    settings.DEBUG = debug
    if not has_template:
        settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": []}]

    for query in QUERIES:
        response = Client().get(f"/graphql{query}", headers={"Accept": accept})

        assert response.status_code == 405
        assert get_code(response) == "METHOD_NOT_ALLOWED"


def test_browsers_get_graphiql_in_development(settings: Settings) -> None:
    settings.DEBUG = True

    response = Client().get("/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert response.status_code == 200
    assert response.templates[0].name == "fileman/graphiql.html"
    assert "csrftoken" in response.cookies


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [(None, "application/json"), ("*/*", "application/json"), ("application/json", "application/json"), (SPEC, SPEC),
     (f"{SPEC}, application/json;q=0.9", SPEC), (f"{SPEC};q=0.5, application/json", "application/json"),
     ("text/html", "application/json"), ("nonsense;q=none", "application/json")],
)  # fmt: skip
def test_the_media_type_is_the_one_that_the_client_prefers(accept: str | None, media_type: str) -> None:
    response = post(Client(), VIEWER, **({"Accept": accept} if accept else {}))

    assert response.status_code == 200
    assert response["Content-Type"] == f"{media_type}; charset=utf-8"
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("\x00", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { viewer { id } } query B { viewer { id } }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: Int!) { files(first: $n) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
@pytest.mark.parametrize(("accept", "status"), [(SPEC, 400), ("application/json", 200)])
def test_a_document_that_cannot_run_has_errors_and_no_data(query: str, code: str, accept: str, status: int) -> None:
    """GraphQL over HTTP: with application/json, well-formed requests have status 200."""
    response = post(Client(), {"query": query}, Accept=accept)

    assert response.status_code == status
    assert get_code(response) == code


@pytest.mark.django_db
def test_one_of_several_named_operations_runs() -> None:
    body = {"query": "query A { viewer { id } } query B { me: viewer { id } }", "operationName": "B"}

    assert post(Client(), body).json() == {"data": {"me": None}}


@pytest.mark.django_db
def test_a_foreign_host_is_a_bad_request_whatever_the_middleware(settings: Settings) -> None:
    """Without CommonMiddleware, the view is the first to check it."""
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if not one.endswith("CommonMiddleware")]

    assert post(Client(), VIEWER, Host="evil.example").status_code == 400
    assert post(Client(), VIEWER, Host="localhost").json() == {"data": {"viewer": None}}


class TestCsrf:
    @pytest.fixture
    def client(self, user: User) -> Client:
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        return client

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}])
    def test_a_session_without_token_is_refused_as_json(self, headers: dict[str, str], client: Client) -> None:
        response = post(client, VIEWER, **headers)

        assert response.status_code == 403
        assert response["Content-Type"] == "application/json; charset=utf-8"
        assert get_code(response) == "CSRF_FAILED"

    @pytest.mark.parametrize("wrong", [{"X-CSRFToken": "a" * 64}, {"Origin": "https://evil.example"}])
    def test_a_wrong_token_or_a_foreign_origin_is_refused(self, wrong: dict[str, str], client: Client) -> None:
        token = client.get("/fileman/csrf/").json()["csrfToken"]

        response = post(client, VIEWER, **{"X-CSRFToken": token, **wrong})

        assert response.status_code == 403
        assert get_code(response) == "CSRF_FAILED"

    @pytest.mark.django_db
    def test_requests_without_session_need_no_token(self) -> None:
        response = post(Client(enforce_csrf_checks=True), VIEWER)

        assert response.json() == {"data": {"viewer": None}}
