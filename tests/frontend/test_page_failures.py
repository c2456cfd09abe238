"""What goes wrong on the page at `/`, and how it goes on: in a real browser, against the running demo."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.frontend.browser_page import Watched, throttled
from tests.frontend.upload_page import (
    AZURE,
    GOOGLE,
    IN_PARTS,
    LOCAL,
    MIB,
    S3,
    SMALL,
    break_in_lab,
    choose,
    completed,
    downloaded,
    expect_complaints,
    open_details,
    open_page,
    random_file,
    row_of,
    upload,
)

pytestmark = pytest.mark.browser

Request = dict[str, Any]
"""As the browser's own protocol tells it."""
AT_ONCE = "Math.random = () => 0; const now = performance.now.bind(performance); performance.now = () => 1000 * now();"
"""No waiting between the tries, as the jitter of the backoff is a random share, and a patience that is over at once."""


def test_a_wrong_checksum_is_refused(page: Page, tmp_path: Path) -> None:
    """The failure lab declares another one."""
    break_in_lab(page, "files chosen from now on declare a wrong checksum")

    row = upload(page, random_file(tmp_path, SMALL))

    expect(row).to_have_attribute("data-state", "failed")
    expect(row.locator(".state")).to_have_text("The checksum does not match the uploaded bytes. Upload the file again.")
    expect(row.get_by_role("link", name="Download")).to_be_hidden()


@pytest.mark.parametrize("storage", [LOCAL, AZURE])
def test_requests_that_the_storage_refuses_are_signed_again(watched: Watched, tmp_path: Path, storage: str) -> None:
    """The lab breaks one signature; both of these storages check it."""
    page = watched.page
    choose(page, storage)
    break_in_lab(page, "the next request has a wrong signature")
    path = random_file(tmp_path, SMALL)

    row = upload(page, path)

    assert downloaded(page, row) == path.read_bytes()
    details = open_details(row)
    expect(details).to_contain_text("refreshUpload")
    expect(details.locator(".requests > li.bad")).to_have_count(1)
    expect_complaints(watched, "the server responded with a status of 403")


def lose_answer(page: Page, is_meant: Callable[[Request], bool]) -> list[str]:
    """The first such request arrives, and its answer does not; returns the addresses of those that it happened to."""
    lost: list[str] = []
    session = page.context.new_cdp_session(page)

    def answer(event: dict[str, Any]) -> None:
        paused = {"requestId": event["requestId"]}
        if lost or not is_meant(event["request"]):
            session.send("Fetch.continueRequest", paused)
        else:
            lost.append(event["request"]["url"])
            session.send("Fetch.failRequest", {**paused, "errorReason": "ConnectionReset"})

    session.on("Fetch.requestPaused", answer)
    session.send("Fetch.enable", {"patterns": [{"requestStage": "Response", "resourceType": "XHR"}]})
    return lost


def goes_to_the_storage(request: Request) -> bool:
    return request["method"] in ("PUT", "POST") and not request["url"].endswith("/graphql")


def finalizes(request: Request) -> bool:
    return "finalizeUpload" in request.get("postData", "")


@pytest.mark.parametrize("storage", [LOCAL, S3, *(pytest.param(n, marks=pytest.mark.long) for n in (AZURE, GOOGLE))])
def test_bytes_that_arrived_are_not_sent_again(watched: Watched, tmp_path: Path, storage: str) -> None:
    """The storage holds the file, the page hears of a broken connection, the refresh finds nothing missing."""
    page = watched.page
    choose(page, storage)
    lost = lose_answer(page, goes_to_the_storage)
    path = random_file(tmp_path, SMALL)

    row = upload(page, path)

    assert downloaded(page, row) == path.read_bytes()
    sent = [request.url for request in watched.requests if request.resource_type == "xhr"]
    assert (len(sent), sent) == (1, lost)
    expect(open_details(row)).to_contain_text("refreshUpload")
    expect_complaints(watched, "net::ERR_CONNECTION_RESET")


