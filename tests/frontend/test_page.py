"""The page at `/` in a real browser, against the running demo and its storages."""

import hashlib
import json
import os
import re
from pathlib import Path

import google_crc32c
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, Response, StorageState, expect

from tests.frontend.browser_page import Watched, accessibility_faults, throttled, watching
from tests.frontend.upload_page import (
    IN_PARTS,
    LOCAL,
    MIB,
    S3,
    SINGLE,
    SMALL,
    STORAGES,
    break_in_lab,
    choose,
    choose_in_menu,
    completed,
    downloaded,
    open_advanced,
    open_details,
    open_page,
    random_file,
    row_of,
    upload,
)

pytestmark = pytest.mark.browser


def test_who_is_not_signed_in_is_told_and_led_to_the_sign_in(browser: Browser, site: str) -> None:
    with watching(browser, site, None) as watched:
        page = watched.page
        page.goto("/")
        expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
        expect(page.locator("#upload")).to_be_hidden()
        expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/accounts/login/?next=/")
        page.get_by_label("Theme").select_option("Dark")
        page.reload()
        expect(page.get_by_label("Theme")).to_have_value("dark")
        expect(page.locator("html")).to_have_css("color-scheme", "dark")
        assert watched.complaints == []


@pytest.mark.parametrize(("storage", "size"), [*((storage, SINGLE) for storage in STORAGES), (S3, IN_PARTS)])
def test_a_file_reaches_the_storage_and_comes_back_byte_for_byte(
    watched: Watched, site: str, tmp_path: Path, storage: str, size: int
) -> None:
    """For a cloud the server sees no byte of it, and the details say so."""
    page = watched.page
    choose(page, storage)
    path = random_file(tmp_path, size)

    row = upload(page, path)

    completed(row)
    watched.expect_bytes(size, site=site, passes_the_server=storage == LOCAL)
    told = "5 MB" if storage == LOCAL else "0 bytes"
    expect(open_details(row).locator("> p")).to_contain_text(f"Your server saw {told} of this file.")
    assert hashlib.sha256(downloaded(page, row)).digest() == hashlib.sha256(path.read_bytes()).digest()


# Chromium writes "_" for quotes and joiners, and the API for a leading dot.
UNCHANGED = ("50% off.txt", "a%20b%2Fc.txt", "a+b & c.txt", "a;b=c,'d'.txt", "請求書 (1).txt", "Grüße.txt")
SAVED = {name: name for name in UNCHANGED}
SAVED |= {'say "hi".txt': "say _hi_.txt", ".env.txt": "_env.txt", "👩\u200d🚀🇩🇪.txt": "👩_🚀🇩🇪.txt"}


@pytest.mark.parametrize("storage", [LOCAL, S3])
def test_a_browser_saves_a_file_under_its_name(page: Page, storage: str) -> None:
    choose(page, storage)
    page.wait_for_load_state("networkidle")
    earlier = page.get_by_role("link", name="Download").count()
    page.set_input_files("#files", [FilePayload(name=name, mimeType="", buffer=b"hello") for name in SAVED])
    links, saved = page.get_by_role("link", name="Download"), set()
    expect(links).to_have_count(earlier + len(SAVED), timeout=30_000)

    for url in links.evaluate_all("links => links.map(link => link.href)")[: len(SAVED)]:
        with page.expect_download() as event:
            page.evaluate("url => { location.href = url; }", url)
        saved.add(event.value.suggested_filename)

    assert saved == set(SAVED.values())


def test_a_checksum_of_the_browser_is_verified(page: Page, tmp_path: Path) -> None:
    """Computed in the worker, shown as verified."""
    open_advanced(page)
    page.check("#checksum")
    for storage in (LOCAL, S3):
        choose(page, storage)
        path = random_file(tmp_path, SMALL)

        row = upload(page, path)

        completed(row)
        checksum = f"crc32c:{google_crc32c.value(path.read_bytes()):08x} (verified)"
        expect(open_details(row).locator("dl")).to_contain_text(checksum)


