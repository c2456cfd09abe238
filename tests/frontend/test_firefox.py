"""The page at `/` in Firefox ESR, where it is installed."""

import hashlib
import json
import shutil
from itertools import product
from pathlib import Path

import pytest

from tests.frontend.demo_server import demo_served
from tests.frontend.test_uploader_unit import run
from tests.frontend.upload_page import IN_PARTS, LOCAL, SMALL, SMALL_PARTS, random_file
from tests.servers.buckets import create_s3_bucket
from tests.servers.endpoints import S3Server

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_firefox_uploads_and_goes_on_after_a_reload(tmp_path: Path, radosgw_server: S3Server) -> None:
    firefox = shutil.which("firefox-esr")
    if firefox is None:
        pytest.skip("Firefox is not installed: apt-get install firefox-esr")
    driver = shutil.copytree(Path(__file__).with_name("consumers") / "firefox", tmp_path / "driver")
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", folder=driver)
    bucket, storages = create_s3_bucket(radosgw_server, "firefox", "http://localhost:*"), tmp_path / "storages.json"
    storages.write_text(json.dumps([{"name": "Ceph", **vars(bucket)}], default=str))
    settings = json.dumps(SMALL_PARTS)
    with demo_served(tmp_path, "--storages", str(storages), with_clouds=False, FILEMAN_SETTINGS=settings) as port:
        for storage, size in product((LOCAL, "Ceph"), (SMALL, IN_PARTS, 10 * IN_PARTS)):
            path, reloads = random_file(tmp_path, size), "reload" if size > IN_PARTS else ""
            site = f"http://localhost:{port}"
            told = json.loads(run("node", "upload.js", firefox, site, storage, path, reloads, folder=driver))
            assert (told["sha256"], told["complaints"]) == (hashlib.sha256(path.read_bytes()).hexdigest(), [])
            assert told["sent"] < 42 or not reloads
