"""What may happen to any call of any storage: silence, a redirect, or a response of something else. None is a fact."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from uuid import uuid4

import pytest

from fileman.backends import Backend, backend_class
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Strategy, Upload
from fileman.errors import FileMissing, OutOfTime, StorageUnavailable
from tests.backends.s3.stores import PART_BYTES
from tests.backends.uploads import CALLS, ORIGIN, make_backend, upload_of, uploaded
from tests.servers.buckets import Bucket, create_azure_container, create_gcs_bucket, create_s3_bucket
from tests.servers.proxy import NOT_FOUND_PAGE, PAGES, Answer, Proxy, answer_with, cut, hang, proxy_to

BUCKETS: dict[str, tuple[str, Callable[..., Bucket]]] = {
    "s3": ("ministack", create_s3_bucket),
    "azure": ("azurite", create_azure_container),
    "gcs": ("gcs", create_gcs_bucket),
}
SILENT = ("stat", "publish", "read", "list", "delete", "write", "begin large", "missing of large", "abort large")
CASES = [(vendor, name) for vendor in BUCKETS for name in CALLS if (vendor, name) != ("azure", "begin large")]
each_call = pytest.mark.parametrize(("storage", "name"), CASES, indirect=["storage"])
SILENT_CASES = [case for case in CASES if case[1] in SILENT]
each_silent = pytest.mark.parametrize(("storage", "name"), SILENT_CASES, indirect=["storage"])
ABSENT_BY_ANY_404: dict[str, set[str]] = {
    "s3": {"stat", "find", "missing"},
    "azure": set(),
    "gcs": {"stat", "find", "read", "missing", "assemble", "assemble large"},
}
"""A HEAD has no body that could say whose response it is, and Google's emulators have words of their own."""
NEVER_REPEATED = {("s3", "begin large"), *((vendor, "publish") for vendor in BUCKETS)}


class Disturbed:
    """A backend behind a proxy."""

    def __init__(self, vendor: str, backend: Backend, proxy: Proxy) -> None:
        self.vendor, self.backend, self.proxy = vendor, backend, proxy

    def prepare(self, name: str) -> Upload:
        is_session = self.backend.capabilities.large_strategy is Strategy.SESSION
        how = {"session": True} if is_session else {"part_size": PART_BYTES}
        how = how if name.endswith("large") else {}
        upload = uploaded(self.backend, upload_of(prefix=self.backend.prefix, **how))
        self.proxy.seen.clear()
        return upload


@pytest.fixture(scope="module", params=BUCKETS)
def storage(request: pytest.FixtureRequest) -> tuple[Bucket, str]:
    """A new bucket and the URL of its server."""
    name, create = BUCKETS[request.param]
    server = request.getfixturevalue(f"{name}_server")
    return create(server, f"bucket-{uuid4()}", ORIGIN), server.endpoint_url


@pytest.fixture
def disturbed(storage: tuple[Bucket, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Disturbed]:
    monkeypatch.setattr("fileman.backends.azure.client.BACKOFF_SECONDS", 0)
    bucket, url = storage
    with proxy_to(url) as proxy:
        moved = {name: text.replace(url, proxy.url) for name, text in bucket.settings.items() if isinstance(text, str)}
        backend = make_backend(backend_class(bucket.backend_type), {**bucket.settings, **moved}, bucket.backend_url)
        backend.find("first")  # fetches a token, where there are tokens
        yield Disturbed(bucket.backend_type, backend, proxy)


@each_call
def test_a_response_that_is_not_the_storages_is_no_fact(disturbed: Disturbed, name: str) -> None:
    """A page, a redirect to a login, nothing, or a response that breaks off. The redirect is not followed."""
    upload = disturbed.prepare(name)
    elsewhere = Answer(status=307, headers=(("Location", f"{disturbed.proxy.url}/elsewhere"),))
    for fault in (cut("status"), *map(answer_with, (*PAGES, elsewhere))):
        disturbed.proxy.calm()
        disturbed.proxy.seen.clear()
        disturbed.proxy.disturb(fault, times=None)
        with time_limit(60), pytest.raises(StorageUnavailable) as raised:
            CALLS[name](disturbed.backend, upload)
        assert raised.value.retryable

    assert len(disturbed.proxy.seen) == 1


@each_call
def test_a_404_without_the_storages_words_is_no_absence(disturbed: Disturbed, name: str) -> None:
    upload = disturbed.prepare(name)
    disturbed.proxy.disturb(answer_with(NOT_FOUND_PAGE), times=None)

    is_absence = name in ABSENT_BY_ANY_404[disturbed.vendor]
    with time_limit(60), nullcontext() if is_absence else pytest.raises(StorageUnavailable), suppress(FileMissing):
        CALLS[name](disturbed.backend, upload)


@pytest.mark.usefixtures("impatient")
@each_silent
def test_a_silent_storage_gets_one_request_in_a_time_limit(disturbed: Disturbed, name: str) -> None:
    upload = disturbed.prepare(name)
    disturbed.proxy.disturb(hang, times=None)

    with time_limit(60), pytest.raises(StorageUnavailable):
        CALLS[name](disturbed.backend, upload)

    assert len(disturbed.proxy.seen) == 1


@each_silent
def test_a_busy_storage_is_asked_twice_unless_it_publishes(disturbed: Disturbed, name: str) -> None:
    """In a time limit once."""
    for limit, times in ((None, 1 if (disturbed.vendor, name) in NEVER_REPEATED else 2), (60, 1)):
        upload = disturbed.prepare(name)
        disturbed.proxy.disturb(answer_with(503), times=None)
        with time_limit(limit), pytest.raises(StorageUnavailable):
            CALLS[name](disturbed.backend, upload)
        disturbed.proxy.calm()
        assert len(disturbed.proxy.seen) == times


def test_no_request_starts_that_may_outlast_the_time_limit(disturbed: Disturbed) -> None:
    """The first one always does."""
    uploads = {name: disturbed.prepare(name) for vendor, name in CASES if vendor == disturbed.vendor}

    with time_limit(0):
        disturbed.backend.find("first")
        for name, upload in uploads.items():
            with pytest.raises(OutOfTime):
                CALLS[name](disturbed.backend, upload)

    assert len(disturbed.proxy.seen) == 1
