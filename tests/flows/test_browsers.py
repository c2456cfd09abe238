"""How files present themselves to browsers, the stable link, the CSRF token, and pages on another host."""

from email.message import Message
from typing import Any
from urllib.parse import unquote, urljoin

import pytest
import requests
from django.test import Client
from pytest_django import Settings

from tests.api import Api
from tests.flows.conftest import storage_of
from tests.flows.http_client import Json, Site, fetch, send_all

DATA = bytes(range(100))


@pytest.fixture
def shown(request: pytest.FixtureRequest, transactional_db: None, site: Site) -> Json:
    """A completed file with DATA in it."""
    storage_of("memory", request)
    ticket = site.start(DATA)
    send_all(ticket["instructions"], DATA)
    file: Json = site.finalize(ticket["uploadToken"])["file"]
    return file


NAMES = ['quo"te.txt', "semi;colon.txt", "naïve café.txt", "日本語.txt", "100%.txt", "a,b=c.txt", "emoji 👩‍💻.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back_as_it_was_given(name: str, api: Api, request: pytest.FixtureRequest) -> None:
    """As a browser parses the header."""
    storage_of("memory", request)
    url = api.upload(DATA, name, contentType="application/octet-stream")["downloadUrl"]

    header = api.download(url)["Content-Disposition"]

    message = Message()
    message["Content-Disposition"] = header
    extended = header.partition("filename*=utf-8''")[2]
    assert (unquote(extended) if extended else message.get_filename()) == name
    assert header.isascii()
    assert "\n" not in header


@pytest.mark.parametrize(
    ("filename", "content_type", "data"),
    [
        ("page.html", "text/html", b"<html><script>alert(1)</script>"),
        ("image.svg", "image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("data.xml", "application/xml", b"<?xml version='1.0'?><a/>"),
        ("code.js", "text/javascript", b"alert(1)"),
        ("doc.pdf", "application/pdf", b"%PDF-1.7 /JavaScript"),
        ("unknown", "application/octet-stream", b"\1\2\3"),
    ],
)
def test_what_a_browser_might_run_is_an_attachment(
    filename: str, content_type: str, data: bytes, api: Api, request: pytest.FixtureRequest
) -> None:
    """Also when display is asked for; what runs loses its type."""
    storage_of("memory", request)
    file_id = api.upload(data, filename, contentType=content_type)["id"]

    query = "query ($id: ID!) { file(id: $id) { downloadUrl(disposition: INLINE) } }"
    answer = api.download(api.call(query, {"id": file_id})["file"]["downloadUrl"])

    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == ("application/pdf" if filename == "doc.pdf" else "application/octet-stream")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_picture_is_shown_on_request_only(api: Api, request: pytest.FixtureRequest) -> None:
    """By the address and by the stable link."""
    storage_of("memory", request)
    file = api.upload(b"\x89PNG\r\n\x1a\n" + bytes(8), "photo.png", contentType="image/png")
    query = "query ($id: ID!) { file(id: $id) { downloadUrl(disposition: INLINE) } }"
    link = "/" + file["permalink"].split("/", 3)[3]

    shown = [
        api.download(file["downloadUrl"]),
        api.download(api.call(query, {"id": file["id"]})["file"]["downloadUrl"]),
        Client().get(api.client.get(link)["Location"]),
        Client().get(api.client.get(f"{link}?inline=1")["Location"]),
    ]

    assert [answer["Content-Disposition"].partition(";")[0] for answer in shown] == [
        "attachment",
        "inline",
        "attachment",
        "inline",
    ]
    assert {answer["Content-Type"] for answer in shown} == {"image/png"}


def test_the_stable_link_redirects_and_tells_nobody_from_where(shown: Json, site: Site) -> None:
    """The signed address is in no Referer and in no cache."""
    answer = site.get(shown["permalink"])

    assert (answer.status_code, answer.headers["Referrer-Policy"]) == (302, "no-referrer")
    assert "no-store" in answer.headers["Cache-Control"]
    assert fetch(urljoin(site.url, answer.headers["Location"])).content == DATA
    assert fetch(shown["permalink"]).status_code == 404


def test_the_csrf_view_gives_a_token_that_graphql_takes(site: Site) -> None:
    """A page that this server did not render asks for it; without it a session is refused."""
    given = requests.get(f"{site.url}/fileman/csrf/", timeout=30)
    cookies = {**site.cookies, "csrftoken": given.cookies["csrftoken"]}
    body = {"query": "{ viewer { username } }"}

    def post(**headers: str) -> requests.Response:
        return requests.post(f"{site.url}/graphql", json=body, cookies=cookies, headers=headers, timeout=30)

    assert post().status_code == 403
    assert post(**{"X-CSRFToken": "x" * 64}).status_code == 403
    assert post(**{"X-CSRFToken": given.json()["csrfToken"]}).json() == {"data": {"viewer": {"username": "ann"}}}
    assert "no-store" in given.headers["Cache-Control"]


class TestSeparateOrigin:
    """CORS_ORIGINS: a page on another host, with cookies."""

    @pytest.fixture(autouse=True)
    def _allowed(self, settings: Settings) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]

    def preflight(self, path: str, origin: str, method: str) -> Any:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type,x-csrftoken",
        }
        return Client().options(path, headers=headers)

    @pytest.mark.parametrize(("path", "method"), [("/graphql", "POST"), ("/fileman/upload/x", "PUT")])
    def test_the_page_may_send(self, path: str, method: str) -> None:
        """The preflight names the origin, the method and the headers."""
        answer = self.preflight(path, "https://app.example.com", method)

        assert answer.status_code == 200
        assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert answer["Access-Control-Allow-Credentials"] == "true"
        assert method in answer["Access-Control-Allow-Methods"]
        assert {"content-type", "x-csrftoken"} <= set(answer["Access-Control-Allow-Headers"].split(", "))

    @pytest.mark.parametrize("origin", ["https://evil.example.com", "http://app.example.com", "null"])
    def test_other_pages_may_not(self, origin: str) -> None:
        """Another host, another scheme, no host."""
        assert "Access-Control-Allow-Origin" not in self.preflight("/graphql", origin, "POST")

    def test_other_paths_are_not_shared(self) -> None:
        """The admin among them."""
        assert "Access-Control-Allow-Origin" not in self.preflight("/admin/", "https://app.example.com", "POST")


@pytest.mark.parametrize("path", ["password_reset/", "password_change/", "reset/a/b/"])
def test_of_accounts_only_sign_in_and_sign_out_are_served(path: str, client: Client) -> None:
    """A page that sends mail needs a mail server, which nothing here sets up."""
    assert client.get("/accounts/login/").status_code == 200
    assert client.get("/accounts/logout/").status_code == 405
    assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize("debug", [True, False])
def test_the_page_links_to_graphiql_where_it_is_served(debug: bool, client: Client, settings: Settings) -> None:
    settings.DEBUG = debug

    page = client.get("/").content.decode()

    assert ('<a href="/graphql">GraphiQL</a>' in page) is debug
    assert '<a href="/admin/">Admin</a>' in page
