"""System checks of what a host project has around fileman: its database, its time zone, its public URL."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import override_settings
from django.urls import clear_script_prefix, set_script_prefix

from fileman import conf
from fileman.checks import check_database, check_lease
from fileman.models import FileManager
from tests.api import Api


class ElsewhereRouter:
    """Sends every model to another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "main"


def found() -> list[tuple[str | None, str]]:
    return [(message.id, message.msg) for message in check_database()]


def test_the_projects_own_database_is_accepted() -> None:
    assert found() == []


@pytest.mark.parametrize("vendor", ["mysql", "oracle"])
def test_other_databases_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, vendor: str) -> None:
    monkeypatch.setattr(connections["default"], "vendor", vendor)
    monkeypatch.setattr(connections["default"], "display_name", "MySQL")

    (message,) = check_database()

    assert (message.id, message.msg) == ("fileman.E005", "fileman does not run on MySQL.")
    assert message.hint is not None
    assert message.hint.startswith("Use PostgreSQL or SQLite.")


@override_settings(DATABASE_ROUTERS=["tests.test_checks.ElsewhereRouter"])
def test_another_database_than_the_default_one_is_refused() -> None:
    assert found() == [("fileman.E005", "The models of fileman are routed to the database 'main'.")]


@override_settings(USE_TZ=False)
def test_naive_times_are_refused() -> None:
    assert found() == [("fileman.E006", "fileman needs USE_TZ = True: its API returns times with an offset.")]


def test_a_lease_that_a_finalize_call_can_outlive_is_named() -> None:
    """20 seconds of storage calls, and a last one that takes its whole 12 seconds."""
    with override_settings(FILEMAN_SETTINGS={"LEASE": timedelta(seconds=32)}):
        assert check_lease() == []
    with override_settings(FILEMAN_SETTINGS={"LEASE": timedelta(seconds=31)}):
        (message,) = check_lease()

    assert (message.id, message.msg) == ("fileman.W005", "LEASE is shorter than a finalize call can work: 32 seconds.")


@pytest.mark.parametrize("path", ["", "/", "/app", "/app/"])
def test_a_public_url_with_a_path_is_refused_with_the_cure(path: str) -> None:
    cure = "PUBLIC_URL must not have a path. Set FORCE_SCRIPT_NAME in Django's settings for that."

    assert conf.find_problems({"PUBLIC_URL": f"https://files.example.com{path}"}) == [cure] * ("app" in path)


@pytest.fixture
def _mounted_below_a_path() -> Iterator[None]:
    """What FORCE_SCRIPT_NAME = "/app" does to each request under WSGI and ASGI; the test client does not do it."""
    set_script_prefix("/app/")
    yield
    clear_script_prefix()


@pytest.mark.usefixtures("_mounted_below_a_path")
def test_under_a_path_all_urls_begin_with_it(api: Api, local_manager: FileManager) -> None:
    initiated = api.start(b"hello")

    (request,) = initiated["instructions"]["requests"]
    assert request["url"].startswith("http://testserver/app/fileman/upload/")
