"""Steps of tests on the page at `/`."""

import os
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.frontend.browser_page import Watched
from tests.servers.fixtures import give_up

LOCAL, S3, AZURE, GOOGLE = "Local disk", "Amazon S3", "Azure Blob", "Google Cloud"
STORAGES = [LOCAL, S3, AZURE, GOOGLE]
MIB = 1024 * 1024
SMALL, SINGLE, IN_PARTS = 300_000, 5 * MIB, 21 * MIB
SMALL_PARTS = {"SINGLE_REQUEST_MAX_BYTES": SINGLE, "PART_SIZE_BYTES": 5 * MIB}
"""Settings of the demo: files in five parts that take no minute to compare."""


def open_page(page: Page) -> None:
    page.goto("/")
    page.wait_for_selector("#files-section:not([hidden])")


def expect_complaints(watched: Watched, *texts: str) -> None:
    """Expect what the browser itself reports about requests that failed on purpose."""
    assert [text in complaint for text, complaint in zip(texts, watched.complaints, strict=True)] == [True] * len(texts)
    watched.complaints.clear()


def choose(page: Page, storage: str) -> None:
    radio = page.locator(".storage", has_text=storage).locator("input")
    if radio.count() == 0 or radio.is_disabled():
        give_up(f"{storage} is not running")
    radio.check()


def random_file(folder: Path, size: int) -> Path:
    path = folder / f"{os.urandom(6).hex()}.bin"
    path.write_bytes(os.urandom(size))
    return path


def row_of(page: Page, path: Path) -> Locator:
    return page.locator(".file", has_text=path.name)


def upload(page: Page, path: Path) -> Locator:
    """Choose the file; returns its row."""
    page.set_input_files("#files", path)
    return row_of(page, path)


def completed(row: Locator) -> Locator:
    download = row.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=30_000)
    return download


def downloaded(page: Page, row: Locator) -> bytes:
    return page.request.get(str(completed(row).get_attribute("href"))).body()


def choose_in_menu(row: Locator, action: str) -> None:
    row.get_by_role("button", name="More").click()
    row.page.get_by_role("menuitem", name=action, exact=True).click()


def open_details(row: Locator) -> Locator:
    choose_in_menu(row, "Details")
    return row.locator(".details")


def open_advanced(page: Page) -> None:
    if page.locator(".advanced[open]").count() == 0:
        page.get_by_text("Advanced").click()


def break_in_lab(page: Page, what: str = "nothing") -> None:
    open_advanced(page)
    page.get_by_label("Break something on purpose").select_option(what)
