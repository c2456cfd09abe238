"""The form field of attachments in the admin, in a real browser."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.frontend.administrator import Administrator
from tests.frontend.browser_page import RULES, Watched, sign_in, throttled, watching
from tests.frontend.demo_server import demo_served
from tests.servers import S3Server
from tests.servers.buckets import client_of, create_s3_bucket

pytestmark = pytest.mark.browser
MIB, GIB = 1024**2, 1024**3


def choose(widget: Locator, path: Path, words: str = "uploaded.") -> None:
    widget.locator("[type=file]").set_input_files(path)
    expect(widget.locator("output")).to_have_text(f"{path.name}: {words}")


@contextmanager
def shopping(browser: Browser, folder: Path, *arguments: str) -> Iterator[tuple[str, Watched]]:
    served = demo_served(folder, *arguments, with_clouds=False, DJANGO_SETTINGS_MODULE="tests.settings")
    with served as port, watching(browser, f"http://localhost:{port}", None) as watched:
        yield f"http://localhost:{port}", watched


def open_form(page: Page) -> Page:
    page.goto("/admin/login/?next=/admin/shop/purchase/add/")
    sign_in(page, "admin")
    page.get_by_label("Customer").select_option("admin")
    return page


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def save_after_an_error(page: Page, missing: Locator) -> None:
    save(page)
    expect(page.get_by_text("Please correct the error below.")).to_be_visible()
    missing.fill("Front")
    save(page)
    page.locator(".messagelist .success a").click()


def test_uploads_of_inlines_outlive_an_error_of_the_form(browser: Browser, tmp_path: Path) -> None:
    """One chosen before the script had loaded, and two at once, with progress. The form waits; removing ends an upload,
    and a refused file leaves the former one."""
    large, small, paper = (tmp_path / name for name in ("large.bin", "small.bin", "paper.pdf"))
    for path, data in ((large, bytes(MIB)), (small, bytes(10)), (paper, b"%PDF-1.7")):
        path.write_bytes(data)
    scripts: list[Route] = []
    with shopping(browser, tmp_path) as (_, watched):
        watched.page.route("**/attachment.js", lambda route: scripts.append(route), times=1)
        page = open_form(watched.page)
        page.locator(".fileman-attachment [type=file]").first.set_input_files(paper)
        scripts.pop().continue_()  # it hears of nothing that was chosen before
        page.get_by_text("Add another Photo").click()
        captions = page.locator("tr.dynamic-photos").get_by_role("textbox")
        invoice, front, back = (page.locator(".fileman-attachment").nth(number) for number in range(3))
        with throttled(page, MIB // 2):
            for widget in (front, back):
                widget.locator("[type=file]").set_input_files(large)
                expect(widget.locator("progress")).to_be_visible()
            save(page)
            back.get_by_role("button", name="Remove file").click()
            expect(back.locator("output")).to_have_text("Removed.")
            choose(back, small)
        expect(front.locator("output")).to_have_text("large.bin: uploaded.")
        expect(invoice.locator("output")).to_have_text("paper.pdf: uploaded.")
        choose(invoice, small, "Allowed types: application/pdf. The former file is kept.")
        captions.nth(1).fill("Back")

        save_after_an_error(page, captions.nth(0))

        for widget, shown in ((invoice, "paper.pdf (8"), (front, "large.bin (1.0"), (back, "small.bin (10")):
            expect(widget.locator("output")).to_contain_text(shown)
        assert watched.complaints == []
        faults = Axe().run(page, context={"include": [[".fileman-attachment"]]}, options=RULES)
        assert faults.response["violations"] == []


@pytest.mark.long
def test_a_gibibyte_goes_past_the_server_and_is_stored_as_it_was(
    browser: Browser, tmp_path: Path, radosgw_server: S3Server
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"before zeros")
    os.truncate(path, GIB)
    bucket, storages = create_s3_bucket(radosgw_server, "attachments", "http://localhost:*"), tmp_path / "storages.json"
    storages.write_text(json.dumps([{"name": "Ceph", **vars(bucket)}], default=str))
    with shopping(browser, tmp_path, "--storages", str(storages)) as (site, watched):
        Administrator(browser, site).make_default("Ceph")
        page = open_form(watched.page)
        row = page.locator("tr.dynamic-photos").first
        row.locator("[type=file]").set_input_files(path)
        expect(row.locator("progress")).to_be_visible()
        expect(row.locator("output")).to_have_text("large.bin: uploaded.", timeout=120_000)
        save_after_an_error(page, row.get_by_role("textbox"))
        watched.expect_bytes(GIB, site=site, passes_the_server=False)

    (key,), client = bucket.get_paths(), client_of(radosgw_server)
    where = {"Bucket": bucket.settings["bucket_name"], "Key": key}
    stored = hashlib.file_digest(client.get_object(**where)["Body"], "sha256").digest()
    client.delete_object(**where)  # the server keeps all of it in memory
    with path.open("rb") as file:
        assert stored == hashlib.file_digest(file, "sha256").digest()
