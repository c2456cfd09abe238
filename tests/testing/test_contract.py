"""The contract tells the author of a backend which promise it breaks."""

from collections.abc import Callable
from typing import Any

import pytest

from fileman.backends.values import DeleteFailure, StoredObject
from fileman.testing.contract import BackendContract
from fileman.testing.memory import MemoryBackend
from tests.backends.uploads import make_backend

ABSENT = BackendContract.test_an_absent_object_is_missing_and_deleted_already
sign_url = MemoryBackend.sign_url


@pytest.mark.parametrize(
    ("method", "broken", "case", "message"),
    [
        (
            "delete",
            lambda _, paths: [DeleteFailure(path=path, reason="Not found.") for path in paths],
            ABSENT,
            "delete() must count an absent object as deleted.",
        ),
        (
            "stat",
            lambda _, path: StoredObject(path=path, size=0, etag="etag"),
            ABSENT,
            "stat() of an absent object must raise FileMissing.",
        ),
        (
            "sign_url",
            lambda backend, path, **signed: sign_url(backend, path, **{**signed, "expires_in": 10**7}),
            BackendContract.test_a_download_url_expires_and_serves_its_own_object_only,
            "A URL must expire `expires_in` seconds after `now`.",
        ),
        (
            "missing",
            lambda _, upload: list(upload.slices()),
            BackendContract.test_parts_arrive_in_any_order_and_exactly_the_missing_ones_are_signed_again,
            "missing() must return exactly the slices that were not sent, in every process.",
        ),
    ],
)
def test_a_failure_names_the_broken_promise(method: str, broken: Any, case: Callable[..., None], message: str) -> None:
    kind: type[MemoryBackend] = type("Broken", (MemoryBackend,), {method: broken})

    with pytest.raises((AssertionError, pytest.fail.Exception)) as failure:
        case(BackendContract(), make_backend(kind, {}, direct=False))

    assert str(failure.value).splitlines()[0] == message
