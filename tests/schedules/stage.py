"""What all schedules of a test share: users, a file manager for each storage, a virtual clock, and a quick database."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection

from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.signals import file_completed
from tests.schedules.disturbance import Clock, Disturbance
from tests.schedules.invariants import Invariants
from tests.schedules.storages import STORAGES, Pinned
from tests.schedules.world import PART_BYTES, World
from tests.uploads.driver import configured

USERS = ("ann", "bob")


class Stage:
    """Makes worlds, one after another."""

    def __init__(self) -> None:
        self.users = [User.objects.create_user(name) for name in USERS]
        self.managers = {name: FileManager.objects.create(name=name, backend_type=name) for name in STORAGES}
        self.invariants = Invariants()
        self.world: World | None = None
        self.failure: tuple[str, list[Any], str] | None = None
        """Storage, steps and problem of the schedule that failed last."""
        self.steps = 0

    def enter(self, storage: str) -> World:
        """Begin a schedule: an empty storage, an empty database."""
        for model in (StorageDeletion, File, StorageUsage):
            model.objects.all()._raw_delete(connection.alias)  # quicker than a flush, and no signal
        Pinned.disturbance = Disturbance(Clock())
        self.world = World(Pinned.disturbance, self.managers[storage], self.users)
        self.world.storage.reset()
        return self.world

    def leave(self) -> None:
        """End the schedule and count its steps."""
        if self.world is not None:
            self.steps += self.world.steps
        self.world = None

    # What the product is given

    def get_id(self) -> UUID | None:
        return None if self.world is None else self.world.next_id

    def get_now(self) -> object:
        return None if self.world is None else self.world.clock.now

    def get_monotonic(self) -> float:
        return 0.0 if self.world is None else self.world.clock.monotonic()

    def note_completed(self, file_id: UUID, **_: object) -> None:
        if self.world is not None:
            self.world.note_completed(file_id)

    def disturb_statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        return Pinned.disturbance.statement(execute, sql, params, many, context)


class SameThread(Executor):
    """Runs everything at once, so that calls can interleave at any place, and always in one way."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments, **more))
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        return future


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Yield a stage on an empty database that is not in a transaction."""
    settings = configured(
        BACKENDS=STORAGES, SINGLE_REQUEST_MAX_BYTES=PART_BYTES, PART_SIZE_BYTES=PART_BYTES, MAX_PENDING_UPLOADS=1000
    )
    with settings, _quick_database():
        stage = Stage()
        Pinned.disturbance = Disturbance(Clock())
        logging.disable(logging.CRITICAL)
        file_completed.connect(stage.note_completed)
        with (
            mock.patch.object(File._meta.pk, "_get_default", stage.get_id),
            mock.patch("fileman.backends.side_by_side.ThreadPoolExecutor", SameThread),
            mock.patch("fileman.uploads.disposal.timezone", SimpleNamespace(now=stage.get_now)),
            mock.patch("fileman.backends.time_limit.time", SimpleNamespace(monotonic=stage.get_monotonic)),
            connection.execute_wrapper(stage.disturb_statement),
        ):
            try:
                yield stage
            finally:
                file_completed.disconnect(stage.note_completed)
                logging.disable(logging.NOTSET)


@contextmanager
def _quick_database() -> Iterator[None]:
    """Let SQLite not wait for the disk."""
    if connection.vendor != "sqlite":
        yield
        return
    _set_pragmas("synchronous = OFF", "journal_mode = MEMORY")
    yield
    _set_pragmas("journal_mode = DELETE", "synchronous = FULL")


def _set_pragmas(*pragmas: str) -> None:
    for pragma in pragmas:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {pragma}")
            cursor.fetchall()
