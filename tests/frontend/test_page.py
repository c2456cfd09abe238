"""The page at `/` in a real browser, against the running demo and its storages."""

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Response, expect

from tests.frontend.conftest import missing

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
STORAGES = ["Local disk", "Amazon S3", "Azure Blob", "Google Cloud"]
SMALL, IN_PARTS = 300_000, 70 * MIB
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}


def choose(page: Page, storage: str) -> None:
    radio = page.locator(".storage", has_text=storage).locator("input")
    if radio.count() == 0 or radio.is_disabled():
        missing(f"{storage} is not running")
    radio.check()


def random_file(folder: Path, size: int) -> Path:
    content = os.urandom(size)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:12]}.bin"
    path.write_bytes(content)
    return path


def upload(page: Page, path: Path) -> Locator:
    """Choose the file; returns its row."""
    page.set_input_files("#files", path)
    return page.locator(".file", has_text=path.name)


def completed(row: Locator) -> Locator:
    download = row.get_by_role("link", name="Download")
    expect(download).to_be_visible(timeout=30_000)
    return download


def downloaded(page: Page, row: Locator) -> bytes:
    return page.request.get(str(completed(row).get_attribute("href"))).body()


def slow_down(page: Page, bytes_per_second: int) -> None:
    """Uploads only; -1 lifts it."""
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)


