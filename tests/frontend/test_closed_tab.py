"""A tab that is gone after its last byte loses nothing: the next cleanup completes its upload."""

import json
import os
import signal
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request, Route, StorageState

from tests.frontend.browser_page import watching
from tests.frontend.demo_server import demo_program
from tests.frontend.upload_page import (
    AZURE,
    GOOGLE,
    IN_PARTS,
    LOCAL,
    S3,
    SMALL,
    choose,
    downloaded,
    open_page,
    random_file,
    row_of,
    upload,
)
from tests.servers.process import run

pytestmark = pytest.mark.browser
SWEEP_MINUTES = 6
"""After the first look of the sweep."""


@pytest.fixture
def mortal(playwright: Playwright, chromium: list[str], tmp_path: Path) -> Iterator[tuple[Browser, Path]]:
    """A Chromium of its own, and the file with its process id, which is that of its process group too."""
    path, *switches = chromium
    starter, process_id = tmp_path / "chromium", tmp_path / "process-id"
    starter.write_text(f'#!/bin/sh\necho $$ > {process_id}\nexec {path} "$@"\n')
    starter.chmod(0o700)
    browser = playwright.chromium.launch(executable_path=starter, args=switches)
    yield browser, process_id
    browser.close()


def calls(mutation: str, request: Request) -> bool:
    return request.url.endswith("/graphql") and f"{mutation}(" in (request.post_data or "")


is_finalize = partial(calls, "finalizeUpload")


def upload_and_get_id(page: Page, path: Path) -> str:
    """Begin an upload, and return the key of its row."""
    with page.expect_response(lambda response: calls("initiateUpload", response.request)) as initiated:
        upload(page, path)
    global_id = initiated.value.json()["data"]["initiateUpload"]["files"][0]["file"]["id"]
    return b64decode(global_id).decode().partition(":")[2]


def hold_finalize(page: Page) -> None:
    """Let no finalize call leave the browser."""

    def hold(route: Route) -> None:
        if not is_finalize(route.request):
            route.continue_()

    page.route("**/graphql", hold)


@pytest.mark.parametrize(
    ("storage", "size"),
    [
        (S3, SMALL),
        *(
            pytest.param(storage, size, marks=pytest.mark.long)
            for storage, size in [
                *((each, SMALL) for each in (LOCAL, AZURE, GOOGLE)),
                *((each, IN_PARTS) for each in (LOCAL, S3, AZURE, GOOGLE)),
            ]
        ),
    ],
)
def test_a_browser_killed_after_its_last_byte_loses_nothing(
    mortal: tuple[Browser, Path],
    browser: Browser,
    site: str,
    demo_folder: Path,
    signed_in: StorageState,
    tmp_path: Path,
    storage: str,
    size: int,
) -> None:
    """The storage has all bytes, the server has heard nothing of it, and no process of the browser says goodbye."""
    doomed, process_id = mortal
    path = random_file(tmp_path, size)
    page = doomed.new_context(base_url=site, storage_state=signed_in).new_page()
    open_page(page)
    choose(page, storage)
    hold_finalize(page)
    with page.expect_request(is_finalize, timeout=60_000):
        file_id = upload_and_get_id(page, path)

    os.killpg(int(process_id.read_text()), signal.SIGKILL)

    completed = json.loads(run(demo_program(demo_folder, "-m", "tests.frontend.late_cleanup", str(SWEEP_MINUTES))))

    with watching(browser, site, signed_in) as watched:
        open_page(watched.page)
        assert downloaded(watched.page, row_of(watched.page, path)) == path.read_bytes()
    assert completed.count(file_id) == 1
