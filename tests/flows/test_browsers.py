"""How files present themselves to browsers, the stable link, the CSRF token, and pages on another host."""

from email.message import Message
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from fileman.backends import get_backend
from fileman.conf import INLINE_CHOICES
from fileman.models import File, FileManager
from fileman.testing.case import get_filename
from tests.api import Api
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import Site, fetch, send_all

DATA = bytes(range(100))
NAMES = ['quo"te.txt', "semi;colon.txt", "naïve café.txt", "日本語.txt", "100%.txt", "a,b=c.txt", "emoji 👩‍💻.txt"]
NAMES += ["℅ Jo.txt", "….txt"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_comes_back_as_it_was_given(name: str, api: Api, manager: FileManager) -> None:
    url = api.upload(DATA, name, contentType="application/octet-stream")["downloadUrl"]

    header = api.download(url)["Content-Disposition"]

    message = Message()
    message["Content-Disposition"] = header
    assert get_filename(message) == name
    assert header.isascii()
    assert not set('%"\\/') & set(message.get_filename("")), "old programs read this one, and Chromium decodes it"
    assert message.get_filename("")[0] != "."
    assert "\n" not in header


@pytest.mark.parametrize(
    ("filename", "content_type", "data"),
    [
        ("page.html", "text/html", b"<html><script>alert(1)</script>"),
        ("image.svg", "image/svg+xml", b"<svg onload='alert(1)'/>"),
        ("data.xml", "application/xml", b"<?xml version='1.0'?><a/>"),
        ("code.js", "text/javascript", b"alert(1)"),
        ("code.es", "application/ecmascript", b"alert(1)"),
        ("style.css", "text/css", b"body { color: red }"),
        ("sheet.xsl", "text/xsl", b"<xsl:stylesheet/>"),
        ("module.wasm", "application/wasm", b"\0asm\1\0\0\0"),
        ("page.mht", "multipart/related", b"MIME-Version: 1.0"),
        ("letter.eml", "message/rfc822", b"MIME-Version: 1.0"),
        ("archive.http", "message/http", b"HTTP/1.1 200 OK"),
        ("what.ever", "text/x-unheard-of", b"alert(1)"),
        ("doc.pdf", "application/pdf", b"%PDF-1.7 /JavaScript"),
        ("unknown", "application/octet-stream", b"\1\2\3"),
    ],
)
def test_what_a_browser_might_run_is_an_attachment(
    filename: str, content_type: str, data: bytes, api: Api, manager: FileManager
) -> None:
    """Also when display is asked for. What is not known to be harmless loses its type, on the storage too."""
    file_id = api.upload(data, filename, contentType=content_type)["id"]
    row = File.objects.get()
    served = "application/pdf" if filename == "doc.pdf" else "application/octet-stream"

    query = "query ($id: ID!) { file(id: $id) { downloadUrl(disposition: INLINE) } }"
    answer = api.download(api.call(query, {"id": file_id})["file"]["downloadUrl"])

    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == served
    assert get_backend(row.file_manager).stat(row.stored_path).content_type == served
    assert answer["X-Content-Type-Options"] == "nosniff"


SHOWN = [
    ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(8), "always"),
    ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(8), "never"),
    ("doc.pdf", b"%PDF-1.7 /JavaScript", "by setting"),
    ("film.mp4", b"\0\0\0\x18ftypmp42" + bytes(8), "by setting"),
    ("song.mp3", b"ID3\3\0" + bytes(8), "by setting"),
    ("notes.txt", b"hello", "by setting"),
    ("table.csv", b"a,b", "never"),
    ("image.svg", b"<svg onload='alert(1)'/>", "by setting, behind our policy"),
    ("page.html", b"<html><script>alert(1)</script>", "never"),
]


