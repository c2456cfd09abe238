"""Storage calls of several file managers at once, so that a storage that does not respond holds up nobody else's.

A task is a generator: it yields a storage call, gets its result back, and works on the database in between, in the
thread of the caller. Only the storage calls run in other threads. What one of them raises is raised in its task.
"""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from typing import Any

CALLS_AT_ONCE = 16
Task = Generator[Callable[[], Any], Any, None]


def run_side_by_side(tasks: Iterable[Task], *, at_once: int = CALLS_AT_ONCE) -> None:
    """Run every task to its end, at most one storage call of each task at a time, within the caller's time limit."""
    running: dict[Future[Any], Task] = {}
    with ThreadPoolExecutor(at_once, "fileman-storage") as pool:

        def resume(task: Task, done: Future[Any] | None = None) -> None:
            error = done.exception() if done else None
            with suppress(StopIteration):
                call = task.throw(error) if error else task.send(done.result() if done else None)
                running[pool.submit(copy_context().run, call)] = task

        for task in tasks:
            resume(task)
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                resume(running.pop(future), future)
