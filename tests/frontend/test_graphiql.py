"""GraphiQL at /graphql: with no internet, under a strict policy, with examples that work as they stand."""

import subprocess
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import Browser, Page, Response, Route, StorageState, expect

from tests.frontend.browser_page import Scheme, Watched, accessibility_faults, sign_in, watching
from tests.servers.fixtures import give_up

pytestmark = pytest.mark.browser
POLICY = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""Beside connect-src and img-src, which name the storages; no script-src: default-src counts."""
BODY = b"Hello, world!"


@pytest.fixture(autouse=True, scope="module")
def _built() -> None:
    if finders.find("fileman/graphiql/graphiql.js") is None:
        give_up("GraphiQL is not built: make run builds it, with Node 20.19 or newer")


def cut_off(watched: Watched) -> None:
    """Nothing but this machine can be reached; whoever tries leaves a complaint."""

    def local_only(route: Route) -> None:
        if urlsplit(route.request.url).hostname in ("localhost", "127.0.0.1"):
            route.continue_()
        else:
            watched.complaints.append(f"asked for {route.request.url}")
            route.abort()

    watched.page.context.route("**/*", local_only)


@pytest.fixture
def explorer(empty: Watched) -> Page:
    """GraphiQL for demo, cut off from the internet; it must not complain."""
    cut_off(empty)
    empty.page.goto("/graphql")
    expect(empty.page.get_by_text("Signed in as demo")).to_be_visible()
    expect(editor(empty.page, "operation.graphql")).to_contain_text("InitiateUpload")
    return empty.page


def editor(page: Page, name: str) -> Any:
    return page.locator(f'.monaco-editor[data-uri$="{name}"] .view-lines')


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    expect(editor(page, "operation.graphql")).to_contain_text(name)


def execute(page: Page, operation: str) -> Any:
    """Press the button; the data of the answer."""

    def is_answer(response: Response) -> bool:
        return f'"operationName":"{operation}"' in (response.request.post_data or "")

    with page.expect_response(is_answer) as answer:
        page.get_by_role("button", name="Execute query").click()
    reply = answer.value.json()
    assert "errors" not in reply
    return reply["data"]


def test_the_documentation_pane_explains_the_schema(explorer: Page) -> None:
    """The page is loaded compressed and without fonts. The policy lets no foreign and no inline script run: what it
    refused would be among the complaints."""
    sizes = explorer.evaluate("performance.getEntriesByType('resource').map(({encodedBodySize: size}) => size)")
    assert (max(sizes), sum(sizes)) < (1_450_000, 1_900_000)
    answer = explorer.request.get("/graphql", headers={"Accept": "text/html"})

    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert {name: policy[name] for name in POLICY} == POLICY
    assert policy.keys() - POLICY.keys() == {"connect-src", "img-src"}
    explorer.get_by_role("button", name="Show Documentation Explorer").click()
    pane = explorer.locator(".graphiql-doc-explorer")
    expect(pane).to_contain_text("Root Types")

    pane.get_by_role("link", name="Mutation", exact=True).click()

    expect(pane.get_by_role("link", name="initiateUpload", exact=True)).to_be_visible()
    pane.get_by_role("link", name="InitiateUploadInput", exact=True).click()
    expect(pane).to_contain_text("idempotencyKey")


def test_the_tabs_take_a_file_through_its_whole_life(explorer: Page) -> None:
    """With nothing but Run, and the line for a terminal between them."""
    [ticket] = execute(explorer, "InitiateUpload")["initiateUpload"]["files"]
    file_id = ticket["file"]["id"]

    def run_tab(name: str, filled_in: str = "{") -> Any:
        open_tab(explorer, name)
        expect(editor(explorer, "variables.json")).to_contain_text(filled_in)
        [data] = execute(explorer, name).values()
        return data

    refreshed = run_tab("RefreshUpload", ticket["uploadToken"])
    assert [request["length"] for request in refreshed["instructions"]["requests"]] == [len(BODY)]
    line = explorer.get_by_label("Next step").locator("code").inner_text()
    sent = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert int(sent.stdout.split()[1]) in ticket["instructions"]["requests"][0]["successStatus"]
    finalized = run_tab("FinalizeUpload", ticket["uploadToken"])
    assert (finalized["success"], finalized["file"]["uploadStatus"], finalized["errors"]) == (True, "COMPLETED", [])
    file = run_tab("File", file_id)
    assert (file["originalFilename"], file["fileSize"], file["uploadStatus"]) == ("hello.txt", 13, "COMPLETED")
    assert explorer.request.get(file["downloadUrl"]).body() == BODY
    assert run_tab("Files")["edges"][0]["node"]["id"] == file_id
    assert "Local disk" in [edge["node"]["name"] for edge in run_tab("FileManagers")["edges"]]
    assert run_tab("DeleteFile", file_id) == {"success": True, "errors": []}
    assert run_tab("File", file_id) is None
    expect(editor(explorer, "response.json")).to_contain_text("null")


def test_another_upload_takes_the_place_of_the_last_one_in_the_tabs(explorer: Page) -> None:
    for _ in range(2):
        [ticket] = execute(explorer, "InitiateUpload")["initiateUpload"]["files"]
        open_tab(explorer, "FinalizeUpload")
        expect(editor(explorer, "variables.json")).to_contain_text(ticket["uploadToken"])
        open_tab(explorer, "InitiateUpload")


def test_who_is_not_signed_in_reads_the_schema_and_is_led_to_the_sign_in(browser: Browser, site: str) -> None:
    with watching(browser, site, None) as watched:
        cut_off(watched)
        page = watched.page
        page.goto("/graphql")
        expect(page.get_by_text("Not signed in: uploads will be refused.")).to_be_visible()
        refused = execute(page, "InitiateUpload")["initiateUpload"]
        assert [error["code"] for error in refused["errors"]] == ["UNAUTHENTICATED"]

        page.get_by_role("link", name="Sign in").click()
        sign_in(page)

        expect(page.get_by_text("Signed in as demo")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Sign in")).to_be_visible()
        assert (page.url, watched.complaints) == (f"{site}/graphql", [])
        page.get_by_role("link", name="Back to the site").click()
        expect(page).to_have_url(f"{site}/")


@pytest.mark.parametrize(
    ("scheme", "theme", "background"), [("light", "vs", "rgb(255, 255, 255)"), ("dark", "vs-dark", "rgb(33, 42, 59)")]
)
def test_the_page_follows_the_systems_colours(
    browser: Browser, site: str, signed_in: StorageState, scheme: Scheme, theme: str, background: str
) -> None:
    """With nothing in the way of assistive technology outside of the explorer itself."""
    with watching(browser, site, signed_in, scheme=scheme) as watched:
        page = watched.page
        page.goto("/graphql")
        expect(page.get_by_text("Signed in as demo")).to_be_visible()
        operation = page.locator('.monaco-editor[data-uri$="operation.graphql"]')
        expect(operation).to_be_visible()

        classes = str(operation.get_attribute("class")).split()
        assert [name for name in classes if name.startswith("vs")] == [theme]
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == background
        explorer = ".graphiql-container"  # its tabs nest buttons, its greys are faint
        faults = accessibility_faults(page, schemes=[scheme], without=explorer)
        assert (faults, watched.complaints) == ([], [])
