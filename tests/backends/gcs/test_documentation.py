"""The samples of docs/backends/gcs.md are parsed and applied."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from fileman import conf
from fileman.backends import backend_class
from fileman.backends.gcs.diagnosis import NEEDED_HEADERS
from fileman.models import FileManager
from tests.backends.gcs.stores import BODY, Store, checksum_of, only_request, upload_of
from tests.backends.gcs.test_diagnosis import problems

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "backends" / "gcs.md").read_text()


def samples() -> list[Any]:
    """Settings, role, CORS and lifecycle, in this order."""
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.django_db
def test_the_sample_file_manager_can_be_saved(store: Store, tmp_path: Path) -> None:
    sample = samples()[0]
    key = tmp_path / "key.json"
    key.write_text(json.dumps(store.server.service_account_info))
    sample["settings"]["credentials"] = str(key)

    manager = FileManager.objects.create(**sample)

    assert manager.location == "gcs:google/my-bucket/files/"


def test_every_setting_is_documented_and_no_other() -> None:
    table = PAGE.partition("| setting |")[2].partition("\n\n")[0]
    documented = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    known = set(backend_class("gcs").settings_class.__dataclass_fields__)
    assert documented == known
    assert conf.find_type_problems(backend_class("gcs").settings_class, samples()[0]["settings"]) == []


def test_the_sample_role_holds_every_permission_and_no_other() -> None:
    """On buckets it may only read."""
    assert samples()[1]["includedPermissions"] == [
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    ]


def test_the_sample_cors_rules_are_narrow_and_admit_uploads(store: Store) -> None:
    """No wildcard, and no unused method."""
    rules = samples()[2]
    store.bucket.cors = rules
    store.bucket.patch()
    origins = [origin for rule in rules for origin in rule["origin"]]

    with override_settings(FILEMAN_SETTINGS={"ALLOW_INSECURE_ENDPOINTS": True, "ALLOWED_ORIGINS": origins}):
        assert problems(store) == []

    assert "*" not in json.dumps(rules)
    assert {method for rule in rules for method in rule["method"]} == {"GET", "PUT"}
    assert {header for rule in rules for header in rule["responseHeader"]} == set(NEEDED_HEADERS)


def test_the_sample_lifecycle_rule_reaches_upload_paths_only(store: Store) -> None:
    rules = samples()[3]["lifecycle"]["rule"]
    store.bucket.lifecycle_rules = rules
    store.bucket.patch()
    store.bucket.reload()

    assert [dict(rule) for rule in store.bucket.lifecycle_rules] == rules
    prefix = f"{samples()[0]['backend_url'].removeprefix('gs://my-bucket/')}.uploads/"
    assert [rule["condition"]["matchesPrefix"] for rule in rules] == [[prefix]]
    assert all(rule["condition"]["age"] > 14 for rule in rules)


def test_the_headers_of_a_grant_are_those_that_the_rules_allow(store: Store) -> None:
    request = only_request(store.backend(), upload_of(checksum=checksum_of(BODY, "crc32c")))

    assert {name for name, _ in request.headers} == set(NEEDED_HEADERS)
