"""The page at `/` in Firefox ESR, where it is installed."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.frontend.test_uploader_unit import run
from tests.frontend.upload_page import IN_PARTS, LOCAL, S3, SMALL, random_file

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_firefox_uploads_and_goes_on_after_a_reload(site: str, tmp_path: Path) -> None:
    firefox = shutil.which("firefox-esr")
    if firefox is None:
        pytest.skip("Firefox is not installed: apt-get install firefox-esr")
    driver = shutil.copytree(Path(__file__).with_name("consumers") / "firefox", tmp_path / "driver")
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", folder=driver)
    for storage, size in [(LOCAL, SMALL), (S3, SMALL), (S3, IN_PARTS), (LOCAL, 10 * IN_PARTS)]:
        path, reloads = random_file(tmp_path, size), "reload" if size > IN_PARTS else ""
        told = json.loads(run("node", "upload.js", firefox, site, storage, path, reloads, folder=driver))
        assert (told["sha256"], told["complaints"]) == (hashlib.sha256(path.read_bytes()).hexdigest(), [])
        assert told["sent"] < 42 or not reloads
