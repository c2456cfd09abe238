"""The samples of docs/backends/gcs.md are parsed and applied."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fileman.models import FileManager
from tests.backends.documents import fixes_of, samples
from tests.backends.gcs.stores import Store
from tests.uploads.driver import configured

SETTINGS, ROLE, CORS, LIFECYCLE = samples("gcs")


@pytest.mark.django_db
def test_the_sample_file_manager_can_be_saved(store: Store, tmp_path: Path) -> None:
    sample = deepcopy(SETTINGS)
    key = tmp_path / "key.json"
    key.write_text(json.dumps(store.server.service_account_info))
    sample["settings"]["credentials"] = str(key)

    with configured(CREDENTIALS_FOLDERS=[str(tmp_path)]):
        manager = FileManager.objects.create(**sample)

    assert manager.location == "gcs:google/my-bucket/files/"


def test_the_sample_role_holds_every_permission_and_no_other() -> None:
    """On buckets it may only read."""
    of_objects = [f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")]
    assert ROLE["includedPermissions"] == ["storage.buckets.get", *of_objects]


def test_the_samples_are_what_the_doctor_advises(store: Store) -> None:
    """And the rules admit uploads."""
    with configured(ALLOWED_ORIGINS=["https://app.example.com"]):
        problems: list[Any] = store.backend().validate_configuration()[1]
        assert [problem.fix for problem in problems] == [CORS, CORS]
        store.bucket.cors = CORS
        store.bucket.patch()
        assert store.backend().validate_configuration() == (True, [])

    fixes = fixes_of("gcs", prefix="files/")
    assert (fixes["permission"], fixes["lifecycle"]) == (ROLE, LIFECYCLE)


def test_the_sample_lifecycle_rule_reaches_upload_paths_only(store: Store) -> None:
    rules = LIFECYCLE["lifecycle"]["rule"]
    store.bucket.lifecycle_rules = rules
    store.bucket.patch()
    store.bucket.reload()

    assert [dict(rule) for rule in store.bucket.lifecycle_rules] == rules
    prefix = f"{SETTINGS['backend_url'].removeprefix('gs://my-bucket/')}.uploads/"
    assert [rule["condition"]["matchesPrefix"] for rule in rules] == [[prefix]]
    assert all(rule["condition"]["age"] > 14 for rule in rules)
