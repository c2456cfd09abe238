"""An administrator who uses the admin in the browser."""

import json
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.frontend.browser_page import sign_in

MANAGERS = "/admin/fileman/filemanager/"


class Administrator:
    """Signed in to the admin of a demo."""

    def __init__(self, browser: Browser, site: str) -> None:
        self._page: Page = browser.new_context(base_url=site).new_page()
        self._page.goto(f"/admin/login/?next={MANAGERS}")
        sign_in(self._page, "admin")
        expect(self._page.get_by_role("heading", name="Select file manager to change")).to_be_visible()

    def leave(self) -> None:
        self._page.context.close()

    def offers(self, name: str) -> bool:
        """Return True if there is a file manager with that name."""
        self._go_to_list()
        return self._page.locator("#result_list").get_by_role("link", name=name, exact=True).count() == 1

    def make_default(self, name: str) -> None:
        """Make it the file manager of uploads that name none."""
        self._go_to_list()
        self._page.locator("#result_list").get_by_role("link", name=name, exact=True).click()
        self._page.get_by_label("Is default").check()
        self._save()

    def add(self, *, name: str, backend_type: str, backend_url: str, settings: dict[str, Any]) -> None:
        """Add a site-wide file manager without limits that browsers upload to directly."""
        self._page.goto(f"{MANAGERS}add/")
        self._page.locator("#content").get_by_role("link", name=backend_type, exact=True).click()
        self._page.get_by_label("Name:", exact=True).fill(name)
        self._page.get_by_label("Backend url").fill(backend_url)
        self._page.get_by_label("Supports direct upload").select_option("True")
        self._page.get_by_label("Max file size").fill("0")
        for setting, value in settings.items():
            control = self._page.locator(f"[name=setting_{setting}]")
            if control.evaluate("control => control.tagName") == "SELECT":
                control.select_option(str(value))
            else:
                control.fill(value if isinstance(value, str) else json.dumps(value))
        self._save()

    def _go_to_list(self) -> None:
        """Open the list, unless signing in or saving has opened it already."""
        if not self._page.url.endswith(MANAGERS):
            self._page.goto(MANAGERS)

    def _save(self) -> None:
        self._page.get_by_role("button", name="Save", exact=True).click()
        expect(self._page.locator(".messagelist .success")).to_be_visible()
