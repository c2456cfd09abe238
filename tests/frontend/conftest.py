"""The demo as a user starts it, and the Chromium of Debian."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, StorageState, expect, sync_playwright

from tests.frontend.browser_page import Watched, signed_in_at, watching
from tests.frontend.demo_server import demo_served
from tests.frontend.upload_page import SMALL_PARTS, open_page
from tests.servers.fixtures import give_up

expect.set_options(timeout=30_000)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database and local disk."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def site(demo_folder: Path) -> Iterator[str]:
    """The URL of the running demo."""
    with demo_served(demo_folder, FILEMAN_SETTINGS=json.dumps(SMALL_PARTS)) as port:
        yield f"http://localhost:{port}"


@pytest.fixture(scope="session")
def chromium() -> list[str]:
    """The command line of Chromium: its headless shell, if installed, builds no window and toolbar for each profile."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        give_up("Chromium is not installed")
    return [path, "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-extensions"]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: list[str]) -> Iterator[Browser]:
    path, *switches = chromium
    browser = playwright.chromium.launch(executable_path=path, args=switches)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: str) -> StorageState:
    return signed_in_at(browser, site)


@pytest.fixture
def empty(browser: Browser, site: str, signed_in: StorageState) -> Iterator[Watched]:
    """An empty page, signed in as demo. It may not complain, except where a test expects it."""
    with watching(browser, site, signed_in) as watched:
        yield watched
        assert watched.complaints == []


@pytest.fixture
def watched(empty: Watched) -> Watched:
    """The page at `/`."""
    open_page(empty.page)
    return empty


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page