def test_a_second_tab_waits_for_the_first_and_sends_nothing(watched: Watched, tmp_path: Path) -> None:
    path = random_file(tmp_path, SINGLE)
    page, other = watched.page, watched.page.context.new_page()
    open_page(other)
    with throttled(page, MIB):
        first = upload(page, path)
        expect(first).to_have_attribute("data-state", "uploading")
        second = upload(other, path)
        expect(second.locator(".state")).to_contain_text("Waiting.")
    completed(first)
    completed(second)

    senders = [request.frame.page for request in watched.requests if "/fileman/upload/" in request.url]
    assert senders == [page]


def test_a_folder_is_dropped_anywhere_or_chosen_and_each_file_keeps_its_path(watched: Watched, tmp_path: Path) -> None:
    page, tag = watched.page, f"z{os.urandom(4).hex()}"
    paths = [f"{tag}/a/{tag}.txt", f"{tag}/{tag}.txt"]
    (tmp_path / tag / "a").mkdir(parents=True)
    for path in paths:
        (tmp_path / path).write_text("equal")
    dragged = {"items": [], "files": [str(tmp_path / tag)], "dragOperationsMask": 1}
    rows, session = page.locator(".file[data-state=completed]", has_text=tag), page.context.new_cdp_session(page)

    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 9, "y": 9, "data": dragged})
    expect(rows).to_have_count(2)
    page.set_input_files("#folder", tmp_path / tag)
    expect(rows).to_have_count(4)

    bodies = [str(request.post_data) for request in watched.requests]
    asked = [json.loads(body)["variables"]["input"]["files"] for body in bodies if "initiateUpload(" in body]
    assert [sorted(file["metadata"]["relativePath"] for file in files) for files in asked] == [paths, paths]


def test_pause_resume_and_cancel_work_are_announced_and_keep_the_focus(page: Page, tmp_path: Path) -> None:
    """To screen readers, in the one polite status region."""
    path = random_file(tmp_path, IN_PARTS)
    with throttled(page, MIB):
        row = upload(page, path)
        row.get_by_role("button", name="Pause").click()
        expect(row.locator(".state")).to_contain_text("Paused at")
        expect(page.get_by_role("status")).to_contain_text(f"{path.name}: upload started.")
        expect(page.get_by_role("status")).to_contain_text(f"{path.name}: paused.")
        expect(row.get_by_role("button", name="Resume")).to_be_focused()
        page.keyboard.press("Enter")
        expect(row).to_have_attribute("data-state", "uploading")

        choose_in_menu(row, "Cancel")

        expect(row.locator(".state")).to_have_text("Cancelled.")
        expect(row.get_by_role("button", name="More")).to_be_focused()
    with page.expect_response("**/graphql"):
        open_page(page)
    page.wait_for_load_state("networkidle")
    expect(row).to_have_count(0)


WATCH_BARS = """() => {
    window.seen = [];
    const words = (bar) => bar.closest(".file").querySelector(".state").textContent;
    const watch = new MutationObserver((changes) => {
        window.seen.push(...changes.map(({ target }) => [target.value, words(target)]));
    });
    watch.observe(document.getElementById("list"), { subtree: true, attributeFilter: ["value"] });
}"""


