"""What disturbs uploads: storages that fail, lost keys, and callers that come at once or are faster."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Barrier
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection, connections

from fileman.backends import forget_backends
from fileman.backends.values import Upload
from fileman.encryption import encrypt
from fileman.errors import StorageUnavailable
from fileman.models import FileManager
from fileman.signals import file_completed
from fileman.testing.memory import MemoryBackend
from tests.uploads.driver import configured

T = TypeVar("T")


@contextmanager
def completions() -> Iterator[list[UUID]]:
    """Yield the ids that `file_completed` announces during the block."""
    announced: list[UUID] = []

    def observe(file_id: UUID, **_: Any) -> None:
        announced.append(file_id)

    file_completed.connect(observe)
    try:
        yield announced
    finally:
        file_completed.disconnect(observe)


class Beginning(MemoryBackend):
    """A storage where an upload in parts must be begun, and that remembers it until it is completed or aborted."""

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        with self._operation("begin", upload.upload_path) as store:
            store.parts[upload.upload_path, 0] = b""
        return MappingProxyType({"id": "1"})  # the contract asks for a mapping, not for JSON


def break_storage(
    error: Any = StorageUnavailable, *, on: str = "", path: str = "", moment: str = "before", number: int | None = None
) -> list[str]:
    """Let calls of the memory backend fail: all, those of one operation, or those for paths with this text.

    `moment`: before or after their effect. `number`: of the only one of these calls that fails, from 0. Return the
    operations that have failed. `MemoryBackend.faults.clear()` mends it.
    """
    failed: list[str] = []
    calls = count()

    def fault(operation: str, at: str, when: str) -> None:
        if on in ("", operation) and path in at and when == moment and number in (None, next(calls)):
            failed.append(operation)
            raise error

    MemoryBackend.faults.append(fault)
    return failed


def at_first(operation: str, moment: str, act: Callable[[], object]) -> None:
    """Act once, before or after the first call of an operation."""
    done: list[str] = []

    def fault(name: str, path: str, when: str) -> None:
        if (name, when) == (operation, moment) and not done:
            done.append(path)
            act()

    MemoryBackend.faults.append(fault)


def note_calls(*operations: str) -> list[str]:
    """Return the list of the paths of later calls of the memory backend: of all, or of these operations."""
    paths: list[str] = []

    def note(operation: str, path: str, moment: str) -> None:
        if moment == "before" and (not operations or operation in operations):
            paths.append(path)

    MemoryBackend.faults.append(note)
    return paths


@contextmanager
def overtaken(
    act: Callable[[], object], *, at: str, of: str = "", after: Callable[[], object] = int
) -> Iterator[list[str]]:
    """Let another caller act before, and perhaps after, the first statement that begins with `at`.

    `of` is one of its parameters. Yield the statements that were overtaken: this one, once it was sent.
    """
    statements: list[str] = []

    def be_faster(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if statements or not sql.startswith(at) or of not in ("", *(params or ())):
            return execute(sql, params, *rest)
        statements.append(sql)
        act()
        result = execute(sql, params, *rest)
        after()
        return result

    with connection.execute_wrapper(be_faster):
        yield statements


def lose_key_of(manager: FileManager) -> None:
    """Its settings are encrypted with a key that is not configured."""
    with configured(ENCRYPTION_KEYS=["bG9zdCBsb3N0IGxvc3QgbG9zdCBsb3N0IGxvc3QgbG8="]):
        FileManager.objects.filter(pk=manager.pk).update(settings=encrypt({}, row=manager.pk))
    forget_backends()


def at_once(count: int, work: Callable[[int], T]) -> list[T | Exception]:
    """What `work(0)` to `work(count - 1)` answered or raised, each in a thread of its own, begun together."""
    barrier = Barrier(count)

    def one(number: int) -> T | Exception:
        try:
            barrier.wait(timeout=60)
            return work(number)
        except Exception as error:  # noqa: BLE001  # it is the answer
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
