"""How long the storage calls of one use case may take together.

    with time_limit(20):
        backend.stat(path)

Inside the block a backend sends no request unless its full time-out fits into the time that is left, and repeats none.
So no request is cut short, and the block ends in time. The time-outs are of silence: a storage that sends a byte now
and then holds a call longer.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from fileman import conf
from fileman.errors import OutOfTime


@dataclass
class _Limit:
    ends: float
    """On the clock of `time.monotonic`."""
    has_called: bool = False


_limit: ContextVar[_Limit | None] = ContextVar("fileman_time_limit", default=None)


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Limit the storage calls of the block, also in threads that run a copy of its context. None: no limit."""
    token = _limit.set(None if seconds is None else _Limit(time.monotonic() + seconds))
    try:
        yield
    finally:
        _limit.reset(token)


def is_limited() -> bool:
    """Return True inside `time_limit`: then a backend must not repeat requests."""
    return _limit.get() is not None


def is_over() -> bool:
    """Return True if no time is left. Work in pieces stops after the piece at hand, so each call makes progress."""
    limit = _limit.get()
    return limit is not None and time.monotonic() >= limit.ends


def start_call() -> None:
    """Raise OutOfTime unless a request with its full time-out fits. A backend calls this before each request.

    The first request of a block always fits, so that repeated calls make progress whatever the settings are.
    """
    limit = _limit.get()
    if limit is None:
        return
    if limit.has_called and limit.ends - time.monotonic() < conf.settings().full_timeout_seconds:
        raise OutOfTime
    limit.has_called = True
