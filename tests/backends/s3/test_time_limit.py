"""A time limit on calls, before storages that never respond and storages that respond late."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.backends.values import StoredObject
from fileman.errors import OutOfTime, StorageUnavailable, UploadInProgress
from tests.backends.s3.stores import BODY, PART_BYTES, Store, on, upload_of, uploaded
from tests.servers.proxy import Proxy, delay, hang

pytestmark = pytest.mark.usefixtures("impatient")
TIMEOUT_SECONDS = 0.4
LATE_SECONDS = 0.25
LIMIT_SECONDS = 1.0
"""Three late responses fit into it, not a third one with the full timeout."""

CALLS: dict[str, Callable[[S3Backend], Any]] = {
    "begin": lambda backend: backend.begin(upload_of(9, part_size=5), origin=None),
    "missing": lambda backend: backend.missing(upload_of(9)),
    "missing parts": lambda backend: backend.missing(upload_of(9, part_size=5, begun={"upload_id": "u"})),
    "write": lambda backend: backend.write(upload_of(9), upload_of(9).slice(1), io.BytesIO(BODY)),
    "assemble": lambda backend: backend.assemble(upload_of(9, part_size=5, begun={"upload_id": "u"})),
    "publish": lambda backend: backend.publish(upload_of(9), StoredObject(path="a", size=9, etag="e")),
    "abort": lambda backend: backend.abort(upload_of(9, part_size=5, begun={"upload_id": "u"})),
    "stat": lambda backend: backend.stat("a"),
    "read": lambda backend: list(backend.read("a")),
    "delete": lambda backend: backend.delete(["a"]),
    "list": lambda backend: list(backend.list_objects("")),
}


@contextmanager
def takes_at_most(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@on("moto")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_silent_storage_gets_one_request_within_a_limit(
    store: Store, proxy: Proxy, backend: S3Backend, call: Callable[[S3Backend], Any]
) -> None:
    """And is unavailable after one full timeout, by whichever of the SDK's clients the call is made."""
    proxy.disturb(hang, times=None)

    with takes_at_most(2 * TIMEOUT_SECONDS + 0.3), time_limit(LIMIT_SECONDS), pytest.raises(StorageUnavailable):
        call(backend)

    assert len(proxy.seen) == 1


@on("moto")
def test_a_silent_storage_is_asked_twice_without_a_limit(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    proxy.disturb(hang, times=None)

    with pytest.raises(StorageUnavailable):
        backend.stat("a")

    assert len(proxy.seen) == 2


@on("moto")
def test_no_request_starts_that_does_not_fit(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    """The first one always does, in each limit anew."""
    for _ in range(2):
        with time_limit(0):
            assert backend.find("a") is None
            for call in CALLS.values():
                with pytest.raises(OutOfTime):
                    call(backend)

    assert len(proxy.seen) == 2


@on("radosgw")
@pytest.mark.parametrize("part_size", [0, PART_BYTES], ids=["single", "parts"])
def test_a_storage_that_responds_late_is_asked_over_several_calls(
    store: Store, proxy: Proxy, backend: S3Backend, part_size: int
) -> None:
    """No call is longer than its limit, none is in vain, and no request is sent twice."""
    body = bytes(range(256)) * (part_size // 256) + BODY
    upload = uploaded(backend, body, part_size=part_size)
    proxy.disturb(delay(LATE_SECONDS), times=None)
    proxy.seen.clear()

    verified, calls = _repeat(lambda: backend.assemble(upload))
    if not part_size:
        upload = replace(upload, progress={})
        verified, more = _repeat(lambda: backend.publish(upload, verified))
        calls += more

    # List, list, Complete, HEAD; or HEAD, Create, copy, Complete, HEAD.
    assert (verified.size, calls, len(proxy.seen)) == (len(body), *((2, 4) if part_size else (3, 5)))


def _repeat(call: Callable[[], StoredObject]) -> tuple[StoredObject, int]:
    for number in range(1, 10):
        with takes_at_most(LIMIT_SECONDS + 0.3), time_limit(LIMIT_SECONDS):
            try:
                return call(), number
            except (OutOfTime, UploadInProgress):
                continue
    pytest.fail("The calls made no progress.")
