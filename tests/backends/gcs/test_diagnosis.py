"""validate_configuration asks the storage itself and reports each problem; it never raises and leaves nothing."""

from typing import Any

import pytest

from tests.backends.gcs.stores import Store
from tests.backends.uploads import LOCKED, NO_DOWNLOADS, ORIGIN, Found, find_problems, no_uploads
from tests.servers.buckets import documented_rules
from tests.servers.proxy import MAINTENANCE_PAGE, Answer, Fault, Proxy, answer_with, json_answer
from tests.uploads.driver import configured

(RULE,) = documented_rules("gcs", ORIGIN)
HEADERS = "content-type, x-goog-content-length-range, x-goog-hash"
LACKING = "The credentials lack the permission {}."
PROBE = "/o/tenant/.?uploads/.*probe"


def allow(store: Store, **changes: Any) -> Store:
    store.bucket.cors = [{**RULE, **changes}]
    store.bucket.patch()
    return store


@pytest.mark.parametrize("direct", [True, False])
def test_a_good_configuration_works_and_leaves_no_object_or_session(store: Store, proxy: Proxy, direct: bool) -> None:
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        assert find_problems(allow(store).backend(endpoint=proxy.url, direct=direct)) == []

    begun = [seen for seen in proxy.seen if seen.method == "POST" and "uploadType=resumable" in seen.target]
    ended = [seen for seen in proxy.seen if seen.method == "DELETE" and "upload_id" in seen.target]
    assert len(begun) == len(ended) == 2
    assert store.names() == []


