"""The project's pages as Django renders them, and the command that serves them."""

import json
import re
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from fileman import tokens
from fileman.errors import FilemanError, NotFound, RateLimited, StorageMisconfigured, StorageUnavailable
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend
from tests.api import Api
from tests.servers import demo_site

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_without_its_bundle_the_explorer_says_how_to_build_it(client: Client, settings: Settings) -> None:
    """As on a machine without Node: the way out, and no script that would be missing."""
    settings.DEBUG = True
    settings.STATICFILES_DIRS = []
    answer = client.get("/graphql", headers={"Accept": "text/html"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "The GraphQL explorer is not here" in page
    assert "Node 20.19 or newer" in page
    assert "npm run build -w graphiql" in page
    assert "<script" not in page


def test_collectstatic_keeps_every_module_of_the_page(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", interactive=False, verbosity=0)

    page = client.get("/").content.decode()
    scripts = [tmp_path / url for url in re.findall(r'src="/static/([^"]+\.js)"', page)]
    assert len(scripts) == 2
    seen = set()
    while scripts:
        script = scripts.pop().resolve()
        seen.add(script)
        imported = re.findall(r'^(?:import|export) [^;]*"(\.[^"]+)"', script.read_text(), re.MULTILINE)
        scripts += {(script.parent / path).resolve() for path in imported} - seen
    assert tmp_path / "fileman/uploader/queue.js" in seen


def test_only_examples_that_are_built_are_linked(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.FRONTEND_DIR = tmp_path
    assert "/examples/" not in client.get("/").content.decode()
    (tmp_path / "react" / "dist").mkdir(parents=True)
    (tmp_path / "react" / "dist" / "index.html").touch()
    page = client.get("/").content.decode()
    assert page.count("/examples/") == 1
    assert '<a href="/examples/react/">React</a>' in page


@pytest.mark.django_db
def test_the_demo_offers_what_runs_and_explains_the_rest(client: Client, settings: Settings, tmp_path: Path) -> None:
    """The file managers of an earlier run are replaced."""
    settings.DEBUG = True
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "files"
    running = {"name": "A", "backend_type": "s3", "backend_url": "s3://demo/", "origin": "http://127.0.0.1:9"}
    described: list[demo_site.Storage] = [
        {**running, "settings": {"bucket_name": "demo"}},
        {"name": "B", "backend_type": "gcs", "reason": "No B."},
    ]
    for name in ("A", "B"):
        FileManager.objects.create(name=name, backend_type="memory")

    demo_site.create_storages(described)
    managers = FileManager.objects.order_by("name").values_list("name", "backend_type", "backend_url", "is_default")
    assert list(managers) == [("A", "s3", "s3://demo/", False), ("Local disk", "file", "", True)]
    answer = client.get("/")
    offer = json.loads(answer.content.decode().partition('id="demo-storages"')[2].partition(">")[2].partition("<")[0])
    assert [(one["name"], one["available"], one["reason"], one["origin"]) for one in offer] == [
        ("Local disk", True, "", ""),
        ("A", True, "", "http://127.0.0.1:9"),
        ("B", False, "No B.", ""),
    ]
    assert "connect-src 'self' http://127.0.0.1:9;" in answer.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_the_demo_with_its_known_passwords_does_not_run_outside_of_debug(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(SystemExit, match="DEBUG=1 only"):
        demo_site.main(8000, [])
    assert (get_user_model().objects.count(), FileManager.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("error", "status", "pause", "text"),
    [
        (NotFound(), 404, None, "This file does not exist, or you are not allowed to see it."),
        (RateLimited("Too many.", retry_after_seconds=7), 429, "7", "Too many."),
        (StorageUnavailable(), 503, "2", StorageUnavailable.message),
        (StorageMisconfigured("No <b>."), 503, None, "No &lt;b&gt;."),
    ],
)
def test_a_refused_permalink_is_a_page_for_people_and_json_for_programs(
    error: FilemanError, status: int, pause: str | None, text: str, api: Api, stranger: Api, manager: FileManager
) -> None:
    """A stranger sees the same page as for a file that does not exist."""
    path, absent = urlsplit(api.upload(b"text")["permalink"]).path, f"/fileman/download/{uuid4()}/"
    with patch.object(MemoryBackend, "get_url", side_effect=error):
        page, *others = [api.client.get(path, headers={"Accept": kind}) for kind in (BROWSER, "*/*", "text/plain")]
    hidden = [stranger.client.get(link, headers={"Accept": BROWSER}) for link in (path, absent)]
    assert [(one.status_code, one.get("Retry-After")) for one in (page, *others)] == [(status, pause)] * 3
    assert [one.json()["code"] for one in others] == [error.code] * 2
    assert page["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'; form-action")
    assert f"<p>{text}</p>" in page.content.decode()
    assert ([one.content for one in hidden] == [page.content] * 2) is (status == 404)
    assert {**hidden[0].headers, "Expires": ""} == {**hidden[1].headers, "Expires": ""}


def test_a_download_that_has_expired_too(client: Client) -> None:
    url = f"/fileman/content/{tokens.sign(tokens.CONTENT, {}, expires_at=timezone.now())}"
    page, head, other = client.get(url, HTTP_ACCEPT=BROWSER), client.head(url, HTTP_ACCEPT=BROWSER), client.get(url)
    assert {one.status_code for one in (page, head, other)} == {403}
    assert (other.json()["code"], head.content) == ("PERMISSION_DENIED", b"")
    assert "<p>This link has expired or is not valid." in page.content.decode()
    assert page["Content-Security-Policy"] == head["Content-Security-Policy"]
    assert page["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'; form-action")


def test_a_refused_permalink_needs_no_engine_for_templates(api: Api, settings: Settings) -> None:
    settings.TEMPLATES = []
    refused = api.client.get(f"/fileman/download/{uuid4()}/", headers={"Accept": BROWSER})
    assert (refused.status_code, refused.json()["code"]) == (404, "NOT_FOUND")
