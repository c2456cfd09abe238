"""The form field of attachments in the admin, in a real browser."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, expect

from tests.frontend.browser_page import RULES, sign_in, throttled, watching
from tests.frontend.demo_server import demo_served

pytestmark = pytest.mark.browser
MIB = 1024**2


def choose(widget: Locator, path: Path) -> None:
    widget.locator("[type=file]").set_input_files(path)
    expect(widget.locator("output")).to_have_text(f"{path.name}: uploaded.")


def test_uploads_of_inlines_outlive_an_error_of_the_form(browser: Browser, tmp_path: Path) -> None:
    """Two at once, one of them in a row that was added later; with progress, under the strict policy."""
    first, second = tmp_path / "first.bin", tmp_path / "second.bin"
    first.write_bytes(bytes(MIB))
    second.write_bytes(bytes(10))
    served = demo_served(tmp_path, with_clouds=False, DJANGO_SETTINGS_MODULE="tests.settings")
    with served as port, watching(browser, f"http://localhost:{port}", None) as watched:
        page = watched.page
        page.goto("/admin/login/?next=/admin/shop/purchase/add/")
        sign_in(page, "admin")
        page.get_by_label("Customer").select_option("admin")
        page.get_by_text("Add another Photo").click()
        rows = page.locator("tr.dynamic-photos")
        widgets = [rows.nth(number).locator(".fileman-attachment") for number in (0, 1)]
        with throttled(page, MIB):
            widgets[0].locator("[type=file]").set_input_files(first)
            expect(widgets[0].locator("progress")).to_be_visible()
            choose(widgets[1], second)
        expect(widgets[0].locator("output")).to_have_text("first.bin: uploaded.")
        rows.nth(1).get_by_role("textbox").fill("Second")

        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Please correct the error below.")).to_be_visible()
        expect(widgets[0].locator("output")).to_contain_text("first.bin (1.0")
        rows.nth(0).get_by_role("textbox").fill("First")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator(".messagelist .success a").click()

        expect(widgets[1].locator("output")).to_contain_text("second.bin (10")
        assert watched.complaints == []
        faults = Axe().run(page, context={"include": [[".fileman-attachment"]]}, options=RULES)
        assert faults.response["violations"] == []