def test_a_file_whose_end_was_not_heard_of_is_there_once(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    lost = lose_answer(page, finalizes)
    path = random_file(tmp_path, SMALL)

    row = upload(page, path)

    assert downloaded(page, row) == path.read_bytes()
    assert len(lost) == 1
    expect(open_details(row).locator(".requests > li", has_text="finalizeUpload")).to_have_count(2)
    open_page(page)
    expect(row_of(page, path)).to_have_count(1)
    expect_complaints(watched, "net::ERR_CONNECTION_RESET")


def break_off(page: Page, path: Path) -> Locator:
    """An upload in parts that lost its network after the first window of them; returns its row."""
    with throttled(page, MIB) as limit:
        row = upload(page, path)
        expect(row).to_have_attribute("data-state", "uploading")
        break_in_lab(page, "no request reaches the storage")
        limit(-1)
        expect(row).to_have_attribute("data-state", "failed", timeout=60_000)
    return row


def expect_only_the_rest_was_sent(page: Page, row: Locator, path: Path, *, requests: int) -> None:
    assert hashlib.sha256(downloaded(page, row)).digest() == hashlib.sha256(path.read_bytes()).digest()
    expect(open_details(row).locator(".requests li.good b", has_text="PUT")).to_have_count(requests)


def test_a_reload_offers_the_unfinished_upload_and_goes_on_where_it_stopped(page: Page, tmp_path: Path) -> None:
    page.evaluate(AT_ONCE)
    path = random_file(tmp_path, IN_PARTS)
    row = break_off(page, path)
    page.reload()
    expect(row.locator(".state")).to_contain_text("Not finished")

    (changed := tmp_path / "changed" / path.name).parent.mkdir()
    changed.write_bytes(bytes(SMALL))
    for chosen, differs in ((random_file(tmp_path, IN_PARTS), "name"), (changed, "size"), (path, "")):
        with page.expect_file_chooser() as chooser:
            row.get_by_role("button", name="Choose again").click()
        chooser.value.set_files(chosen)
        if differs:
            expect(row.locator(".state")).to_have_text(f"This is another file: its {differs} differs.")

    expect_only_the_rest_was_sent(page, row, path, requests=1)


def test_a_reload_finishes_an_upload_that_only_lacked_its_last_call(watched: Watched, tmp_path: Path) -> None:
    """Nobody chooses the file again."""
    page = watched.page
    page.evaluate(AT_ONCE)
    path = random_file(tmp_path, SMALL)
    is_away = [True]

    def answer(route: Route) -> None:
        if is_away and "finalizeUpload" in (route.request.post_data or ""):
            route.fulfill(status=502, body="<h1>Bad gateway</h1>")
        else:
            route.continue_()

    page.route("**/graphql", answer)
    row = upload(page, path)
    expect(row).to_have_attribute("data-state", "failed", timeout=20_000)
    watched.complaints.clear()
    is_away.clear()

    page.reload()

    assert downloaded(page, row) == path.read_bytes()


@pytest.mark.long
def test_retry_goes_on_at_the_storage_where_it_began(page: Page, tmp_path: Path) -> None:
    choose(page, AZURE)
    page.evaluate(AT_ONCE)
    path = random_file(tmp_path, IN_PARTS)
    row = break_off(page, path)
    choose(page, LOCAL)
    break_in_lab(page)

    row.get_by_role("button", name="Retry").click()

    expect_only_the_rest_was_sent(page, row, path, requests=5)
    expect(row.locator("dl")).to_contain_text("Azure Blob (Azurite)")


def test_an_upload_waits_while_the_browser_is_offline(watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    path = random_file(tmp_path, SMALL)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Uploads wait")).to_be_visible()
    row = upload(page, path)
    expect(row.locator(".state")).to_have_text("Asking the server…")

    page.context.set_offline(False)

    assert downloaded(page, row) == path.read_bytes()
    expect(page.get_by_text("You are offline. Uploads wait")).to_be_hidden()
    expect(page.get_by_role("status")).to_contain_text("You are online again.")
    expect_complaints(watched, "net::ERR_INTERNET_DISCONNECTED")


def test_an_open_menu_stays_in_its_place_while_its_row_moves(page: Page, tmp_path: Path) -> None:
    """A notice pushes the rows down between the look and the click."""
    row = upload(page, random_file(tmp_path, SMALL))
    completed(row)
    row.get_by_role("button", name="More").click()
    item, before = page.get_by_role("menuitem", name="Details"), row.bounding_box()
    place = item.bounding_box()
    assert place is not None

    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. Uploads wait")).to_be_visible()
    assert (item.bounding_box(), row.bounding_box() == before) == (place, False)
    page.mouse.click(place["x"] + 9, place["y"] + 9)

    expect(row.locator(".details")).to_be_visible()


def test_what_could_not_be_loaded_is_said_and_tried_again(watched: Watched) -> None:
    page = watched.page
    page.route("**/graphql", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"), times=1)
    page.goto("/")
    trouble = "Your files could not be loaded. The server answered with status 502."
    expect(page.locator("#trouble")).to_contain_text(trouble)
    expect(page.locator("#upload")).to_be_hidden()

    page.get_by_role("button", name="Try again").click()

    expect(page.locator("#upload")).to_be_visible()
    expect(page.locator("#trouble")).to_be_hidden()
    expect_complaints(watched, "the server responded with a status of 502")


def test_a_session_that_ended_while_the_page_was_open_leads_to_the_sign_in(page: Page, tmp_path: Path) -> None:
    """A search does not say that nothing was found."""
    expect(page.locator("#empty")).to_contain_text("No files yet")  # said, seen or not, when the list is there
    completed(upload(page, random_file(tmp_path, SMALL)))
    panel, files = page.locator("#sign-in"), page.locator(".file").count()
    page.context.clear_cookies(name="sessionid")

    page.get_by_label("Search by name").fill("no such file")

    expect(panel.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.locator(".toast")).to_have_text("You are not signed in. Sign in and try again.")
    expect(page.locator(".file")).to_have_count(files)
    panel.evaluate("(panel) => { panel.hidden = true; }")
    expect(upload(page, random_file(tmp_path, SMALL)).locator(".state")).to_contain_text("Sign in and try again.")
    expect(panel).to_be_visible()


def test_a_storage_that_does_not_run_is_greyed_with_its_reason(page: Page) -> None:
    """As the demo says when a stand-in is missing. One that runs stays chosen in this browser."""
    card = page.locator(".storage", has_text=AZURE)
    choose(page, AZURE)
    open_page(page)
    expect(card.locator("input")).to_be_checked()

    def without_azure(route: Route) -> None:
        answer = route.fetch()
        described = re.search(r'(<script id="demo-storages"[^>]*>)(.*?)</script>', answer.text())
        assert described is not None
        storages = json.loads(described[2])
        gone = {"available": False, "reason": "Azurite is not installed"}
        changed = [storage | gone if AZURE in storage["name"] else storage for storage in storages]
        route.fulfill(response=answer, body=answer.text().replace(described[2], json.dumps(changed)))

    page.route("**/", without_azure)
    open_page(page)

    expect(card.locator("input")).to_be_disabled()
    expect(card).to_contain_text("Azurite is not installed")
    expect(page.locator(".storage", has_text=LOCAL).locator("input")).to_be_checked()
