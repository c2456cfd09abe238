"""Storages that carry out a repeated request once more, among them one that completes large files in place."""

from tests.schedules.machine import run
from tests.schedules.stage import Stage


def test_no_schedule_breaks_a_promise_over_repeated_requests(stage: Stage) -> None:
    run(stage, "inplace", "pinned")
