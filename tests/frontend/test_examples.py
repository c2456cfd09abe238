"""The built examples, React and Uppy, in a real browser: on every storage of the demo, under its policy."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.frontend.browser_page import Scheme, Watched, accessibility_faults, sign_in, throttled, watching
from tests.frontend.upload_page import random_file
from tests.servers.availability import REPOSITORY
from tests.servers.fixtures import give_up

pytestmark = pytest.mark.browser
LOCAL = "Local disk"
STORAGES = [
    LOCAL,
    "Amazon S3 (moto)",
    # The page at `/` uploads to these in each run, with the same module.
    pytest.param("Azure Blob (Azurite)", marks=pytest.mark.long),
    pytest.param("Google Cloud (emulator)", marks=pytest.mark.long),
]
EXAMPLES = ["react", "uppy"]
SIZE = 5_000_000
SLOW = SIZE // 20
"""Bytes a second: whatever else the machine does, an upload is still on its way."""
EXCUSED = {
    # Uppy 6 gives its cards the role of list items in rows without a role: https://github.com/transloadit/uppy/issues/4768
    "uppy": re.compile(r"aria-required-parent #uppy_uppy-"),
    "react": re.compile(r"(?!)"),
}


def built(example: str) -> str:
    if not (REPOSITORY / "frontend_examples" / example / "dist" / "index.html").is_file():
        give_up(f"{example} is not built: make run builds it, with Node 20.19 or newer")
    return f"/examples/{example}/"


def choose_storage(page: Page, name: str) -> None:
    choice = page.get_by_label("Storage")
    choice.wait_for()
    if not choice.get_by_role("option", name=name, exact=True).count():
        give_up(f"{name} is not running")
    choice.select_option(name)


def in_react(page: Page, *paths: Path, storage: str = LOCAL) -> None:
    page.goto(built("react"))
    choose_storage(page, storage)
    page.set_input_files("input[type=file]", paths)


def in_uppy(page: Page, *paths: Path, storage: str = LOCAL) -> None:
    page.goto(built("uppy"))
    choose_storage(page, storage)
    page.locator(".uppy-Dashboard-input").first.set_input_files(paths)
    page.get_by_role("button", name=re.compile("^Upload ")).click()


UPLOAD: dict[str, Callable[..., None]] = {"react": in_react, "uppy": in_uppy}


def link_of(example: str, page: Page, path: Path) -> Locator:
    """The link to the finished file."""
    expect(page.get_by_role("status").filter(has_text="1 of 1 uploaded.")).to_be_visible(timeout=30_000)
    return page.get_by_role("link", name=path.name if example == "uppy" else f"Download {path.name}", exact=True)


def assert_comes_back(example: str, page: Page, path: Path) -> None:
    """Follow the link to the finished file: the browser saves it by its name."""
    link = link_of(example, page, path)
    link.evaluate("(link) => link.removeAttribute('target')")  # a tab that only downloads closes before it can be asked
    with page.expect_download() as event:
        link.click()
    assert event.value.suggested_filename == path.name
    assert hashlib.sha256(event.value.path().read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Other bytes each time, so that no two tests can be content with each other's."""
    return random_file(tmp_path, SIZE)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("example", EXAMPLES)
def test_a_file_comes_back_unchanged_and_a_clouds_never_pass_the_server(
    empty: Watched, site: str, storage: str, example: str, path: Path
) -> None:
    UPLOAD[example](empty.page, path, storage=storage)

    link_of(example, empty.page, path)
    empty.expect_bytes(SIZE, site=site, passes_the_server=storage == LOCAL)
    assert_comes_back(example, empty.page, path)


@pytest.mark.parametrize("storage", STORAGES)
def test_markup_is_saved_and_never_shown(empty: Watched, storage: str, tmp_path: Path) -> None:
    page = empty.page
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><title>markup</title><script>alert(1)</script>")
    in_react(page, path, storage=storage)
    link = link_of("react", page, path)
    inline = f"{link.get_attribute('href')}?inline=1"

    with page.expect_download() as event:
        page.evaluate("(address) => { location.href = address; }", inline)

    assert event.value.path().read_bytes() == path.read_bytes()
    answer = page.request.get(inline)
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("example", "schemes"),
    [("react", ("light", "dark")), ("uppy", ("light",)), ("uppy", ("dark",))],  # Uppy draws itself anew for a new theme
)
def test_nothing_stands_in_the_way_of_assistive_technology(
    browser: Browser, site: str, signed_in: StorageState, tmp_path: Path, example: str, schemes: Sequence[Scheme]
) -> None:
    """WCAG 2.2 AA, as far as axe can tell: nothing chosen yet, and one file uploaded, also on a phone."""
    path = tmp_path / "notes.txt"
    path.write_text("To be read by everybody.")
    with watching(browser, site, signed_in, scheme=schemes[0]) as watched:
        watched.page.goto(built(example))
        watched.page.get_by_text("Signed in as demo").wait_for()
        before = accessibility_faults(watched.page, schemes=schemes)
        if example == "uppy":  # which moves the focus to this button, but not each time
            watched.page.locator(".uppy-Dashboard-input").first.set_input_files(path)
            watched.page.get_by_role("button", name="Cancel", exact=True).focus()
            before += accessibility_faults(watched.page, schemes=schemes)
        UPLOAD[example](watched.page, path)
        link_of(example, watched.page, path).first.wait_for()
        after = accessibility_faults(watched.page, schemes=schemes)
        watched.page.set_viewport_size({"width": 390, "height": 844})
        assert watched.page.evaluate("() => document.documentElement.scrollWidth") == 390
        after += accessibility_faults(watched.page, schemes=schemes)
        assert watched.complaints == []

    faults = [f"{rule} {target} {scheme}" for rule, target, scheme in before + after]
    assert [fault for fault in faults if not EXCUSED[example].match(fault)] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_page_under_its_policy_leads_to_the_sign_in_and_back(browser: Browser, site: str, example: str) -> None:
    """Its own scripts and styles only; what the policy refused would be among the complaints."""
    with watching(browser, site, None) as watched:
        page = watched.page
        answer = page.goto(built(example))
        assert answer is not None
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert (policy["default-src"], policy["style-src"], policy["worker-src"]) == ("'self'", "'self'", "'self'")
        assert {"script-src", "script-src-elem", "script-src-attr"}.isdisjoint(policy)
        expect(page.locator("input[type=file]")).to_have_count(0)
        page.get_by_role("link", name="sign in").click()
        sign_in(page)

        expect(page.get_by_text("Signed in as demo")).to_be_visible()
        assert page.url == f"{site}/static/{example}/index.html"
        page.get_by_role("link", name="All your files").click()
        expect(page).to_have_url(f"{site}/")
        assert watched.complaints == []


