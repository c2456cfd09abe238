"""The uploader outside of a browser: its own tests, its types and its size."""

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from graphql import GraphQLEnumType, build_schema

from fileman.graphql.errors import RequestErrorCode
from tests.servers.fixtures import give_up

EXAMPLES = Path(__file__).resolve().parents[2] / "frontend_examples"
UPLOADER = EXAMPLES / "uploader"
MAX_GZIP_BYTES = 7_150


def run(program: str, *arguments: str | Path, folder: Path = UPLOADER) -> str:
    """Run Node or a program that npm installed for the front ends, in the uploader's folder or another one."""
    command = shutil.which(program, path=f"{EXAMPLES}/node_modules/.bin:{os.environ['PATH']}")
    if command is None:
        give_up(f"{program} is not installed: make run installs it, with Node 20.19 or newer")
    done = subprocess.run([command, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_uploaders_own_tests_pass() -> None:
    output = run("node", "--test", "--test-reporter=tap", *(UPLOADER / "test").glob("*.test.js"))

    assert re.search(r"^# pass ([1-9]\d*)\n# fail 0$", output, re.MULTILINE), output


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.page.json"])
def test_the_types_in_the_comments_hold(project: str) -> None:
    run("tsc", "--noEmit", "--project", project)


def test_the_error_codes_are_those_of_the_api() -> None:
    union = (UPLOADER / "types.ts").read_text().partition("type ApiErrorCode =")[2].partition(";")[0]
    payloads = build_schema((EXAMPLES.parent / "schema/schema.graphql").read_text()).type_map["UploadErrorCode"]
    assert isinstance(payloads, GraphQLEnumType)

    assert re.findall(r"'(\w+)'", union) == [*payloads.values, *RequestErrorCode]


def test_sha_256_is_hash_wasms(tmp_path: Path) -> None:
    """The bundle that is checked in is what the pinned version gives."""
    package = EXAMPLES / "node_modules/hash-wasm/dist/index.esm.js"
    if not package.exists():
        give_up("hash-wasm is not installed: make run installs it")
    (tmp_path / "entry.js").write_text(f'export {{ createSHA256 }} from "{package}";')

    bundled = run("rolldown", tmp_path / "entry.js", "--minify")

    assert (UPLOADER / "sha256-wasm.js").read_text().splitlines()[-1] in bundled


def test_the_uploader_stays_small(tmp_path: Path) -> None:
    """What a page loads that imports FileUploader, bundled, minified and compressed as a site would serve it."""
    run("rolldown", "file-uploader.js", "--dir", tmp_path, "--minify", "--no-comments")
    core = (tmp_path / "file-uploader.js").read_bytes()

    assert not core.startswith(b"import")  # one piece; the others are loaded when they are needed
    assert len(gzip.compress(core, 9)) < MAX_GZIP_BYTES


def test_the_uploader_needs_no_package_and_names_no_storage() -> None:
    """The one algorithm serves every storage: vendor names have no place in it."""
    sources = {path.name: path.read_text() for path in UPLOADER.glob("*.js") if path.name != "sha256-wasm.js"}

    imported = {name for source in sources.values() for name in re.findall(r'from "([^"]+)"', source)}

    assert {name for name in imported if not name.startswith("./")} == set()
    assert [name for name, source in sources.items() if re.search(r"\b(s3|azure|gcs|etag)\b", source, re.I)] == []
