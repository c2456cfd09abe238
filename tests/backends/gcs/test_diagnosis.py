"""validate_configuration asks the storage itself and reports each problem; it never raises and leaves nothing."""

from typing import Any

import pytest

from tests.backends.gcs.stores import Store
from tests.servers.proxy import MAINTENANCE_PAGE, Fault, Proxy, answer_with, json_answer
from tests.uploads.driver import configured

RULE = {
    "origin": ["https://app.example.com"],
    "method": ["PUT"],
    "responseHeader": ["Content-Type", "x-goog-content-length-range", "x-goog-hash"],
}
ORIGINS = ["https://app.example.com", "https://second.example.com"]
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


LACKING = "The credentials lack the permission {}."
PROBE = "/o/tenant/.uploads/probe"


@pytest.mark.parametrize(
    ("method", "path", "status", "times", "problem"),
    [
        ("GET", "maxResults=1", 403, 1, LACKING.format("storage.objects.list")),
        ("POST", "uploadType=media", 403, 1, LACKING.format("storage.objects.create")),
        ("POST", "/rewriteTo/", 403, 1, LACKING.format("storage.objects.create with storage.objects.get, to copy,")),
        ("DELETE", PROBE, 403, 1, LACKING.format("storage.objects.delete")),
        ("GET", PROBE, 403, 1, LACKING.format("storage.objects.get")),
        # The bucket is asked for its CORS rules, whether it keeps versions, and how long it keeps objects.
        ("GET", r"/b/{}\?", 403, 3, LACKING.format("storage.buckets.get")),
        ("", "/storage/v1/b/", 401, 2, "Google rejects the access token of these credentials."),
        # A deleted key, whose last token still works.
        ("GET", "X-Goog-Signature", 403, 1, "Google rejects URLs signed by these credentials (status 403)."),
        ("POST", "uploadType=media", 400, 1, "Google returned 400 backendError to storage.objects.create."),
    ],
)
def test_each_refusal_is_named(
    store: Store, proxy: Proxy, method: str, path: str, status: int, times: int, problem: str
) -> None:
    error = {"code": status, "errors": [{"reason": "backendError", "message": "no"}]}
    refusal = answer_with(json_answer({"error": error}, status=status))
    allow(store)
    proxy.disturb(refusal, method=method, target=path.format(store.bucket.name), times=times)

    assert problems(store, endpoint=proxy.url) == [problem]
    assert store.names() == []


@pytest.mark.parametrize("answer", [answer_with(501), answer_with(MAINTENANCE_PAGE)], ids=["501", "page"])
def test_a_server_without_batches_is_named_if_it_does_not_delete_singly(
    store: Store, proxy: Proxy, answer: Fault
) -> None:
    allow(store)
    proxy.disturb(answer, target="/batch/", times=None)
    assert problems(store, endpoint=proxy.url) == []
    assert store.names() == []

    proxy.disturb(answer_with(204), method="DELETE", times=None)
    assert problems(store, endpoint=proxy.url) == ["The storage does not delete as Google does (it is still listed)."]


def test_a_server_that_finds_what_does_not_exist_is_named(store: Store, proxy: Proxy) -> None:
    allow(store)
    proxy.disturb(answer_with(MAINTENANCE_PAGE), method="GET", target=PROBE, skip=1)

    assert problems(store, endpoint=proxy.url) == [f"The server at {proxy.url} is not Google Cloud Storage."]
    assert store.names() == []


@pytest.mark.parametrize("changes", [{"method": ["GET"]}, {"responseHeader": ["Content-Type"]}, None], ids=str)
def test_an_insufficient_cors_rule_is_reported(store: Store, changes: dict[str, Any] | None) -> None:
    """None: the bucket has no rule. Known origins are checked by preflights, as by a browser."""
    if changes:
        allow(store, **changes)

    assert problems(store) == [ANY_BROWSER]
    assert problems(store, direct=False) == []
    with configured(ALLOWED_ORIGINS=ORIGINS):
        assert problems(store) == [f"No CORS rule of the bucket allows {origin} {HEADERS}" for origin in ORIGINS]


def test_each_origin_without_a_rule_is_named(store: Store, proxy: Proxy) -> None:
    """Nobody needs the permission to read the bucket for it."""
    proxy.disturb(answer_with(403), method="GET", target=rf"{store.bucket.name}\?", times=None)
    with configured(ALLOWED_ORIGINS=ORIGINS):
        assert problems(allow(store), endpoint=proxy.url) == [
            f"No CORS rule of the bucket allows {ORIGINS[1]} {HEADERS}"
        ]
        assert problems(allow(store, origin=ORIGINS), endpoint=proxy.url) == []


LOCKS: list[dict[str, Any]] = [{"retentionPolicy": {"retentionPeriod": "86400"}}, {"defaultEventBasedHold": True}]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: next(iter(lock)))
def test_a_bucket_that_keeps_its_objects_is_named_and_gets_no_probes(
    store: Store, proxy: Proxy, lock: dict[str, Any]
) -> None:
    described = json_answer({"kind": "storage#bucket", "cors": [RULE], **lock})
    proxy.disturb(answer_with(described), target=rf"/b/{store.bucket.name}\?", times=None)

    assert problems(store, endpoint=proxy.url) == [
        "The retention policy or default hold of the bucket keeps its objects, so deletions wait until it allows "
        "them. No test objects were written."
    ]
    assert [seen.target for seen in proxy.seen if "uploadType" in seen.target] == []


def test_a_deletion_that_the_bucket_refuses_is_not_taken_for_a_missing_permission(store: Store, proxy: Proxy) -> None:
    """The credentials may not ask for the retention policy."""
    error = {"errors": [{"reason": "retentionPolicyNotMet", "message": "canary"}]}
    proxy.disturb(answer_with(json_answer({"error": error}, status=403)), method="DELETE")

    assert problems(allow(store), endpoint=proxy.url) == [
        "Google returned 403 retentionPolicyNotMet to storage.objects.delete."
    ]
