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

EXAMPLES = Path(__file__).resolve().parents[2] / "frontend_examples"
UPLOADER = EXAMPLES / "uploader"
MAX_GZIP_BYTES = 7_500


def required(*candidates: Path | str | None) -> str:
    """The first tool that exists; without any the test skips, and fails in CI."""
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return str(candidate)
    reason = f"none of {candidates} is installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=UPLOADER, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def typescript() -> str:
    return required(UPLOADER / "node_modules/.bin/tsc", EXAMPLES / "node_modules/.bin/tsc")


def test_the_uploaders_own_tests_pass() -> None:
    tests = sorted(str(path) for path in (UPLOADER / "test").glob("*.test.js"))

    output = run(required(shutil.which("node")), "--test", "--test-reporter=tap", *tests)

    assert re.search(r"^# pass ([1-9]\d*)\n# fail 0$", output, re.MULTILINE), output


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.page.json"])
def test_the_types_in_the_comments_hold(project: str) -> None:
    run(typescript(), "--noEmit", "--project", project)


def test_the_error_codes_are_those_of_the_api() -> None:
    union = (UPLOADER / "types.ts").read_text().partition("type ApiErrorCode =")[2].partition(";")[0]
    payloads = build_schema((EXAMPLES.parent / "schema/schema.graphql").read_text()).type_map["UploadErrorCode"]
    assert isinstance(payloads, GraphQLEnumType)

    assert re.findall(r"'(\w+)'", union) == [*payloads.values, *RequestErrorCode]


def test_sha_256_is_hash_wasms(tmp_path: Path) -> None:
    """The bundle that is checked in is what the pinned version gives."""
    package = required(EXAMPLES / "node_modules/hash-wasm/dist/index.esm.js")
    (tmp_path / "entry.js").write_text(f'export {{ createSHA256 }} from "{package}";')

    bundled = run(required(EXAMPLES / "node_modules/.bin/rolldown"), str(tmp_path / "entry.js"), "--minify")

    assert (UPLOADER / "sha256-wasm.js").read_text().splitlines()[-1] in bundled


def test_the_uploader_stays_small(tmp_path: Path) -> None:
    """All modules of the main path, bundled, minified and compressed as a site would serve them."""
    run(required(EXAMPLES / "node_modules/.bin/rolldown"), "file-uploader.js", "--dir", str(tmp_path), "--minify")
    first = [path.read_bytes() for path in tmp_path.glob("*.js") if not path.name.startswith("checksum")]

    assert len(gzip.compress(b"".join(first), 9)) < MAX_GZIP_BYTES


def test_the_uploader_needs_no_package_and_names_no_storage() -> None:
    """The one algorithm serves every storage: vendor names have no place in it."""
    sources = {path.name: path.read_text() for path in UPLOADER.glob("*.js") if path.name != "sha256-wasm.js"}

    imported = {name for source in sources.values() for name in re.findall(r'from "([^"]+)"', source)}

    assert {name for name in imported if not name.startswith("./")} == set()
    assert [name for name, source in sources.items() if re.search(r"\b(s3|azure|gcs|etag)\b", source, re.I)] == []
