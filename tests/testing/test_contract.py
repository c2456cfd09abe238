"""The contract tells the author of a backend which promise it breaks."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from fileman.backends.values import DeleteFailure, ServeAs, Slice, StoredObject, Upload
from fileman.testing.contract import BackendContract
from fileman.testing.memory import MemoryBackend
from tests.backends.uploads import make_backend


class ReportsAbsentObjects(MemoryBackend):
    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        return [DeleteFailure(path=path, reason="Not found.") for path in paths]


class InventsObjects(MemoryBackend):
    def stat(self, path: str) -> StoredObject:
        return StoredObject(path=path, size=0, etag="etag")


class SignsForMonths(MemoryBackend):
    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        return super().sign_url(path, expires_in=10**7, serve_as=serve_as, now=now)


class ForgetsSlices(MemoryBackend):
    def missing(self, upload: Upload) -> list[Slice]:
        return list(upload.slices())


@pytest.mark.parametrize(
    ("broken", "case", "message"),
    [
        (
            ReportsAbsentObjects,
            BackendContract.test_an_absent_object_is_missing_and_deleted_already,
            "delete() must count an absent object as deleted.",
        ),
        (
            InventsObjects,
            BackendContract.test_an_absent_object_is_missing_and_deleted_already,
            "stat() of an absent object must raise FileMissing.",
        ),
        (
            SignsForMonths,
            BackendContract.test_a_download_url_expires_and_serves_its_own_object_only,
            "A URL must expire `expires_in` seconds after `now`.",
        ),
        (
            ForgetsSlices,
            BackendContract.test_parts_arrive_in_any_order_and_exactly_the_missing_ones_are_signed_again,
            "missing() must return exactly the slices that were not sent, in every process.",
        ),
    ],
)
def test_a_failure_names_the_broken_promise(
    broken: type[MemoryBackend], case: Callable[[Any, MemoryBackend], None], message: str
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)) as failure:
        case(BackendContract(), make_backend(broken, {}, direct=False))

    assert str(failure.value).splitlines()[0] == message
