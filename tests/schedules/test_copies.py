"""Storages that publish by a copy: of the verified bytes only, or of whatever lies at the upload path."""

from tests.schedules.machine import each_number_of_steps, run
from tests.schedules.stage import Stage


@each_number_of_steps
def test_no_schedule_breaks_a_promise_over_copies(stage: Stage, steps: int) -> None:
    run(stage, steps, "fenced", "unpinned")
