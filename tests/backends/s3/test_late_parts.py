"""Stores whose multipart upload id survives completion, such as OpenStack Swift. A proxy lets a server be one."""

import re
from dataclasses import replace

import pytest

from fileman.backends.s3.backend import S3Backend
from fileman.backends.time_limit import time_limit
from fileman.errors import OutOfTime, StorageMisconfigured, StorageUnavailable
from tests.backends.s3.stores import PART_BYTES, Store, on, uploaded
from tests.backends.uploads import upload_of
from tests.servers.proxy import MAINTENANCE_PAGE, NOT_FOUND_PAGE, Answer, Exchange, Fault, Proxy, answer_with

VERDICT = "The storage lets the URL of a part overwrite a finished file, so files larger than "
VERDICT += "SINGLE_REQUEST_MAX_BYTES are refused."
CREATE, COMPLETE, PART = "probe-.*uploads$", "probe-.*uploadId=", "probe-.*partNumber="


def keep_ids_alive() -> Fault:
    """Take parts of completed uploads, as Swift does."""
    completed: set[str] = set()

    def take_late_parts(exchange: Exchange) -> None:
        target, method = exchange.seen.target, exchange.seen.method
        upload_id = re.sub(".*uploadId=([^&]*).*", r"\1", target)
        if method == "PUT" and upload_id in completed:
            exchange.respond(Answer(status=200, headers=(("ETag", '"00000000000000000000000000000000"'),)))
            return
        answer = exchange.forward()
        if method == "POST" and answer.status == 200:
            completed.add(upload_id)
        exchange.respond(answer)

    return take_late_parts


def begin_large(backend: S3Backend) -> object:
    return backend.begin(upload_of(PART_BYTES + 1, part_size=PART_BYTES), origin=None)


def probes(proxy: Proxy) -> int:
    """Return the number of requests that concern a probe."""
    return sum("probe-" in seen.target for seen in proxy.seen)


@on("radosgw", "moto", quick=1)
def test_large_files_are_refused_in_words_and_small_ones_not(store: Store, proxy: Proxy, backend: S3Backend) -> None:
    """And the doctor says the same."""
    proxy.disturb(keep_ids_alive(), target="uploadId=", times=None)
    for _ in range(2):
        with pytest.raises(StorageMisconfigured) as raised:
            begin_large(backend)
        assert raised.value.message == VERDICT
    assert probes(proxy) == 4  # create, part, completion, part; the deletion names no path

    assert backend.validate_configuration() == (False, [VERDICT])

    assert list(backend.list_objects("")) == []
    assert store.unfinished_uploads() == []
    small = uploaded(backend)
    assert backend.publish(small, backend.assemble(small)).path == small.file_path


@on("radosgw", "rclone", "moto", "ministack", quick=2)
def test_other_stores_are_asked_once(proxy: Proxy, backend: S3Backend) -> None:
    with time_limit(60):
        begin_large(backend)
        asked = probes(proxy)
        begin_large(backend)

    assert (asked, probes(proxy)) == (4, 4)


@on("radosgw")
def test_aws_is_not_asked(proxy: Proxy, backend: S3Backend) -> None:
    backend.settings = replace(backend.settings, endpoint_url=None)

    begin_large(backend)

    assert probes(proxy) == 0


@on("radosgw")
def test_a_slow_store_is_asked_over_several_calls(proxy: Proxy, backend: S3Backend) -> None:
    for expected in range(1, 7):
        with time_limit(0), pytest.raises(OutOfTime):
            begin_large(backend)
        assert len(proxy.seen) == expected

    with time_limit(0):
        begin_large(backend)

    assert len(proxy.seen) == 7
    assert list(backend.list_objects("")) == []


@on("radosgw")
@pytest.mark.parametrize(
    ("method", "target", "skip", "fault"),
    [
        ("POST", CREATE, 0, answer_with(503)),
        ("PUT", PART, 0, answer_with(503)),
        ("POST", COMPLETE, 0, answer_with(MAINTENANCE_PAGE)),
        ("POST", COMPLETE, 0, answer_with(MAINTENANCE_PAGE, after_effect=True)),
        ("PUT", PART, 1, answer_with(503)),
        ("PUT", PART, 1, answer_with(NOT_FOUND_PAGE)),
        ("PUT", PART, 1, answer_with(MAINTENANCE_PAGE)),
    ],
    ids=["create", "part", "complete", "lost completion", "busy", "a page's refusal", "a page's success"],
)
def test_a_failure_is_no_verdict_and_the_next_call_asks_again(
    proxy: Proxy, backend: S3Backend, method: str, target: str, skip: int, fault: Fault
) -> None:
    proxy.disturb(fault, method=method, target=target, skip=skip)

    with time_limit(60), pytest.raises(StorageUnavailable):
        begin_large(backend)

    begin_large(backend)
    assert list(backend.list_objects("")) == []
