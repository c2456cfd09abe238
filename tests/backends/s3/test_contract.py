"""The contract of all backends, on five servers."""

from collections.abc import Sequence
from uuid import uuid4

import pytest

from fileman.backends import Backend
from fileman.backends.values import Upload
from fileman.testing.case import SMALL_PART_BYTES
from fileman.testing.contract import BackendContract, Reduction
from tests.backends.s3.stores import Store, new_store


class S3Contract(BackendContract):
    server_name = ""
    parts_may_be_small = False
    """The server accepts parts below 5 MiB."""

    def part_size(self, backend: Backend) -> int:
        return SMALL_PART_BYTES if self.parts_may_be_small else super().part_size(backend)

    @pytest.fixture(scope="class")
    @classmethod
    def store(cls, request: pytest.FixtureRequest) -> Store:
        """One bucket for all cases; each has a prefix of its own."""
        return new_store(request.getfixturevalue(f"{cls.server_name}_server"))

    @pytest.fixture
    def backend(self, store: Store) -> Backend:
        return store.backend(prefix=f"{uuid4()}/")

    @pytest.fixture(autouse=True)
    def _remember(self, store: Store) -> None:
        self._store = store

    def leftovers(self, backend: Backend, upload: Upload) -> Sequence[object]:
        unfinished = [key for key in self._store.unfinished_uploads() if key.startswith(upload.folder)]
        return [*super().leftovers(backend, upload), *unfinished]


class TestRadosgw(S3Contract):
    server_name = "radosgw"


class TestSeaweedFS(S3Contract):
    server_name = "seaweedfs"


class TestMinistack(S3Contract):
    server_name = "ministack"
    parts_may_be_small = True


class TestRclone(S3Contract):
    server_name = "rclone"
    parts_may_be_small = True
    limits = ("The storage answers Range wrongly (200), so downloads cannot continue or seek.",)


@pytest.mark.long
class TestMoto(S3Contract):
    server_name = "moto"
    reduced = frozenset({Reduction.EXACT_LENGTH, Reduction.SIGNATURES})
