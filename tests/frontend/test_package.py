"""The npm package of the uploader, as `npm pack` makes it, installed into fresh apps with strict types."""

import hashlib
import shutil
from pathlib import Path

import google_crc32c
import pytest
from playwright.sync_api import Browser, StorageState, expect

from tests.frontend.browser_page import throttled, watching
from tests.frontend.other_origin import page_served
from tests.frontend.test_uploader_unit import EXAMPLES, run
from tests.frontend.upload_page import IN_PARTS, MIB, random_file
from tests.servers.fixtures import give_up
from tests.servers.process import LOOPBACK, Program, answers_http, free_port, running

pytestmark = [pytest.mark.browser, pytest.mark.long]
BUNDLE = {
    "esbuild": "main.js checksum-worker=fileman-uploader/checksum-worker --bundle --format=esm --outdir=dist",
    "webpack": "",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (EXAMPLES / "node_modules").exists():
        give_up("the front ends are not installed: make run installs them, with Node 20.19 or newer")
    folder = tmp_path_factory.mktemp("package")
    run("npm", "pack", "--pack-destination", folder)
    return next(folder.glob("fileman-uploader-*.tgz"))


def install(app: str, package: Path, folder: Path) -> Path:
    copy = shutil.copytree(Path(__file__).with_name("consumers") / app, folder / app)
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", package, folder=copy)
    return copy


def test_linters_of_packages_find_nothing(package: Path, tmp_path: Path) -> None:
    run("npx", "--yes", "publint@0.3.25", "run", package, "--strict", folder=tmp_path)
    run("npx", "--yes", "@arethetypeswrong/cli@0.18.5", package, "--profile", "esm-only", folder=tmp_path)


def test_a_vite_app_uploads_and_goes_on_after_a_reload(
    package: Path, tmp_path: Path, browser: Browser, site: str, signed_in: StorageState
) -> None:
    app = install("vite", package, tmp_path)
    run("npx", "tsc", folder=app)
    run("node", "without-browser.mjs", folder=app)
    run("npx", "vite", "build", folder=app)
    port = free_port()
    vite = [str(app / "node_modules/.bin/vite"), "preview", "--host", LOOPBACK, "--port", str(port)]
    preview = running(Program(command=vite, folder=app, environment={"API": site}), ready=lambda: answers_http(port))
    path = random_file(tmp_path, IN_PARTS)
    with preview, watching(browser, f"http://localhost:{port}", signed_in) as watched:
        page = watched.page
        page.goto("/")
        with throttled(page, 2 * MIB):
            page.set_input_files("input", path)
            page.get_by_text(path.name).wait_for()
            for count in (0, 1):  # the upload goes on while its component is away, and is in its list again
                page.get_by_role("button", name="Toggle").click()
                expect(page.get_by_text(path.name)).to_have_count(count)
            page.wait_for_function("Number(document.querySelector('p')?.dataset.parts) > 0")
            page.reload()
        watched.requests.clear()
        page.set_input_files("input", path)

        expect(page.locator("p[data-state=completed]")).to_contain_text(
            f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", timeout=60_000
        )
        assert sum(watched.bytes_sent().values()) < IN_PARTS - MIB
        assert watched.complaints == []


def test_a_next_app_renders_on_the_server(package: Path, tmp_path: Path) -> None:
    app = install("next", package, tmp_path)
    run("npx", "tsc", folder=app)

    run("npx", "next", "build", folder=app)

    assert "0 uploads, idle, none of its own" in (app / ".next/server/app/index.html").read_text()


@pytest.mark.parametrize("bundler", BUNDLE)
def test_a_bundle_has_the_checksum_worker(package: Path, tmp_path: Path, browser: Browser, bundler: str) -> None:
    app, size = install("bundled", package, tmp_path), 17 * MIB  # more than WebCrypto gets
    run("npx", bundler, *BUNDLE[bundler].split(), folder=app)
    sha256, crc32c = hashlib.sha256(bytes(size)).hexdigest(), f"{google_crc32c.value(bytes(size)):08x}"
    checksums = [("sha256", sha256), ("crc32c", crc32c)]
    with page_served(app) as origin, watching(browser, origin, None) as watched:
        watched.page.goto("/")
        watched.page.wait_for_function("() => globalThis.uploadZeros")
        for algorithm, value in checksums:
            told = watched.page.evaluate("(given) => uploadZeros(...given)", [size, algorithm])
            assert told == ["completed", f"{algorithm}:{value}"]
        assert watched.complaints == []
