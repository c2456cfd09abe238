"""How long the storage calls of one use case may take together, by a virtual clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from functools import partial
from types import SimpleNamespace

import pytest
from django.test import override_settings

from fileman.backends import time_limit as module
from fileman.backends.time_limit import is_limited, is_over, start_call, time_limit
from fileman.errors import OutOfTime, StorageUnavailable

FULL_TIMEOUT = 12


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Replace the clock of the module only, and set the time-outs."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    settings = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 3, "STORAGE_READ_TIMEOUT_SECONDS": 9}
    with override_settings(FILEMAN_SETTINGS=settings):
        yield clock


def starts() -> bool:
    try:
        start_call()
    except OutOfTime:
        return False
    return True


@pytest.mark.parametrize(
    ("limits", "waits", "expected"),
    [
        ([], [10_000, 10_000], [True, True]),
        ([None], [10_000, 10_000], [True, True]),
        # To the second: with 20 seconds, the last call starts after 8. A refused call stays refused.
        ([20], [0, 8, 0.001, 0], [True, True, False, False]),
        # The first call always starts: else a limit below the time-out would never come to its end.
        *[([limit], [100, 0], [True, False]) for limit in (-1, 0, FULL_TIMEOUT - 1)],
        # An inner block has its own limit, or none.
        ([20, 0], [0, 0], [True, False]),
        ([0, None], [0, 0], [True, True]),
    ],
)
def test_a_call_starts_while_its_full_timeout_fits(
    clock: SimpleNamespace, limits: list[float | None], waits: list[float], expected: list[bool]
) -> None:
    with ExitStack() as blocks:
        for limit in limits:
            blocks.enter_context(time_limit(limit))
        started = []
        for seconds in waits:
            clock.now += seconds
            started.append(starts())
        assert is_limited() == (limits[-1:] not in ([], [None]))

    assert started == expected
    assert (is_limited(), is_over(), starts(), starts()) == (False, False, True, True)


def test_out_of_time_is_a_fault_of_the_storage_that_may_pass() -> None:
    assert (issubclass(OutOfTime, StorageUnavailable), OutOfTime.retryable) == (True, True)


def test_work_in_pieces_ends_with_the_limit_itself(clock: SimpleNamespace) -> None:
    """Not a time-out before it: a piece has none."""
    with time_limit(20):
        clock.now += 19.999
        assert not is_over()
        clock.now += 0.001
        assert is_over()


def test_a_change_of_the_timeouts_counts_at_once(clock: SimpleNamespace) -> None:
    with time_limit(20):
        assert starts()
        clock.now += 10
        assert not starts()
        shorter = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 1, "STORAGE_READ_TIMEOUT_SECONDS": 9}
        with override_settings(FILEMAN_SETTINGS=shorter):
            assert starts()


def test_the_limit_ends_with_a_block_that_raises() -> None:
    with pytest.raises(ZeroDivisionError), time_limit(0):
        _ = 1 / 0

    assert not is_limited()


@pytest.mark.parametrize(("inner", "during"), [(0, [True, False]), (None, [True, True])])
def test_an_outer_limit_goes_on_after_an_inner_block(inner: float | None, during: list[bool]) -> None:
    with time_limit(20):
        with time_limit(inner):
            assert [starts(), starts()] == during
        assert (is_over(), starts()) == (False, True)
    with time_limit(0):
        assert starts()
        with time_limit(inner):
            assert starts()
        assert not starts()


def nested() -> bool:
    with time_limit(0):
        return starts()


@pytest.mark.parametrize(
    ("call", "copy", "expected"),
    [
        # With a copy of the context, threads share the limit and its first call: one of all starts for certain.
        (starts, True, [True, False, False]),
        (starts, False, [True, True, True]),
        (nested, True, [True, True, True]),
    ],
)
def test_threads(call: Callable[[], bool], copy: bool, expected: list[bool]) -> None:
    with time_limit(0), ThreadPoolExecutor(1) as pool:
        calls = [partial(copy_context().run, call) if copy else call for _ in expected]
        assert [pool.submit(one).result() for one in calls] == expected
        assert starts() == (call is nested or not copy)