@pytest.mark.parametrize("kind", ["memory", "moto"])
@pytest.mark.parametrize("is_set", [False, True])
@pytest.mark.parametrize("case", SHOWN, ids=lambda case: case[0])
def test_what_is_shown_on_request_and_what_the_api_says_of_it(
    kind: str,
    is_set: bool,
    case: tuple[str, bytes, str],
    configure: Configure,
    request: pytest.FixtureRequest,
    site: Site,
) -> None:
    """A drawing only where the response has a policy that lets nothing run, which a cloud's has not."""
    filename, data, shown = case
    storage_of(kind, request)
    configure(INLINE_TYPES=INLINE_CHOICES if is_set else ())
    ticket = site.start(data, filename)
    send_all(ticket["instructions"], data)
    file_id = site.finalize(ticket["uploadToken"])["file"]["id"]
    query = "query ($id: ID!) { file(id: $id) { displaysInline downloadUrl(disposition: INLINE) contentType } }"

    file = site.call(query, {"id": file_id})["file"]
    answer = fetch(file["downloadUrl"])

    expected = shown == "always" or (is_set and (shown == "by setting" or (kind == "memory" and "," in shown)))
    assert file["displaysInline"] is expected
    assert answer.headers["Content-Disposition"].startswith("inline" if expected else "attachment")
    if expected:
        assert answer.headers["Content-Type"] == file["contentType"]
    if kind == "memory":
        kept = set(answer.headers["Content-Security-Policy"].split("; "))
        assert kept >= {"default-src 'none'", "sandbox allow-same-origin" if expected else "sandbox"}
        assert ("X-Frame-Options" in answer.headers) is not expected, "a page shows a PDF in a frame"


def test_the_stable_link_shows_a_picture_on_request_only(api: Api, manager: FileManager) -> None:
    file = api.upload(b"\x89PNG\r\n\x1a\n" + bytes(8), "photo.png", contentType="image/png")
    link = "/" + file["permalink"].split("/", 3)[3]

    shown = [Client().get(api.client.get(link + asked)["Location"]) for asked in ("", "?inline=1")]

    assert [answer["Content-Disposition"].partition(";")[0] for answer in shown] == ["attachment", "inline"]
    assert {answer["Content-Type"] for answer in shown} == {"image/png"}


def test_a_stable_link_leads_browsers_alone_to_the_sign_in(api: Api, manager: FileManager, client: Client) -> None:
    """Whether the file exists or not."""
    path = urlsplit(api.upload(DATA, "data.bin")["permalink"]).path
    for link in (path, f"/fileman/download/{uuid4()}/"):
        page = client.get(f"{link}?inline=1", headers={"Accept": "text/html,application/xml;q=0.9,*/*;q=0.8"})
        answers = [client.get(link), client.get(link, headers={"Accept": "*/*"})]

        assert (page.status_code, page["Location"]) == (302, f"/accounts/login/?next={link}%3Finline%3D1")
        assert [(one.status_code, one.json()["code"]) for one in answers] == [(404, "NOT_FOUND")] * 2


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://app.example.com", "null"])
def test_cors_origins_share_the_api_and_not_the_admin(origin: str, settings: Settings) -> None:
    """tests/frontend/test_cors.py sees in a browser what such a page can do."""
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    paths = ["/graphql", "/fileman/upload/x", "/admin/"]
    allowed = [Client().options(path, headers=headers).get("Access-Control-Allow-Origin") for path in paths]

    assert allowed == ([origin, origin, None] if origin == "https://app.example.com" else [None] * 3)


@pytest.mark.parametrize("path", ["password_reset/", "password_change/", "reset/a/b/"])
def test_of_accounts_only_sign_in_and_sign_out_are_served(path: str, client: Client) -> None:
    """A page that sends mail needs a mail server, which nothing here sets up."""
    assert client.get("/accounts/login/").status_code == 200
    assert client.get("/accounts/logout/").status_code == 405
    assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.parametrize("debug", [True, False])
def test_the_page_links_to_graphiql_where_it_is_served_and_staff_to_the_admin(
    debug: bool, client: Client, admin_client: Client, settings: Settings
) -> None:
    settings.DEBUG = debug

    pages = [one.get("/").content.decode() for one in (client, admin_client)]

    assert ['<a href="/graphql">GraphiQL</a>' in page for page in pages] == [debug, debug]
    assert ['<a href="/admin/">Admin</a>' in page for page in pages] == [False, True]
