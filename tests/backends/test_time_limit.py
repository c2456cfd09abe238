"""How long the storage calls of one use case may take together, by a virtual clock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

import pytest
from django.test import override_settings

from fileman.backends import time_limit as module
from fileman.backends.time_limit import is_limited, is_over, start_call, time_limit
from fileman.errors import OutOfTime, StorageUnavailable

FULL_TIMEOUT = 12


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the module only."""
    clock = Clock()
    monkeypatch.setattr(module, "time", type("VirtualTime", (), {"monotonic": staticmethod(clock)}))
    return clock


@pytest.fixture(autouse=True)
def _timeouts() -> Iterator[None]:
    settings = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 3, "STORAGE_READ_TIMEOUT_SECONDS": 9}
    with override_settings(FILEMAN_SETTINGS=settings):
        yield


class TestWithoutLimit:
    @pytest.mark.parametrize("limit", ["no block", "a block of None"])
    def test_calls_start_for_ever(self, clock: Clock, limit: str) -> None:
        def check() -> None:
            for _ in range(3):
                start_call()
                clock.pass_seconds(10_000)
            assert (is_limited(), is_over()) == (False, False)

        if limit == "no block":
            check()
        else:
            with time_limit(None):
                check()


class TestCalls:
    def test_a_call_starts_while_its_full_timeout_fits(self, clock: Clock) -> None:
        """To the second: with 20 seconds, the last call starts after 8."""
        with time_limit(20):
            start_call()
            clock.pass_seconds(8)
            start_call()
            clock.pass_seconds(0.001)
            with pytest.raises(OutOfTime):
                start_call()

    @pytest.mark.parametrize("seconds", [-1, 0, FULL_TIMEOUT - 1])
    def test_the_first_call_always_starts(self, clock: Clock, seconds: float) -> None:
        """Else a limit below the time-out would never come to its end."""
        with time_limit(seconds):
            clock.pass_seconds(100)
            start_call()
            with pytest.raises(OutOfTime):
                start_call()

    def test_a_refused_call_stays_refused(self, clock: Clock) -> None:
        with time_limit(0):
            start_call()
            for _ in range(2):
                with pytest.raises(OutOfTime):
                    start_call()

    def test_out_of_time_is_a_fault_of_the_storage_that_may_pass(self) -> None:
        assert issubclass(OutOfTime, StorageUnavailable)
        assert OutOfTime.retryable

    def test_work_in_pieces_ends_with_the_limit_itself(self, clock: Clock) -> None:
        """Not a time-out before it: a piece has none."""
        with time_limit(20):
            clock.pass_seconds(19.999)
            assert not is_over()
            clock.pass_seconds(0.001)
            assert is_over()

    def test_a_change_of_the_timeouts_counts_at_once(self, clock: Clock) -> None:
        with time_limit(20):
            start_call()
            clock.pass_seconds(10)
            with pytest.raises(OutOfTime):
                start_call()
            with override_settings(
                FILEMAN_SETTINGS={"STORAGE_CONNECT_TIMEOUT_SECONDS": 1, "STORAGE_READ_TIMEOUT_SECONDS": 9}
            ):
                start_call()


class TestBlocks:
    def test_the_limit_ends_with_its_block(self, clock: Clock) -> None:
        with time_limit(0):
            assert is_limited()

        assert (is_limited(), is_over()) == (False, False)
        start_call()
        start_call()

    def test_the_limit_ends_with_a_block_that_raises(self, clock: Clock) -> None:
        with pytest.raises(ZeroDivisionError), time_limit(0):
            _ = 1 / 0

        assert not is_limited()

    def test_an_inner_block_has_its_own_limit_and_first_call(self, clock: Clock) -> None:
        with time_limit(20):
            start_call()
            with time_limit(0):
                assert is_over()
                start_call()
                with pytest.raises(OutOfTime):
                    start_call()
            assert not is_over()
            start_call()

    def test_an_inner_block_without_limit_lifts_the_outer_one_for_its_time(self, clock: Clock) -> None:
        with time_limit(0):
            start_call()
            with time_limit(None):
                assert not is_limited()
                start_call()
            with pytest.raises(OutOfTime):
                start_call()


class TestThreads:
    def test_a_thread_with_a_copy_of_the_context_shares_the_limit(self, clock: Clock) -> None:
        """And its first call: of all threads together, one starts for certain."""
        with time_limit(0):
            started = _in_threads(5, start_call, copy=True)

        assert sorted(started) == [False, False, False, False, True]

    def test_a_thread_without_the_context_has_no_limit(self, clock: Clock) -> None:
        with time_limit(0):
            started = _in_threads(5, start_call, copy=False)

        assert started == [True] * 5

    def test_a_block_in_a_thread_leaves_the_others_alone(self, clock: Clock) -> None:
        def nested() -> None:
            with time_limit(0):
                start_call()

        with time_limit(20):
            assert _in_threads(3, nested, copy=True) == [True] * 3
            clock.pass_seconds(8)
            start_call()
            assert not is_over()


def _in_threads(number: int, call: Callable[[], None], *, copy: bool) -> list[bool]:
    """Run the call in threads, one after the other. Return for each whether it came to its end."""

    def attempt() -> bool:
        try:
            call()
        except OutOfTime:
            return False
        return True

    calls = [partial(copy_context().run, attempt) if copy else attempt for _ in range(number)]
    with ThreadPoolExecutor(1) as pool:
        return [pool.submit(call).result() for call in calls]