# Settings and environment, and what is found.
# fmt: off
PLANTED: dict[str, tuple[dict[str, Any], dict[str, str], Found]] = {
    "no bucket": ({"bucket_name": "nowhere-1"}, {}, [
        ("bucket.missing", "There is no bucket at {place}. Create it, or correct bucket_name.")]),
    "no credentials": ({"credentials": None}, {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}, [
        ("credentials", "No credentials were found in the settings or in the environment."),
        ("environment.ignored", "STORAGE_EMULATOR_HOST is set in the environment and ignored: only the settings name "
         "an endpoint.")]),
    "nobody there": ({"endpoint": "http://127.0.0.1:9"}, {}, [
        ("storage.unreachable", "{place} does not respond (ConnectionError).")]),
    "no CORS rule": ({}, {}, [no_uploads("PUT", HEADERS), NO_DOWNLOADS]),
}
# Method, path, status, and what is found.
REFUSALS: list[tuple[str, str, int, str, str]] = [
    ("GET", "maxResults=1", 403, "permission", LACKING.format("storage.objects.list")),
    ("POST", "uploadType=resumable", 403, "permission", LACKING.format("storage.objects.create")),
    ("POST", "/rewriteTo/", 403, "permission",
     LACKING.format("storage.objects.create with storage.objects.get, to copy,")),
    ("GET", PROBE, 403, "permission", LACKING.format("storage.objects.get")),
    ("", "/storage/v1/b/", 401, "credentials", "Google rejects the access token of these credentials."),
    # A deleted key, whose last token still works.
    ("GET", "X-Goog-Signature", 403, "signature", "Google rejects URLs signed by these credentials (403 Denied)."),
    ("PUT", "X-Goog-Signature", 400, "storage.refused",
     "{place} returned 400 Denied when asked to accept a signed upload."),
    ("POST", "/rewriteTo/", 400, "storage.refused",
     "{place} returned 400 backendError when asked to copy an object."),
]
# fmt: on


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_wrong_is_named(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, environment, expected = PLANTED[name]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    with configured(ALLOWED_ORIGINS=[ORIGIN] if "CORS" in name else []):
        assert find_problems(store.backend(**settings)) == expected

    assert store.names() == []


def test_unknown_credentials_are_reported_without_their_content(store: Store) -> None:
    stranger = {**store.server.service_account_info, "client_email": "canary@elsewhere.iam.gserviceaccount.com"}

    problem = ("credentials", "Google rejects the credentials (RefreshError).")
    assert find_problems(store.backend(credentials=stranger)) == [problem]


@pytest.mark.parametrize(("method", "path", "status", "problem_id", "sentence"), REFUSALS)
def test_each_refusal_is_named(
    store: Store, proxy: Proxy, method: str, path: str, status: int, problem_id: str, sentence: str
) -> None:
    error = {"code": status, "errors": [{"reason": "backendError", "message": "no"}]}
    refusal = json_answer({"error": error}, status=status)
    if "Signature" in path:
        refusal = Answer(status=status, body=b"<Error><Code>Denied</Code></Error>")
    proxy.disturb(answer_with(refusal), method=method, target=path, times=None)

    assert find_problems(store.backend(endpoint=proxy.url)) == [(problem_id, sentence)]
    assert store.names() == []


@pytest.mark.parametrize(
    ("reason", "problem_id", "problem"),
    [
        ("forbidden", "permission", LACKING.format("storage.objects.delete")),
        ("retentionPolicyNotMet", "storage.refused",
         "{place} returned 403 retentionPolicyNotMet when asked to delete an object."),
    ],
)  # fmt: skip
def test_a_refused_deletion_is_named(store: Store, proxy: Proxy, reason: str, problem_id: str, problem: str) -> None:
    """The credentials may not ask for the retention policy."""
    error = {"errors": [{"reason": reason, "message": "canary"}]}
    proxy.disturb(answer_with(501), target="/batch/", times=None)
    proxy.disturb(answer_with(json_answer({"error": error}, status=403)), method="DELETE", target=PROBE, times=None)

    assert (problem_id, problem) in find_problems(store.backend(endpoint=proxy.url))


@pytest.mark.parametrize("answer", [answer_with(501), answer_with(MAINTENANCE_PAGE)], ids=["501", "page"])
def test_a_server_without_batches_that_does_not_delete_is_named(store: Store, proxy: Proxy, answer: Fault) -> None:
    proxy.disturb(answer, target="/batch/", times=None)
    assert find_problems(store.backend(endpoint=proxy.url)) == []
    assert store.names() == []

    proxy.disturb(answer_with(204), method="DELETE", target=PROBE, times=None)
    problem = ("delete.failed", "A test object could not be deleted: it is still listed")
    assert find_problems(store.backend(endpoint=proxy.url)) == [problem]


def test_a_server_that_finds_what_does_not_exist_is_named(store: Store, proxy: Proxy) -> None:
    proxy.disturb(answer_with(MAINTENANCE_PAGE), method="GET", target=PROBE)

    assert find_problems(store.backend(endpoint=proxy.url)) == [("endpoint", "{place} is not in Google Cloud Storage.")]
    assert store.names() == []


def test_a_server_that_copies_what_has_changed_is_named(store: Store, proxy: Proxy) -> None:
    def ignore_conditions(exchange: Any) -> None:
        path = exchange._handler.path
        exchange._handler.path = path.partition("?")[0]
        exchange.respond(exchange.forward())

    proxy.disturb(ignore_conditions, target="/rewriteTo/")

    sentence = "The storage copies an object that has changed: it ignores the condition of the copy."
    assert find_problems(store.backend(endpoint=proxy.url)) == [("copy.unpinned", sentence)]
    assert store.names() == []


@pytest.mark.parametrize("changes", [{"method": ["GET"]}, {"responseHeader": ["Content-Type"]}], ids=str)
def test_an_insufficient_cors_rule_is_named(store: Store, proxy: Proxy, changes: dict[str, Any]) -> None:
    """Nobody needs the permission to read the bucket for it. Without known origins nothing is said."""
    proxy.disturb(answer_with(403), method="GET", target=rf"{store.bucket.name}\?", times=None)
    backend = allow(store, **changes).backend(endpoint=proxy.url)

    assert find_problems(backend) == []
    with configured(ALLOWED_ORIGINS=[ORIGIN]):
        assert find_problems(backend) == PLANTED["no CORS rule"][2][:1]


LOCKS: list[dict[str, Any]] = [{"retentionPolicy": {"retentionPeriod": "86400"}}, {"defaultEventBasedHold": True}]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: next(iter(lock)))
def test_a_bucket_that_keeps_objects_is_named_and_not_probed(store: Store, proxy: Proxy, lock: dict[str, Any]) -> None:
    described = json_answer({"kind": "storage#bucket", **lock})
    proxy.disturb(answer_with(described), target=rf"/b/{store.bucket.name}\?", times=None)

    sentence = f"The retention policy or default hold of the bucket {LOCKED}"
    assert find_problems(store.backend(endpoint=proxy.url)) == [("bucket.locked", sentence)]
    assert [seen.target for seen in proxy.seen if "uploadType" in seen.target] == []