def test_progress_is_told_while_the_bytes_flow(page: Page, tmp_path: Path) -> None:
    page.evaluate(WATCH_BARS)
    with throttled(page, SINGLE // 3):
        path = random_file(tmp_path, SINGLE)
        completed(upload(page, path))
        expect(page.get_by_role("status")).to_contain_text(f"{path.name}: uploaded.")

    seen = page.evaluate("() => window.seen")

    values = [value for value, _ in seen]
    under_way = {value: words for value, words in seen if 0 < value < 100}
    assert len(under_way) >= 3
    form = re.compile(r"\d+ % · .* of 5 MB( · waiting for the network)?( · .*/s · \d+ (s|min) left)?")
    assert [words for words in under_way.values() if not form.fullmatch(words)] == []
    assert any(words.endswith(" left") for words in under_way.values())
    assert (values[-1], values) == (100, sorted(values))


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    element = target.element_handle()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("(element) => element === document.activeElement", element):
            return
    pytest.fail(f"Tab does not reach {target}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_keyboard_alone_chooses_uploads_copies_and_deletes(page: Page, tmp_path: Path) -> None:
    """WCAG 2.1.1, 2.4.3: everything is reached, and the focus is never lost."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    path = random_file(tmp_path, SMALL)
    tab_to(page, page.locator(".storage", has_text=LOCAL).locator("input"))
    with page.expect_file_chooser() as chooser:  # from before the key, because the browser hears of it in its own time
        tab_to(page, page.locator("#files"))
        page.keyboard.press("Enter")
    chooser.value.set_files(path)
    row = row_of(page, path)
    permalink = str(completed(row).get_attribute("href"))

    more = row.get_by_role("button", name="More")
    tab_to(page, more)
    press(page, "Enter", "Escape")
    expect(more).to_be_focused()
    press(page, "Enter", "Enter")
    expect(page.locator(".toast")).to_have_text(f"{path.name}: link copied. Only who may see the file can open it.")
    assert page.evaluate("() => navigator.clipboard.readText()").endswith(permalink)
    expect(more).to_be_focused()
    press(page, "Enter", "ArrowUp", "Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Delete", exact=True))
    page.keyboard.press("Enter")

    expect(row).to_have_count(0)
    expect(page.get_by_role("status")).to_contain_text(f"{path.name} deleted.")
    assert page.evaluate("() => document.activeElement.matches('.file, #files-title')") is True
    open_page(page)
    expect(row).to_have_count(0)
    assert page.request.get(permalink).status == 404


def test_no_secret_is_shown_in_the_details(page: Page, tmp_path: Path) -> None:
    choose(page, S3)
    tokens: list[str] = []

    def remember(response: Response) -> None:
        if response.url.endswith("/graphql"):
            tokens.extend(re.findall(r'"uploadToken": ?"([^"]+)"', response.text()))

    page.on("response", remember)
    row = upload(page, random_file(tmp_path, SMALL))
    completed(row)
    expect(page.locator("pre")).to_have_count(0)  # nothing is shown before somebody looks
    open_details(row)
    for records in row.get_by_text("Request and reply").all():
        records.click()
    expect(row.locator("pre").last).not_to_be_empty()

    shown = row.inner_text()

    assert len(tokens) == 1
    assert tokens[0] not in shown
    assert shown.count('"name": "policy"') == 1
    assert re.findall(r'"name": "(?:policy|x-amz-signature|x-amz-credential)",\s+"value": "(?!•••)', shown) == []


def test_nothing_stands_in_the_way_of_assistive_technology(
    browser: Browser, site: str, signed_in: StorageState, tmp_path: Path
) -> None:
    """WCAG 2.2 AA in light and dark, as far as axe can tell: signed out, signing in, and with a completed, a paused and
    a refused upload and everything open; no sideways scrolling on a phone."""
    with watching(browser, site, None) as watched:
        for path, heading in [("/", "You are not signed in"), ("/accounts/login/?next=/", "Sign in")]:
            watched.page.goto(path)
            watched.page.get_by_role("heading", name=heading, exact=True).wait_for()
            assert accessibility_faults(watched.page) == []
    with watching(browser, site, signed_in) as watched:
        page = watched.page
        open_page(page)
        done = upload(page, random_file(tmp_path, SMALL))
        completed(done)
        break_in_lab(page, "files chosen from now on declare a wrong checksum")
        refused = upload(page, random_file(tmp_path, SMALL))
        expect(refused).to_have_attribute("data-state", "failed")
        break_in_lab(page)
        with throttled(page, MIB):
            paused = upload(page, random_file(tmp_path, IN_PARTS))
            paused.get_by_role("button", name="Pause").click()
            for row in (paused, refused, done):
                open_details(row)

            assert accessibility_faults(page) == []
            page.set_viewport_size({"width": 390, "height": 844})
            assert page.evaluate("() => document.documentElement.scrollWidth") == 390
            done.get_by_role("button", name="More").click()
            expect(page.get_by_role("menu")).to_be_visible()
            assert accessibility_faults(page) == []
            page.keyboard.press("Escape")
            choose_in_menu(paused, "Cancel")
        assert watched.complaints == []


PREPARE = """() => {
    window.chosen = new DataTransfer();
    for (let n = 0; n < 1000; n++) chosen.items.add(new File(["x"], `${n}.txt`));
    document.querySelector("#files").files = chosen.files;
}"""
CHOOSE = """async () => {
    document.querySelector("#files").dispatchEvent(new Event("change"));
    const told = () => document.querySelector("#summary").textContent;
    while (!told().startsWith("1000 files on the way")) await new Promise((later) => setTimeout(later, 50));
}"""


def longest_share(trace: Path) -> float:
    """Share of a main thread's computing that it did without a pause, by CPU time."""
    events = json.loads(trace.read_text())["traceEvents"]
    main = {event["tid"] for event in events if event.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [event.get("tdur", 0) for event in events if event["tid"] in main]
    return float(max(tasks) / sum(tasks))


def test_a_thousand_files_never_block_the_page(browser: Browser, page: Page, tmp_path: Path) -> None:
    """No task is a fifth of the work. They are deleted together, before the server has answered to any."""
    page.route("**/graphql", lambda route: None if "initiate" in str(route.request.post_data) else route.continue_())
    rows = page.locator(".file")
    page.get_by_label("Search by name").fill("no such file")
    expect(page.locator("#empty")).to_have_text("No file matches the search.")
    page.evaluate(PREPARE)
    browser.start_tracing(page=page, path=tmp_path / "trace.json", categories=["toplevel"])

    page.evaluate(CHOOSE)

    browser.stop_tracing()
    assert longest_share(tmp_path / "trace.json") < 0.2
    expect(rows.first).to_be_in_viewport()
    expect(page.locator("pre")).to_have_count(0)
    page.check("#pick-all")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog", name="Delete 1000 files?").get_by_role("button", name="Delete").click()

    expect(rows).to_have_count(0)
    expect(page.locator(".toast").last).to_have_text("1000 files deleted.")


def test_files_are_found_sorted_published_and_deleted_together(browser: Browser, page: Page, tmp_path: Path) -> None:
    """With the storage of each in its row."""
    tag = os.urandom(4).hex()
    paths = [tmp_path / f"{tag}{name}.txt" for name in ("-b", "-a", "-c")]
    for path, storage in zip(paths, (LOCAL, LOCAL, S3), strict=True):
        path.write_text(path.name)
        choose(page, storage)
        completed(upload(page, path))
        expect(row_of(page, path).locator(".where")).to_have_text(storage)
    names = page.locator(".file h3")

    page.get_by_label("Search by name").fill(f"{tag.upper()}-")
    expect(names).to_have_text([path.name for path in reversed(paths)])
    page.get_by_label("Sort").select_option("By name")
    expect(names).to_have_text(sorted(path.name for path in paths))
    page.get_by_label("Stored in").select_option("Local disk")
    expect(names).to_have_text([paths[1].name, paths[0].name])
    page.get_by_label("State").select_option("Failed")
    expect(names).to_have_count(0)
    page.get_by_label("State").select_option("Finished")
    first = row_of(page, paths[1])
    choose_in_menu(first, "Make public")
    expect(first.locator(".state")).to_contain_text("Public")
    public = browser.new_context().request.get(str(completed(first).get_attribute("href")))
    for path in paths[:2]:
        page.get_by_label(f"Select {path.name}").check()
    expect(page.locator("#picked")).to_have_text("2 selected")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog", name="Delete 2 files?").get_by_role("button", name="Delete").click()

    expect(names).to_have_count(0)
    page.get_by_label("Stored in").select_option("All storages")
    expect(names).to_have_text([paths[2].name])
    assert public.text() == paths[1].read_text()
