"""A schedule as plain data: play it, and print one that fails."""

from collections.abc import Callable
from pprint import pformat
from typing import Any

from tests.schedules.stage import Stage
from tests.schedules.world import World

Step = tuple[str, dict[str, Any]]
"""Name and arguments of a step of `World`, or "finish"."""


class Play:
    """One schedule on the stage. What is wrong after a step is an AssertionError."""

    def __init__(self, stage: Stage, storage: str) -> None:
        self.stage, self.storage = stage, storage
        self.steps: list[Step] = []
        self.world: World = stage.enter(storage)
        stage.failure = None

    def take(self, name: str, **how: Any) -> None:
        """Take one step and check everything. Of its faults those are kept whose place was reached."""
        self.steps.append((name, how))
        if name == "finish":
            self._judge(self.stage.invariants.finish, **how)
            return
        getattr(self.world, name)(**how)
        if "faults" in how:
            self.steps[-1] = (name, {**how, "faults": self.world.fired})
        self._judge(self.stage.invariants.check)

    def end(self) -> None:
        """End the schedule and check that nothing is left."""
        if self.stage.failure is None:
            self._judge(self.stage.invariants.finish_all)
        self.stage.leave()

    def _judge(self, judge: Callable[..., None], **how: Any) -> None:
        try:
            judge(self.world, **how)
        except AssertionError as error:
            self.stage.failure = (self.storage, self.steps, str(error))
            raise


def play(stage: Stage, storage: str, steps: list[Step]) -> str:
    """Return what is wrong, or "" if nothing is."""
    playing = Play(stage, storage)
    try:
        for name, how in steps:
            playing.take(name, **how)
        playing.end()
    except AssertionError as error:
        return str(error)
    return ""


def describe(stage: Stage, seed: int) -> str:
    """Return the failed schedule of the stage, in the form that test_recorded.py keeps."""
    assert stage.failure is not None
    storage, steps, problem = stage.failure
    return f"seed {seed}: {problem}\n{storage!r}\n{pformat(steps, width=110, sort_dicts=False)}"
