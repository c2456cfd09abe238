"""The demo as a user starts it, and Debian's Chromium to look at it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from tests.frontend.skipping import missing
from tests.frontend.the_page import open_page
from tests.frontend.watching import Watched, watching

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running demo, with a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "MEDIA_ROOT")}
    environment = {
        **inherited,
        "DEBUG": "1",
        "VAR_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }
    with (folder / "log").open("w") as log:
        demo = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield _answering(f"http://localhost:{port}", folder / "log")
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(timeout=30)


def _answering(address: str, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(address, timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return address
    raise AssertionError(f"the demo did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: str) -> StorageState:
    """Cookies of demo, who signed in through the form."""
    context = browser.new_context(base_url=site)
    page = context.new_page()
    page.goto("/")
    page.get_by_role("link", name="Sign in").click()
    page.fill("[name=username]", "demo")
    page.fill("[name=password]", "demo")
    page.keyboard.press("Enter")
    page.wait_for_selector("#upload:not([hidden])")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def watched(browser: Browser, site: str, signed_in: StorageState) -> Iterator[Watched]:
    """The page at `/`, signed in as demo; it must not complain beyond what a test expects."""
    with watching(browser, site, signed_in) as watched:
        open_page(watched.page)
        yield watched
        assert watched.complaints == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page
