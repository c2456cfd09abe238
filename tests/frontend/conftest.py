"""The demo as a user starts it, and the Chromium of Debian."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, StorageState, sync_playwright

from tests.frontend.browser_page import Watched, sign_in, watching
from tests.frontend.demo_server import demo_served
from tests.frontend.upload_page import open_page
from tests.servers.fixtures import give_up


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database and local disk."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def site(demo_folder: Path) -> Iterator[str]:
    """The URL of the running demo."""
    with demo_served(demo_folder) as port:
        yield f"http://localhost:{port}"


@pytest.fixture(scope="session")
def chromium() -> list[str]:
    """The command line of Chromium."""
    path = shutil.which("chromium")
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
    """The cookies of the user demo after signing in with the form."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Sign in").click()
    sign_in(page)
    page.wait_for_selector("#upload:not([hidden])")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def watched(browser: Browser, site: str, signed_in: StorageState) -> Iterator[Watched]:
    """The page at `/`, signed in as demo. It may not complain, except where a test expects it."""
    with watching(browser, site, signed_in) as watched:
        open_page(watched.page)
        yield watched
        assert watched.complaints == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page
