"""Schedules that once broke a promise. Each has what its failure needs of what the machine printed."""

from tests.schedules.script import Step, play
from tests.schedules.stage import Stage

INITIATED: list[Step] = [("initiate", {"which": 0, "parts": False, "checksum": None}), ("put_all", {"which": 0})]


def test_an_attempt_that_stalls_right_after_its_claim_publishes_to_a_path_of_its_own(stage: Stage) -> None:
    """It had the number of the attempt that claimed after it, and copied other bytes over the completed file."""
    faults = {"database 3": ("meanwhile", 61, "finalize")}

    assert play(stage, "unpinned", [*INITIATED, ("finalize", {"which": 0, "faults": faults})]) == ""


def test_a_row_that_django_deletes_knows_what_was_published_since_it_was_read(stage: Stage) -> None:
    """The object of an attempt that began in between stayed in the storage for ever."""
    faults = {"database 3": ("meanwhile", 61, "finalize", "put")}

    assert play(stage, "fenced", [*INITIATED, ("remove", {"which": 0, "faults": faults})]) == ""


def test_a_row_that_two_deletions_race_for_frees_its_quota_once(stage: Stage) -> None:
    """The other file of the same user was not counted any more."""
    faults = {"database 4": ("meanwhile", 0, "remove")}
    second: Step = ("initiate", {"which": 2, "parts": False, "checksum": None})

    assert play(stage, "pinned", [*INITIATED, second, ("remove", {"which": 0, "faults": faults})]) == ""
