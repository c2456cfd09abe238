"""The pictures of README.md, taken anew: SCREENSHOTS_INTO names their folder, else they are only looked at."""

import base64
import os
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from playwright.sync_api import Browser, Page, expect

from tests.frontend.browser_page import Watched, come_to_rest, throttled
from tests.frontend.upload_page import MIB, completed, row_of, upload
from tests.servers.fixtures import give_up

pytestmark = [pytest.mark.browser, pytest.mark.long]
WIDTH = 1280
MAX_BYTES = 200 * 1024
PHOTO = """<body style="margin: 0; background:
    radial-gradient(circle at 70% 45%, #fff3c4 0 6%, #ffd98a 7%, transparent 30%),
    linear-gradient(#3f6fb5, #f7b98b 55%, #2b6f8f 56%, #0d3b53)">"""
DOCUMENT = "<h1>Annual report</h1><p>Everything arrived.</p>"
COLOURED = """() => [...document.querySelectorAll(".view-line > span > .mtk1")].every(
    (token) => !/"|mutation/.test(token.textContent))"""
"""The editors colour their text when they find the time."""
LOOK = """async (address) => {
    const picture = await createImageBitmap(await (await fetch(address)).blob());
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const pixels = new Uint32Array(canvas.getImageData(0, 0, picture.width, picture.height).data.buffer);
    return [picture.width, picture.height, new Set(pixels).size];
}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(os.environ.get("SCREENSHOTS_INTO") or tmp_path)


def assert_is_picture(page: Page, path: Path, height: int) -> None:
    """Look at a picture as a browser decodes it."""
    page.goto("about:blank")
    url = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
    width, seen_height, colours = page.evaluate(LOOK, url)
    assert (width, seen_height) == (WIDTH, height)
    assert colours > 500
    assert path.stat().st_size < MAX_BYTES


def real_files(browser: Browser, folder: Path) -> list[Path]:
    """A document, a table and a photo, all of the types that their names say."""
    drawing = browser.new_page(viewport={"width": 640, "height": 480})
    drawing.set_content(PHOTO)
    drawing.screenshot(path=folder / "Harbour at dawn.jpg", type="jpeg", quality=90)
    drawing.set_content(DOCUMENT)
    drawing.pdf(path=folder / "Annual report.pdf")
    drawing.close()
    (folder / "Measurements.csv").write_text("hour,metres\n" + "".join(f"{n},{n * 7 % 23}\n" for n in range(90_000)))
    return [folder / name for name in ("Measurements.csv", "Annual report.pdf", "Harbour at dawn.jpg")]


def film(folder: Path) -> Path:
    path = folder / "Product tour.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(120 * MIB))
    return path


def test_the_picture_of_the_page(browser: Browser, page: Page, tmp_path: Path, folder: Path) -> None:
    page.set_viewport_size({"width": WIDTH, "height": 1000})
    files = real_files(browser, tmp_path)
    for path in files:
        completed(upload(page, path))
    expect(row_of(page, files[-1]).locator("img")).to_have_js_property("complete", True)
    on_its_way = film(tmp_path)
    picture = folder / "page.png"
    page.locator(".storage", has_text="Amazon S3").locator("input:enabled").check()
    with throttled(page, 10 * MIB) as limit:
        page.set_input_files("#files", on_its_way)
        page.wait_for_function("() => document.querySelector('.file progress').value >= 50", timeout=30_000)
        limit(MIB)
        expect(row_of(page, on_its_way).locator(".state")).to_contain_text("part")
        bottom = row_of(page, files[0]).bounding_box()
        assert bottom is not None
        height = round(bottom["y"] + bottom["height"] + 24)
        page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})

    for text in ["Upload files", "Choose files", "Local disk", *(path.name for path in files), on_its_way.name]:
        expect(page.get_by_text(text).first).to_be_visible()
    assert_is_picture(page, picture, height)
    assert 900 < height < 1300


def test_the_picture_of_graphiql(empty: Watched, folder: Path) -> None:
    page = empty.page
    if finders.find("fileman/graphiql/graphiql.js") is None:
        give_up("GraphiQL is not built: make run builds it, with Node 20.19 or newer")
    page.set_viewport_size({"width": WIDTH, "height": 760})
    page.goto("/graphql")
    expect(page.get_by_text("Signed in as demo")).to_be_visible()
    page.get_by_role("button", name="Execute query").click()
    answer = page.locator('.monaco-editor[data-uri$="response.json"] .view-lines')
    expect(answer).to_contain_text('"uploadToken"')
    page.mouse.move(0, 0)
    page.wait_for_function(COLOURED)
    expect(page.locator(".monaco-editor .scrollbar.visible")).to_have_count(0)
    come_to_rest(page)

    picture = folder / "graphiql.png"
    page.screenshot(path=picture)

    expect(page.locator('.monaco-editor[data-uri$="operation.graphql"]')).to_contain_text("mutation InitiateUpload")
    assert_is_picture(page, picture, 760)