def test_without_its_csrf_cookie_a_session_uploads_nothing(
    browser: Browser, site: str, signed_in: StorageState, tmp_path: Path
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not from here.")
    with watching(browser, site, signed_in) as watched:
        page = watched.page
        page.goto(built("react"))
        page.get_by_text("Signed in as demo").wait_for()
        page.context.clear_cookies(name="csrftoken")

        with page.expect_response(lambda response: "initiateUpload" in (response.request.post_data or "")) as answer:
            page.set_input_files("input[type=file]", path)

        assert answer.value.status == 403
        expect(page.locator("li[data-state=failed]")).to_contain_text("CSRF cookie not set")
        assert watched.bytes_sent().keys() == {site}


def test_uppy_pauses_and_goes_on(empty: Watched, path: Path) -> None:
    page = empty.page
    page.goto(built("uppy"))
    page.locator(".uppy-Dashboard-input").first.set_input_files(path)
    with throttled(page, SLOW):
        page.get_by_role("button", name="Upload 1 file").click()
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.locator(".uppy-StatusBar")).to_contain_text("Paused")

    page.get_by_role("button", name="Resume", exact=True).click()

    assert_comes_back("uppy", page, path)


def test_react_tries_again_what_was_cancelled(empty: Watched, path: Path) -> None:
    page = empty.page
    page.goto(built("react"))
    with throttled(page, SLOW):
        page.set_input_files("input[type=file]", path)
        page.get_by_role("button", name=f"Cancel: {path.name}").click()
        expect(page.locator("li[data-state=cancelled]")).to_contain_text("Cancelled: 4.8 MB")

    page.get_by_role("button", name=f"Try again: {path.name}").click()

    assert_comes_back("react", page, path)


def test_react_isolates_names_and_gives_the_focus_of_a_removed_row_to_its_neighbour(page: Page, tmp_path: Path) -> None:
    """A name cannot turn its own direction."""
    paths, shown = [tmp_path / name for name in ("\u05d0\u202etxt.exe", "b.txt")], ["\u05d0\ufffdtxt.exe", "b.txt"]
    for path in paths:
        path.write_text("x")
    in_react(page, *paths)
    expect(page.get_by_role("status")).to_have_text("2 of 2 uploaded.")
    expect(page.locator(".item-name bdi")).to_have_text(shown)
    for name, focused in zip(shown, ("li.item:has-text('b.txt')", "#uploads-heading"), strict=True):
        button = page.get_by_role("button", name=f"Remove from list: {name}")
        button.click()
        expect(button).to_have_count(0)
        expect(page.locator(focused)).to_be_focused()


def readme_snippet() -> str:
    """The JavaScript of README.md, with its import made one that can run anywhere."""
    found = re.search(r"```js\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert found is not None
    return re.sub(r'import (.*) from "(.*)";', r'const \1 = await import("\2");', found[1])


def test_the_few_lines_of_the_readme_upload_the_files_of_an_input(page: Page, tmp_path: Path) -> None:
    names = ["first.txt", "second.jpg", "third.txt"]
    for name in names:
        (tmp_path / name).write_text(f"This is {name}.")
    own = "<input type=file id=own multiple>"
    page.evaluate(f"() => document.querySelector('main').insertAdjacentHTML('beforeend', '{own}')")
    page.set_input_files("#own", [tmp_path / name for name in names])

    results = page.evaluate(
        f"async () => {{ const input = document.querySelector('#own'); {readme_snippet()} return results.map("
        "({file, error}) => [file?.originalFilename, file?.metadata.source, file?.uploadStatus, error?.code]); }"
    )

    assert results == [
        ["first.txt", "web_form", "COMPLETED", None],
        [None, None, None, "CONTENT_TYPE_MISMATCH"],
        ["third.txt", "web_form", "COMPLETED", None],
    ]
