"""Pages of another origin than the API: with the CORS rules of docs/backends, on storages that enforce them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect

from tests.frontend.administrator import Administrator
from tests.frontend.browser_page import FEW_BYTES, Watched, signed_in_at, watching
from tests.frontend.other_origin import api_served, page_served
from tests.frontend.upload_page import IN_PARTS, random_file
from tests.servers.buckets import Bucket, create_azure_container, create_gcs_bucket, create_s3_bucket

pytestmark = pytest.mark.browser
SINGLE = 1_000_000
LOCAL = "Local disk"
CLOUDS: dict[str, Callable[[Any, str, str], Bucket]] = {
    "radosgw": create_s3_bucket,
    "seaweedfs": create_s3_bucket,
    "azurite": create_azure_container,
    "gcs": create_gcs_bucket,
}


@dataclass(frozen=True, kw_only=True)
class World:
    """Where everything stands."""

    api: str
    """Origin of the API."""
    page: str
    """Origin of the page that the API and every storage names."""
    unknown_to_storages: str
    """Origin of the same page that the API names and no storage does."""
    unknown: str
    """Origin of the same page that nobody names, on the API's own host, so that cookies reach it."""
    administrator: Administrator
    """Of the API."""
    state: StorageState
    """Cookies of demo, who signed in at the API."""


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        page, unknown_to_storages, unknown = (stack.enter_context(page_served()) for _ in range(3))
        api = stack.enter_context(api_served(tmp_path_factory.mktemp("api"), page, unknown_to_storages))
        administrator = Administrator(browser, api)
        stack.callback(administrator.leave)
        yield World(
            api=api,
            page=page,
            unknown_to_storages=unknown_to_storages,
            unknown=unknown,
            administrator=administrator,
            state=signed_in_at(browser, api),
        )


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(request: pytest.FixtureRequest, world: World) -> tuple[str, Bucket]:
    """Each cloud in turn: the name of its file manager, and what stands behind it."""
    name = str(request.param)
    storage = CLOUDS[name](request.getfixturevalue(f"{name}_server"), f"bucket-{uuid4().hex}", world.page)
    world.administrator.add(
        name=name, backend_type=storage.backend_type, backend_url=storage.backend_url, settings=storage.settings
    )
    return name, storage


@pytest.fixture
def watched(browser: Browser, world: World) -> Iterator[Watched]:
    """A page of demo's."""
    with watching(browser, world.api, world.state) as watched:
        yield watched


def upload(page: Page, origin: str, world: World, name: str, path: Path) -> None:
    page.goto(f"{origin}/?api={world.api}")
    expect(page.get_by_text("Signed in as demo")).to_be_visible()
    page.get_by_label("File manager").select_option(label=name)
    page.get_by_label("File", exact=True).set_input_files(path)


def assert_downloads(page: Page, path: Path) -> None:
    expect(page.get_by_role("status")).to_have_text("Uploaded.", timeout=30_000)
    with page.expect_download() as event:
        page.get_by_role("link", name="Download").click()
    assert hashlib.sha256(event.value.path().read_bytes()).digest() == hashlib.sha256(path.read_bytes()).digest()


@pytest.mark.parametrize("size", [SINGLE, IN_PARTS], ids=["one request", "parts"])
def test_with_the_documented_rules_a_page_uploads_to_the_cloud(
    watched: Watched, world: World, cloud: tuple[str, Bucket], tmp_path: Path, size: int
) -> None:
    """Signed in by cookie and X-CSRFToken; no byte of the file reaches the API."""
    name, storage = cloud
    path = random_file(tmp_path, size)

    upload(watched.page, world.page, world, name, path)

    assert_downloads(watched.page, path)
    sent = watched.bytes_sent()
    assert 0 < sent[world.api] <= FEW_BYTES
    assert size <= sent[storage.origin] <= size + FEW_BYTES
    assert watched.complaints == []


@pytest.mark.parametrize("cloud", sorted(CLOUDS.keys() - {"seaweedfs"}), indirect=True)
def test_the_documented_rules_let_no_other_origin_upload(
    watched: Watched, world: World, cloud: tuple[str, Bucket], tmp_path: Path
) -> None:
    """The browser asks first and is told no; the page says what it may be. SeaweedFS has options for POST instead."""
    name, storage = cloud
    before = storage.get_paths()
    watched.page.add_init_script("Math.random = () => 0")  # no waiting between the tries

    upload(watched.page, world.unknown_to_storages, world, name, random_file(tmp_path, 100_000))

    expect(watched.page.get_by_role("status")).to_have_text("The storage could not be reached (network or CORS).")
    refusals = [text for text in watched.complaints if "has been blocked by CORS policy" in text]
    assert len(refusals) > 0
    assert all(f"from origin '{world.unknown_to_storages}'" in text for text in refusals)
    assert storage.get_paths() == before


def test_a_page_uploads_through_the_api_of_another_origin(watched: Watched, world: World, tmp_path: Path) -> None:
    """The API's own CORS covers the upload view too."""
    path = random_file(tmp_path, SINGLE)

    upload(watched.page, world.page, world, LOCAL, path)

    assert_downloads(watched.page, path)
    assert SINGLE <= watched.bytes_sent()[world.api] <= SINGLE + FEW_BYTES
    assert watched.complaints == []


INITIATE = 'mutation { initiateUpload(input: {files: [{filename: "a.txt", size: 1}]}) { success } }'
COUNT = "{ files { totalCount } }"
CALL = """async ([url, query, headers, mode]) => {
    const body = JSON.stringify({ query });
    const response = await fetch(url, { method: "POST", credentials: "include", mode, headers, body });
    return mode === "no-cors" ? response.type : [response.status, (await response.json()).data ?? null];
}"""


def call(page: Page, world: World, query: str, headers: dict[str, str], mode: str = "cors") -> Any:
    return page.evaluate(CALL, [f"{world.api}/graphql", query, headers, mode])


def signed(page: Page, world: World) -> dict[str, str]:
    """Opens the page that everybody names; headers for its calls."""
    page.goto(f"{world.page}/?api={world.api}")
    expect(page.get_by_text("Signed in as demo")).to_be_visible()
    ask = "async (url) => (await (await fetch(url, { credentials: 'include' })).json()).csrfToken"
    return {"Content-Type": "application/json", "X-CSRFToken": page.evaluate(ask, f"{world.api}/fileman/csrf/")}


def test_a_page_that_nobody_names_reads_nothing_and_changes_nothing(watched: Watched, world: World) -> None:
    """Not even by a request that browsers send unasked, with the visitor's cookies."""
    page = watched.page
    before = call(page, world, COUNT, signed(page, world))
    page.goto(f"{world.unknown}/?api={world.api}")
    expect(page.get_by_role("status")).to_contain_text("The API cannot be reached.")
    assert ["blocked by CORS policy" in text for text in watched.complaints[:1]] == [True]

    with page.expect_response(f"{world.api}/graphql") as answer:
        assert call(page, world, INITIATE, {"Content-Type": "text/plain"}, "no-cors") == "opaque"

    assert answer.value.status == 415
    assert before[0] == 200
    assert call(page, world, COUNT, signed(page, world)) == before
