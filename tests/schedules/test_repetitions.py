"""Storages that carry out a repeated request once more, among them one that completes large files in place."""

from tests.schedules.machine import each_number_of_steps, run
from tests.schedules.stage import Stage


@each_number_of_steps
def test_no_schedule_breaks_a_promise_over_repeated_requests(stage: Stage, steps: int) -> None:
    run(stage, steps, "inplace", "pinned")
