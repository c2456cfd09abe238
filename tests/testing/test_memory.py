"""Features of the memory backend beyond the contract: faults on demand and separate stores."""

import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from fileman.backends.time_limit import time_limit
from fileman.backends.values import BackendConfig, PartPlan, Strategy, Upload
from fileman.errors import FileMissing, OutOfTime, StorageUnavailable, UploadInProgress
from fileman.testing.memory import Fault, MemoryBackend


def make(manager_id: UUID | None = None, *, backend_url: str = "") -> MemoryBackend:
    return MemoryBackend(
        BackendConfig(
            manager_id=manager_id or uuid4(), backend_url=backend_url, settings={}, supports_direct_upload=False
        )
    )


def upload_of(backend: MemoryBackend, size: int) -> Upload:
    file_id = uuid4()
    return Upload(
        file_id=file_id,
        upload_path=f".uploads/{backend.config.manager_id}/{file_id}",
        file_path=f"uploads/{file_id}/1/picture.png",
        parts_path=f"uploads/{file_id}/0/picture.png",
        folder=f"uploads/{file_id}/",
        filename="picture.png",
        size=size,
        content_type="image/png",
        checksum=None,
        plan=PartPlan(strategy=Strategy.SINGLE, part_size=size, total_parts=1),
        begun={},
        now=timezone.now(),
        expires_in=600,
    )


def put(backend: MemoryBackend, upload: Upload, data: bytes) -> None:
    backend.write(upload, upload.slice(1), io.BytesIO(data))


@pytest.fixture
def backend() -> Iterator[MemoryBackend]:
    yield make()
    MemoryBackend.forget_all()


def test_every_operation_calls_the_faults_before_and_after(backend: MemoryBackend) -> None:
    upload = upload_of(backend, 3)
    calls: list[tuple[str, str, str]] = []
    MemoryBackend.faults.append(lambda operation, path, when: calls.append((operation, path, when)))

    put(backend, upload, b"abc")
    published = backend.publish(upload, backend.assemble(upload))
    list(backend.read(published.path))
    backend.delete([published.path])

    expected = [
        ("write", upload.upload_path),
        ("assemble", upload.upload_path),
        ("publish", upload.file_path),
        ("read", upload.file_path),
        ("delete", upload.file_path),
    ]
    assert calls == [(*call, when) for call in expected for when in ("before", "after")]


def test_a_fault_before_an_operation_prevents_it(backend: MemoryBackend) -> None:
    upload = upload_of(backend, 3)
    MemoryBackend.faults.append(_unavailable("before"))

    with pytest.raises(StorageUnavailable):
        put(backend, upload, b"abc")

    MemoryBackend.faults.clear()
    assert backend.missing(upload) == [upload.slice(1)]


def test_a_fault_after_an_operation_hides_that_it_has_happened(backend: MemoryBackend) -> None:
    """As if the response of a storage were lost."""
    upload = upload_of(backend, 3)
    MemoryBackend.faults.append(_unavailable("after"))

    with pytest.raises(StorageUnavailable):
        put(backend, upload, b"abc")

    MemoryBackend.faults.clear()
    assert backend.missing(upload) == []


def _unavailable(moment: str) -> Fault:
    def fault(operation: str, path: str, when: str) -> None:
        if when == moment:
            raise StorageUnavailable

    return fault


def test_every_operation_is_a_call_that_the_time_limit_counts(backend: MemoryBackend) -> None:
    """As with a cloud: after the first call, none starts that might not end in time."""
    upload = upload_of(backend, 3)

    with time_limit(0):
        put(backend, upload, b"abc")
        with pytest.raises(OutOfTime):
            backend.stat(upload.upload_path)

    assert backend.stat(upload.upload_path).size == 3


def test_a_fault_may_use_the_storage_itself(backend: MemoryBackend) -> None:
    """So that a test can swap an object between two steps."""
    upload, other = upload_of(backend, 3), upload_of(backend, 3)
    put(backend, upload, b"abc")

    def delete_once(operation: str, path: str, when: str) -> None:
        MemoryBackend.faults.clear()
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(backend.delete, [upload.upload_path]).result(timeout=10)

    MemoryBackend.faults.append(delete_once)
    put(backend, other, b"xyz")

    assert backend.missing(upload) == [upload.slice(1)]


def test_file_managers_do_not_see_each_other() -> None:
    mine, yours = make(), make()
    upload = upload_of(mine, 3)

    put(mine, upload, b"abc")

    with pytest.raises(FileMissing):
        yours.stat(upload.upload_path)
    assert mine.location() != yours.location()


def test_the_store_outlives_the_backend_object(backend: MemoryBackend) -> None:
    upload = upload_of(backend, 3)
    put(backend, upload, b"abc")

    assert b"".join(make(backend.config.manager_id).read(upload.upload_path)) == b"abc"


def test_forget_all_empties_stores_and_removes_faults(backend: MemoryBackend) -> None:
    put(backend, upload_of(backend, 3), b"abc")
    MemoryBackend.faults.append(_unavailable("never"))

    MemoryBackend.forget_all()

    assert list(backend.list_objects("")) == []
    assert MemoryBackend.faults == []


def test_every_object_has_a_version_of_its_own(backend: MemoryBackend) -> None:
    uploads = [upload_of(backend, 3) for _ in range(3)]
    for upload in uploads:
        put(backend, upload, b"abc")

    assert len({backend.stat(upload.upload_path).version for upload in uploads}) == 3


def test_of_fifty_senders_of_one_slice_exactly_one_wins(backend: MemoryBackend) -> None:
    upload = upload_of(backend, 1000)
    start = Barrier(50)

    def send(sender: int) -> bool:
        start.wait(timeout=30)
        try:
            put(backend, upload, bytes([sender]) * 1000)
        except UploadInProgress:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        won = list(pool.map(send, range(50)))

    assert won.count(True) == 1
    assert b"".join(backend.read(upload.upload_path)) == bytes([won.index(True)]) * 1000


@pytest.mark.parametrize("url", ["", "memory://"])
def test_a_backend_url_may_be_empty_or_plain(url: str) -> None:
    assert make(backend_url=url).validate_configuration() == (True, [])


def test_the_memory_backend_works_without_pytest() -> None:
    """In a process of its own, because pytest is loaded in this one."""
    code = """
import sys
sys.modules["pytest"] = None
import django
django.setup()
from fileman.backends import backend_class
print(backend_class("memory").__name__)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "MemoryBackend\n"
