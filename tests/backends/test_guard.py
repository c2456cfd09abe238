"""Any exception of a backend's code is the storage's failure for the caller, and has its traceback in the log."""

import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, ClassVar, NoReturn
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils import timezone

from fileman.backends import Backend, BackendConfig, get_backend
from fileman.backends.guard import GUARDED
from fileman.backends.values import (
    SERVE_AS_DOWNLOAD,
    DeleteFailure,
    PartPlan,
    ServeAs,
    Slice,
    StoredObject,
    Strategy,
    Upload,
    UploadRequest,
)
from fileman.errors import FileMissing, ObjectChanged, StorageMisconfigured, StorageUnavailable
from fileman.testing.memory import MemoryBackend

PATH = "uploads/1/picture.png"
SECRET = "account-key-in-the-error"
NOW = timezone.now()
PART = Slice(part_number=1, offset=0, length=4)
UPLOAD = Upload(
    file_id=uuid4(),
    upload_path=".uploads/1",
    file_path=PATH,
    parts_path="uploads/0/picture.png",
    folder="uploads/",
    filename="picture.png",
    size=4,
    content_type="image/png",
    checksum=None,
    plan=PartPlan(strategy=Strategy.SINGLE, part_size=4, total_parts=1),
    begun={},
    now=NOW,
    expires_in=60,
)
FACTS = StoredObject(path=PATH, size=4, etag="1")
CALLS: dict[str, Callable[[Backend], object]] = {
    "location": lambda backend: backend.location(),
    "begin": lambda backend: backend.begin(UPLOAD, origin=None),
    "instructions": lambda backend: backend.instructions(UPLOAD, [PART]),
    "direct_requests": lambda backend: backend.direct_requests(UPLOAD, [PART]),
    "missing": lambda backend: backend.missing(UPLOAD),
    "write": lambda backend: backend.write(UPLOAD, PART, io.BytesIO(b"data")),
    "assemble": lambda backend: backend.assemble(UPLOAD),
    "assembled_path": lambda backend: backend.assembled_path(UPLOAD),
    "publish": lambda backend: backend.publish(UPLOAD, FACTS),
    "abort": lambda backend: backend.abort(UPLOAD),
    "stat": lambda backend: backend.stat(PATH),
    "find": lambda backend: backend.find(PATH),
    "read": lambda backend: list(backend.read(PATH)),
    "delete": lambda backend: backend.delete([PATH]),
    "list_objects": lambda backend: list(backend.list_objects("")),
    "get_url": lambda backend: backend.get_url(PATH),
    "sign_url": lambda backend: backend.sign_url(PATH, expires_in=60, serve_as=SERVE_AS_DOWNLOAD, now=NOW),
}


class Broken(MemoryBackend):
    """Every method raises `error`."""

    error: ClassVar[BaseException]

    def _fail(self) -> NoReturn:
        raise self.error

    def location(self) -> str:
        self._fail()

    def validate_configuration(self) -> tuple[bool, list[str]]:
        self._fail()

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        self._fail()

    def instructions(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        self._fail()

    def direct_requests(self, upload: Upload, missing: Sequence[Slice]) -> list[UploadRequest]:
        self._fail()

    def missing(self, upload: Upload) -> list[Slice]:
        self._fail()

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        self._fail()

    def assemble(self, upload: Upload) -> StoredObject:
        self._fail()

    def assembled_path(self, upload: Upload) -> str:
        self._fail()

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        self._fail()

    def abort(self, upload: Upload) -> None:
        self._fail()

    def stat(self, path: str) -> StoredObject:
        self._fail()

    def find(self, path: str) -> StoredObject | None:
        self._fail()

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        yield b"first chunk"
        self._fail()

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        self._fail()

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        yield FACTS
        self._fail()

    def get_url(
        self,
        path: str,
        expires_in: int | None = None,
        *,
        serve_as: ServeAs = SERVE_AS_DOWNLOAD,
        now: datetime | None = None,
    ) -> str:
        self._fail()

    def sign_url(self, path: str, *, expires_in: int, serve_as: ServeAs, now: datetime) -> str:
        self._fail()


class Unmakeable(MemoryBackend):
    def __init__(self, config: BackendConfig) -> None:
        raise KeyError(SECRET)


class _StatMixin:
    def stat(self, path: str) -> StoredObject:
        raise KeyError(path)


class _Mixed(_StatMixin, MemoryBackend):
    """Takes a method from a class that is no backend."""


class _Calling(Broken):
    """Calls the method that it overrides."""

    def stat(self, path: str) -> StoredObject:
        return super().stat(path)


@dataclass
class _Manager:
    backend_type: str
    id: UUID = field(default_factory=uuid4)
    backend_url: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    supports_direct_upload: bool = False
    modified: datetime = NOW


def make(kind: type[MemoryBackend]) -> Backend:
    return kind(BackendConfig(manager_id=uuid4(), backend_url="", settings={}, supports_direct_upload=False))


@pytest.fixture
def fail_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], Backend]:
    """Return a function that makes a backend of which every method raises an error."""

    def build(error: BaseException) -> Backend:
        monkeypatch.setattr(Broken, "error", error, raising=False)
        return make(Broken)

    return build


