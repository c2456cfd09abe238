"""validate_configuration asks the storage itself and reports each problem; it never raises and leaves nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings

from tests.backends.gcs.stores import Store
from tests.servers.gcs.faults import Fault
from tests.servers.proxy import MAINTENANCE_PAGE, answer_with, proxy_to
from tests.servers.proxy import Fault as ServerFault

RULE = {
    "origin": ["https://app.example.com"],
    "method": ["PUT"],
    "responseHeader": ["Content-Type", "x-goog-content-length-range", "x-goog-hash"],
}
HEADERS = "to PUT with the headers Content-Type, x-goog-content-length-range, x-goog-hash."
ANY_BROWSER = f"No CORS rule of the bucket allows browsers {HEADERS}"


def allow(store: Store, **changes: Any) -> Store:
    store.bucket.cors = [{**RULE, **changes}]
    store.bucket.patch()
    return store


def problems(store: Store, *, direct: bool = True, **settings: Any) -> list[str]:
    valid, found = store.backend(direct=direct, **settings).validate_configuration()
    assert valid is (found == [])
    return found


def test_a_good_bucket_has_no_problems_and_stays_empty(store: Store) -> None:
    assert problems(allow(store)) == []
    assert store.names() == []


def test_an_absent_bucket_is_named_with_its_project(store: Store) -> None:
    absent = f"{store.bucket.name}-2"
    text = "The bucket does not exist{}. Create it, or correct bucket_name."

    assert problems(store, bucket_name=absent) == [text.format(" in the project fileman-tests")]
    assert problems(store, bucket_name=absent, project_id=None) == [text.format("")]


def test_unknown_credentials_are_reported_without_their_content(store: Store) -> None:
    stranger = {**store.server.service_account_info, "client_email": "canary@elsewhere.iam.gserviceaccount.com"}

    assert problems(store, credentials=stranger) == ["Google rejects the credentials (RefreshError)."]


def test_an_unreachable_storage_is_named(store: Store) -> None:
    assert problems(store, endpoint="http://127.0.0.1:9") == ["The storage cannot be reached (http://127.0.0.1:9)."]


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "maxResults=1", "storage.objects.list"),
        ("POST", "uploadType=media", "storage.objects.create"),
        ("POST", "/rewriteTo/", "storage.objects.create with storage.objects.get, to copy,"),
        ("DELETE", "/o/tenant%2F.uploads%2Fprobe", "storage.objects.delete"),
    ],
)
def test_each_lacking_permission_is_named(store: Store, method: str, path: str, permission: str) -> None:
    allow(store).server.inject(Fault(method=method, path_contains=path, status=403))

    assert problems(store) == [f"The credentials lack the permission {permission}."]
    assert store.names() == []


def test_a_lacking_permission_to_look_at_the_bucket_is_named(store: Store) -> None:
    """Needed for its CORS rules, and to see whether it keeps versions."""
    allow(store).server.inject(Fault(method="GET", path_contains=f"{store.bucket.name}?", status=403, times=2))

    assert problems(store) == ["The credentials lack the permission storage.buckets.get."]


def test_a_lacking_permission_to_read_is_named(store: Store) -> None:
    """The probe is looked at, and a signed address is tried."""
    allow(store).server.inject(Fault(method="GET", path_contains="/o/tenant%2F.uploads%2Fprobe", status=403))

    assert problems(store) == ["The credentials lack the permission storage.objects.get."]


def test_a_rejected_token_is_reported(store: Store) -> None:
    allow(store).server.inject(Fault(path_contains="/storage/v1/b/", status=401, times=2))

    assert problems(store) == ["Google rejects the access token of these credentials."]


def test_rejected_signatures_are_reported(store: Store) -> None:
    """Such as those of a deleted key whose last token still works."""
    allow(store).server.inject(Fault(method="GET", path_contains="X-Goog-Signature", status=403))

    assert problems(store) == ["Google rejects URLs signed by these credentials (status 403)."]


def test_an_unexpected_response_is_reported(store: Store) -> None:
    allow(store).server.inject(Fault(method="POST", path_contains="uploadType=media", status=400))

    assert problems(store) == ["Google returned 400 backendError to storage.objects.create."]


@pytest.mark.parametrize("answer", [answer_with(501), answer_with(MAINTENANCE_PAGE)], ids=["501", "page"])
def test_a_server_without_batches_is_named_if_it_does_not_delete_singly(store: Store, answer: ServerFault) -> None:
    allow(store)
    with proxy_to(store.server.endpoint) as proxy:
        proxy.disturb(answer, target="/batch/", times=None)
        assert problems(store, endpoint=proxy.url) == []
        assert store.names() == []

        proxy.disturb(answer_with(204), method="DELETE", times=None)
        assert problems(store, endpoint=proxy.url) == [
            "The storage does not delete as Google does (it is still listed)."
        ]


def test_a_server_that_finds_what_does_not_exist_is_named(store: Store) -> None:
    allow(store)
    with proxy_to(store.server.endpoint) as proxy:
        proxy.disturb(answer_with(MAINTENANCE_PAGE), method="GET", target="/o/tenant/.uploads/probe", skip=1)

        assert problems(store, endpoint=proxy.url) == [f"The server at {proxy.url} is not Google Cloud Storage."]
    assert store.names() == []


@pytest.mark.parametrize(
    "changes", [{"method": ["GET"]}, {"responseHeader": ["Content-Type"]}, {"responseHeader": []}], ids=str
)
def test_an_insufficient_cors_rule_is_reported(store: Store, changes: dict[str, Any]) -> None:
    assert problems(allow(store, **changes)) == [ANY_BROWSER]
    assert problems(store, direct=False) == []


def test_a_bucket_without_cors_rules_is_reported(store: Store) -> None:
    assert problems(store) == [ANY_BROWSER]


class TestWithKnownOrigins:
    @pytest.fixture(autouse=True)
    def _origins(self) -> Iterator[None]:
        origins = ["https://app.example.com", "https://second.example.com"]
        with override_settings(FILEMAN_SETTINGS={**django_settings.FILEMAN_SETTINGS, "ALLOWED_ORIGINS": origins}):
            yield

    def test_each_origin_without_a_rule_is_named(self, store: Store) -> None:
        """Found by preflight, as a browser would."""
        second = f"No CORS rule of the bucket allows https://second.example.com {HEADERS}"

        assert problems(allow(store)) == [second]
        assert problems(allow(store, origin=["https://app.example.com", "https://second.example.com"])) == []

    @pytest.mark.parametrize("changes", [{"method": ["GET"]}, {"responseHeader": ["Content-Type"]}], ids=str)
    def test_a_rule_without_method_or_headers_admits_nobody(self, store: Store, changes: dict[str, Any]) -> None:
        assert len(problems(allow(store, **changes))) == 2

    def test_the_permission_to_read_the_bucket_is_not_needed(self, store: Store) -> None:
        allow(store, origin=["https://app.example.com", "https://second.example.com"])
        store.server.inject(Fault(method="GET", path_contains=f"{store.bucket.name}?", status=403, times=99))

        assert problems(store) == []
