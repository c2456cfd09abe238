"""Any exception of a backend's code is the storage's failure for the caller, and has its traceback in the log."""

import logging
from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from fileman.backends import Backend, BackendConfig, get_backend
from fileman.backends.values import StoredObject
from fileman.errors import FileMissing, StorageMisconfigured, StorageUnavailable
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend

FACTS = StoredObject(path="picture.png", size=4, etag="1")
# Every public method that may use the storage, with what a lazy one yields first.
METHODS: dict[str, list[Any]] = {
    "location": [], "place_problems": [], "mark_place": [],
    "begin": [], "instructions": [], "direct_requests": [], "missing": [], "write": [], "assemble": [],
    "publish": [], "abort": [], "stat": [], "find": [], "read": [b"first chunk"], "delete": [],
    "list_objects": [FACTS], "get_url": [], "sign_url": [], "signing_seconds": [],
}  # fmt: skip


def _failing(name: str, first: list[Any]) -> Any:
    def fail(self: Any, *_: Any) -> None:
        raise self.error

    def fail_late(self: Any, *_: Any) -> Iterator[Any]:
        yield from first
        raise self.error

    method = fail_late if first else fail
    method.__name__, method.__qualname__ = name, f"Broken.{name}"
    return method


class Failing(MemoryBackend):
    """The constructor raises `error`, as every method of Broken does."""

    error: ClassVar[BaseException] = KeyError("account-key")

    def __init__(self, config: BackendConfig) -> None:
        raise self.error


EVERY_CALL = {**METHODS, "validate_configuration": []}
Broken = type("Broken", (MemoryBackend,), {name: _failing(name, first) for name, first in EVERY_CALL.items()})


def make(error: BaseException, *bases: type) -> Any:
    """Return a backend of which every method raises an error."""
    made: Any = type("Made", bases or (Broken,), {"error": error})
    return made(BackendConfig(manager_id=uuid4(), backend_url="", settings={}, supports_direct_upload=False))


def call(backend: Any, name: str) -> None:
    result = getattr(backend, name)()
    if METHODS[name]:
        assert next(result) == METHODS[name][0]
        next(result)


def test_no_method_is_forgotten() -> None:
    unguarded = {"configuration_problems", "validate_configuration"}
    public = {name for name in vars(Backend) if name[0] != "_" and callable(getattr(Backend, name))}
    assert public - unguarded - {"settings_class"} == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_an_exception_of_a_backend_makes_the_storage_unavailable(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What comes before it is still read"""
    cause = KeyError("account-key")
    with pytest.raises(StorageUnavailable) as raised:
        call(make(cause), name)

    [record] = caplog.records
    assert (type(raised.value), raised.value.__cause__) == (StorageUnavailable, cause)
    assert (record.name, record.levelno) == ("fileman.backends", logging.ERROR)
    assert record.getMessage() == f"Broken.{name} raised KeyError"
    assert record.exc_info
    assert record.exc_info[1] is cause


@pytest.mark.parametrize("error", [FileMissing(), StorageMisconfigured(), ImproperlyConfigured("key"), SystemExit()])
def test_errors_of_fileman_of_the_settings_and_the_end_of_the_process_pass(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    for name in METHODS:
        with pytest.raises(type(error)) as raised:
            call(make(error), name)
        assert raised.value is error
    assert caplog.records == []


def test_a_reader_that_stops_early_closes_the_backend_without_an_error(caplog: pytest.LogCaptureFixture) -> None:
    chunks = make(ValueError()).read()
    next(chunks)

    chunks.close()

    assert caplog.records == []


class _Mixin:
    def stat(self, path: str) -> StoredObject:
        raise KeyError(path)


class _Calling(Broken):  # type: ignore[misc, valid-type]  # made above
    def stat(self, *path: str) -> Any:
        return super().stat(*path)


@pytest.mark.parametrize(("bases", "logged"), [((_Mixin, MemoryBackend), "_Mixin.stat"), ((_Calling,), "Broken.stat")])
def test_a_method_of_a_mixin_and_one_that_is_overridden_are_guarded_once(
    bases: tuple[type, ...], logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StorageUnavailable):
        make(KeyError(), *bases).stat("picture.png")
    assert [record.getMessage() for record in caplog.records] == [f"{logged} raised KeyError"]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (KeyError("account-key"), "The check failed with KeyError. The log has details."),
        (StorageUnavailable(), StorageUnavailable.message),
    ],
)
def test_validate_configuration_never_raises(error: Exception, problem: str) -> None:
    assert make(error).validate_configuration() == (False, [problem])


def test_a_constructor_that_fails_is_a_wrong_configuration(caplog: pytest.LogCaptureFixture) -> None:
    with (
        override_settings(FILEMAN_SETTINGS={"BACKENDS": {"mine": f"{__name__}.Failing"}}),
        pytest.raises(StorageMisconfigured) as raised,
    ):
        get_backend(FileManager(backend_type="mine"))

    assert raised.value.message == StorageMisconfigured.message
    assert [record.getMessage() for record in caplog.records] == ["The constructor of backend 'mine' raised KeyError"]