FailWith = Callable[[BaseException], Backend]


def test_every_public_method_that_may_use_the_storage_is_guarded() -> None:
    unguarded = {"configuration_problems", "location_problems", "get_prefix", "validate_configuration"}
    public = {name for name, value in vars(Backend).items() if not name.startswith("_") and name[0].islower()}
    methods = {name for name in public if callable(getattr(Backend, name)) and not name.endswith("_class")}
    assert methods - unguarded == set(GUARDED) == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_an_exception_of_a_backend_makes_the_storage_unavailable(
    name: str, fail_with: FailWith, caplog: pytest.LogCaptureFixture
) -> None:
    cause = KeyError(SECRET)
    with pytest.raises(StorageUnavailable) as raised:
        CALLS[name](fail_with(cause))

    (record,) = caplog.records
    assert (type(raised.value), raised.value.__cause__) == (StorageUnavailable, cause)
    assert (record.name, record.levelno) == ("fileman.backends", logging.ERROR)
    assert record.getMessage() == f"Broken.{name} raised KeyError"
    assert record.exc_info is not None
    assert record.exc_info[1] is cause


@pytest.mark.parametrize("error", [FileMissing(), ObjectChanged(), StorageMisconfigured(), ImproperlyConfigured("key")])
def test_errors_of_fileman_and_of_the_settings_of_django_stay_as_they_are(
    error: Exception, fail_with: FailWith, caplog: pytest.LogCaptureFixture
) -> None:
    for call in CALLS.values():
        with pytest.raises(type(error)) as raised:
            call(fail_with(error))
        assert raised.value is error
    assert caplog.records == []


@pytest.mark.parametrize("name", CALLS)
def test_the_end_of_the_process_passes(name: str, fail_with: FailWith) -> None:
    with pytest.raises(SystemExit):
        CALLS[name](fail_with(SystemExit()))


def test_what_comes_before_the_exception_is_still_read(fail_with: FailWith) -> None:
    backend = fail_with(ValueError())

    assert next(iter(backend.read(PATH))) == b"first chunk"
    assert next(iter(backend.list_objects(""))) == FACTS


def test_a_reader_that_stops_early_closes_the_backend_without_an_error(
    fail_with: FailWith, caplog: pytest.LogCaptureFixture
) -> None:
    chunks = fail_with(ValueError()).read(PATH)
    next(chunks)

    chunks.close()  # type: ignore[attr-defined]

    assert caplog.records == []


def test_a_method_of_a_mixin_is_guarded(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StorageUnavailable):
        make(_Mixed).stat(PATH)
    assert [record.getMessage() for record in caplog.records] == ["_StatMixin.stat raised KeyError"]


def test_an_exception_below_an_overridden_method_is_logged_once(
    fail_with: FailWith, caplog: pytest.LogCaptureFixture
) -> None:
    fail_with(KeyError())

    with pytest.raises(StorageUnavailable):
        make(_Calling).stat(PATH)

    assert [record.getMessage() for record in caplog.records] == ["Broken.stat raised KeyError"]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (KeyError(SECRET), "The check failed with KeyError. The log has details."),
        (StorageUnavailable(), StorageUnavailable.message),
    ],
    ids=["exception", "fileman"],
)
def test_validate_configuration_never_raises(error: Exception, problem: str, fail_with: FailWith) -> None:
    assert fail_with(error).validate_configuration() == (False, [problem])


def test_a_constructor_that_fails_is_a_wrong_configuration(caplog: pytest.LogCaptureFixture) -> None:
    with (
        override_settings(FILEMAN_SETTINGS={"BACKENDS": {"mine": "tests.backends.test_guard.Unmakeable"}}),
        pytest.raises(StorageMisconfigured) as raised,
    ):
        get_backend(_Manager("mine"))

    assert raised.value.message == StorageMisconfigured.message
    assert [record.getMessage() for record in caplog.records] == ["The constructor of backend 'mine' raised KeyError"]
