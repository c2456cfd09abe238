"""Storages that publish by a copy: of the verified bytes only, or of whatever lies at the upload path."""

from tests.schedules.machine import run
from tests.schedules.stage import Stage


def test_no_schedule_breaks_a_promise_over_copies(stage: Stage) -> None:
    run(stage, "fenced", "unpinned")
