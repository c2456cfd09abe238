"""Features of the memory backend beyond the contract: faults on demand and separate stores."""

import io

import pytest

from fileman.backends.time_limit import time_limit
from fileman.backends.values import Upload
from fileman.errors import FileMissing, OutOfTime, StorageUnavailable
from fileman.testing.memory import MemoryBackend
from tests.backends.uploads import make_backend, upload_of
from tests.uploads.faults import break_storage, note_calls


def make() -> MemoryBackend:
    return make_backend(MemoryBackend, {}, direct=False)


def put(backend: MemoryBackend, upload: Upload, data: bytes) -> None:
    backend.write(upload, upload.slice(1), io.BytesIO(data))


@pytest.fixture
def backend() -> MemoryBackend:
    return make()


def test_every_operation_calls_the_faults_before_and_after(backend: MemoryBackend) -> None:
    upload = upload_of(3)
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


@pytest.mark.parametrize(("moment", "is_written"), [("before", False), ("after", True)])
def test_a_fault_prevents_an_operation_or_hides_it(backend: MemoryBackend, moment: str, is_written: bool) -> None:
    """As if the request of a storage were lost, or its response."""
    upload = upload_of(3)
    break_storage(moment=moment)

    with pytest.raises(StorageUnavailable):
        put(backend, upload, b"abc")

    MemoryBackend.faults.clear()
    assert backend.missing(upload) == ([] if is_written else [upload.slice(1)])


def test_every_operation_is_a_call_that_the_time_limit_counts(backend: MemoryBackend) -> None:
    """As with a cloud: after the first call, none starts that might not end in time."""
    upload = upload_of(3)

    with time_limit(0):
        put(backend, upload, b"abc")
        with pytest.raises(OutOfTime):
            backend.stat(upload.upload_path)

    assert backend.stat(upload.upload_path).size == 3


def test_file_managers_do_not_see_each_other() -> None:
    mine, yours = make(), make()
    upload = upload_of(3)

    put(mine, upload, b"abc")

    with pytest.raises(FileMissing):
        yours.stat(upload.upload_path)
    assert mine.location() != yours.location()


def test_forget_all_empties_stores_and_removes_faults(backend: MemoryBackend) -> None:
    put(backend, upload_of(3), b"abc")
    note_calls()

    MemoryBackend.forget_all()

    assert list(backend.list_objects("")) == []
    assert MemoryBackend.faults == []
