"""The adapters for Apollo, urql and React in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.frontend.test_uploader_unit import EXAMPLES, UPLOADER, run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "node_modules").symlink_to(EXAMPLES / "node_modules")
    script = Path(__file__).with_name("adapters.js").read_text()
    (folder / "adapters.js").write_text(script.replace("UPLOADER", str(UPLOADER)))
    run("rolldown", folder / "adapters.js", "--dir", folder / "bundle")
    return folder / "bundle/adapters.js"


@pytest.fixture
def recipes(page: Page, bundle: Path) -> Page:
    page.route("**/adapters.js", lambda route: route.fulfill(path=bundle))
    page.evaluate("globalThis.process = { env: {} }")  # React asks for it
    page.add_script_tag(url="/adapters.js", type="module")
    page.wait_for_function("() => !!globalThis.states")
    return page


def test_the_headers_of_each_client_go_with_its_requests(recipes: Page) -> None:
    for client in ("Apollo", "urql", "urql with a function"):
        assert recipes.evaluate("(client) => uploadWith(client)", client) == ["COMPLETED", None], client


def test_callbacks_of_the_last_render_hear_once_of_each_end_but_a_cancel(recipes: Page) -> None:
    for _ in range(2):
        recipes.evaluate("show('List', { told: globalThis.told = [] })")
        recipes.wait_for_function("() => globalThis.shown === told")
    recipes.evaluate("list.actions.add(files('a.txt', 'refused.exe', 'slow.txt'))")
    recipes.wait_for_function("() => list.uploads[0]?.state === 'completed' && list.uploads[1].state === 'failed'")
    recipes.evaluate("globalThis.before = list.uploads[0]; list.actions.cancel(3)")
    recipes.wait_for_function("() => list.uploads[2].state === 'cancelled' && !list.isUploading")

    assert recipes.evaluate("told.sort()") == ["complete a.txt", "error refused.exe"]
    assert recipes.evaluate("list.uploads[0] === before")  # the same object until it changes


def test_uploads_outlive_their_component_unless_it_cancels_them(recipes: Page) -> None:
    """The one for a single file cancels its file when it gets another."""
    recipes.evaluate("show('List', { told: globalThis.told = [] })")
    recipes.wait_for_function("() => globalThis.list")
    recipes.evaluate("list.actions.add(files('slow.txt')); show('One')")
    recipes.wait_for_function("() => globalThis.one && states() === 'slow.txt uploading'")
    recipes.evaluate("one.start(files('slow too.txt')[0])")
    recipes.wait_for_function("() => one.upload?.state === 'uploading'")
    recipes.evaluate("one.start(files('b.txt')[0])")
    recipes.wait_for_function("() => one.upload?.file.name === 'b.txt' && one.upload.state === 'completed'")
    recipes.evaluate("show('List', { told, cancelOnUnmount: true })")
    recipes.wait_for_function("() => states() === 'slow.txt uploading,slow too.txt cancelled,b.txt completed'")
    recipes.wait_for_function("() => list.uploads.length === 2")

    recipes.evaluate("show(null)")

    recipes.wait_for_function("() => states() === 'slow.txt cancelled,slow too.txt cancelled,b.txt completed'")