def test_who_is_not_signed_in_is_told_and_led_to_the_sign_in(anonymous_page: Page) -> None:
    """A-1: nothing to upload with is shown."""
    expect(anonymous_page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(anonymous_page.locator("#upload")).to_be_hidden()
    expect(anonymous_page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/accounts/login/?next=/")


@pytest.mark.parametrize("size", [SMALL, IN_PARTS], ids=["one request", "parts"])
@pytest.mark.parametrize("storage", STORAGES)
def test_a_file_reaches_the_storage_and_comes_back_byte_for_byte(
    page: Page, tmp_path: Path, storage: str, size: int
) -> None:
    """seed-6 seed-49 seed-93: for a cloud the server sees no byte of it."""
    choose(page, storage)
    path = random_file(tmp_path, size)

    row = upload(page, path)

    assert downloaded(page, row) == path.read_bytes()
    row.get_by_text("Details", exact=True).click()
    seen = "70 MB" if size == IN_PARTS else "293 KB"
    expected = "0 bytes" if storage != "Local disk" else seen
    expect(row.locator(".details > p")).to_contain_text(f"Your server saw {expected} of this file.")


@pytest.mark.parametrize("storage", STORAGES)
def test_a_checksum_of_the_browser_is_verified(page: Page, tmp_path: Path, storage: str) -> None:
    """seed-63 V-5: computed in the worker, shown as verified."""
    choose(page, storage)
    page.check("#checksum")
    path = random_file(tmp_path, SMALL)

    row = upload(page, path)

    completed(row)
    row.get_by_text("Details", exact=True).click()
    expect(row.locator("dl")).to_contain_text(f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()} (verified)")


def test_a_wrong_checksum_is_refused(page: Page, tmp_path: Path) -> None:
    """V-3: the failure lab declares another one."""
    page.get_by_text("Failure lab").click()
    page.get_by_role("button", name="Corrupt the checksum").click()

    row = upload(page, random_file(tmp_path, SMALL))

    expect(row).to_have_attribute("data-state", "failed")
    expect(row.get_by_role("link", name="Download")).to_be_hidden()


@pytest.mark.parametrize("storage", ["Local disk", "Azure Blob"])
def test_requests_that_the_storage_refuses_are_signed_again(page: Page, tmp_path: Path, storage: str) -> None:
    """seed-118: the lab breaks one signature; both of these storages check it."""
    choose(page, storage)
    page.get_by_text("Failure lab").click()
    page.get_by_role("button", name="Expire the URLs").click()
    path = random_file(tmp_path, SMALL)

    row = upload(page, path)

    assert downloaded(page, row) == path.read_bytes()
    row.get_by_text("Details", exact=True).click()
    expect(row.locator(".requests")).to_contain_text("refreshUpload")
    expect(row.locator(".requests > li.bad")).to_have_count(1)


def test_a_reload_offers_the_unfinished_upload_and_goes_on_where_it_stopped(page: Page, tmp_path: Path) -> None:
    """seed-123: parts that arrived are not sent again."""
    path = random_file(tmp_path, IN_PARTS)
    page.get_by_text("Failure lab").click()
    slow_down(page, 20 * MIB)
    row = upload(page, path)
    expect(row).to_have_attribute("data-state", "uploading")
    page.get_by_role("button", name="Cut the network").click()
    expect(row).to_have_attribute("data-state", "failed", timeout=60_000)
    page.reload()
    slow_down(page, -1)
    expect(row.locator(".state")).to_contain_text("Not finished")

    with page.expect_file_chooser() as chooser:
        row.get_by_role("button", name="Choose the file again").click()
    chooser.value.set_files(path)

    assert downloaded(page, row) == path.read_bytes()
    row.get_by_text("Details", exact=True).click()
    expect(row.locator(".requests b", has_text="PUT")).to_have_count(1)


def test_pause_resume_and_cancel_work_and_keep_the_focus(page: Page, tmp_path: Path) -> None:
    slow_down(page, 15 * MIB)
    path = random_file(tmp_path, IN_PARTS)
    row = upload(page, path)
    row.get_by_role("button", name="Pause").click()
    expect(row.locator(".state")).to_contain_text("Paused at")
    expect(row.get_by_role("button", name="Resume")).to_be_focused()
    page.keyboard.press("Enter")
    expect(row).to_have_attribute("data-state", "uploading")

    row.get_by_role("button", name="Cancel").click()

    expect(row.locator(".state")).to_have_text("Cancelled.")
    expect(row.get_by_role("button", name="Remove")).to_be_focused()
    page.reload()
    page.wait_for_selector("#files-section:not([hidden])")
    expect(page.locator(".file", has_text=path.name).get_by_role("button", name="Choose")).to_be_hidden()


def test_a_deleted_file_is_gone_after_it_was_confirmed(page: Page, tmp_path: Path) -> None:
    path = random_file(tmp_path, SMALL)
    row = upload(page, path)
    completed(row)

    row.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()

    expect(row).to_have_count(0)
    page.reload()
    page.wait_for_selector("#files-section:not([hidden])")
    expect(row).to_have_count(0)


def test_start_and_end_are_announced(page: Page, tmp_path: Path) -> None:
    path = random_file(tmp_path, SMALL)

    completed(upload(page, path))

    expect(page.get_by_role("status")).to_contain_text(f"{path.name}: upload started.")
    expect(page.get_by_role("status")).to_contain_text(f"{path.name}: uploaded.")


def test_no_secret_is_shown_in_the_details(page: Page, tmp_path: Path) -> None:
    """seed-38: tokens and signatures are redacted."""
    choose(page, "Amazon S3")
    tokens: list[str] = []

    def remember(response: Response) -> None:
        if response.url.endswith("/graphql"):
            tokens.extend(re.findall(r'"uploadToken": ?"([^"]+)"', response.text()))

    page.on("response", remember)
    row = upload(page, random_file(tmp_path, SMALL))
    completed(row)
    row.get_by_text("Details", exact=True).click()

    shown = "\n".join([row.inner_text(), *row.locator("pre").all_text_contents()])

    assert len(tokens) == 1
    assert tokens[0] not in shown
    assert shown.count('"name": "policy"') == 1
    assert re.findall(r'"name": "(?:policy|x-amz-signature|x-amz-credential)",\s+"value": "(?!•••)', shown) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_assistive_technology(
    page: Page, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    """WCAG 2.2 AA, as far as axe can tell, with everything open; no sideways scrolling on a phone."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    row = upload(page, random_file(tmp_path, SMALL))
    completed(row)
    row.get_by_text("Details", exact=True).click()
    page.get_by_text("Failure lab").click()
    time.sleep(0.3)

    violations = Axe().run(page, options=RULES).response["violations"]

    assert [(violation["id"], [node["target"] for node in violation["nodes"]]) for violation in violations] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390
