"""Random schedules of calls and faults over disturbed storages, checked against a small model after every step.

FILEMAN_SCHEDULE_STEPS: the steps of each test, in place of its own number. FILEMAN_SCHEDULE_SEED: the first seed. A
schedule that fails is reduced and printed. Keep it in test_recorded.py.
"""

import itertools
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import hypothesis
import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.schedules import plans
from tests.schedules.disturbance import Faults
from tests.schedules.script import Play, describe
from tests.schedules.stage import Stage

STEPS = os.environ.get("FILEMAN_SCHEDULE_STEPS")
each_number_of_steps = pytest.mark.parametrize("steps", [1500, pytest.param(30_000, marks=pytest.mark.long)])
SEED = int(os.environ.get("FILEMAN_SCHEDULE_SEED", "1"))
HOUR, DAY = 3600, 86400
SCHEDULES_PER_SEED, RULES_PER_SCHEDULE = 5, 90
NUMBER = st.integers(0, plans.COUNT - 1)
SEND, FINALIZE, END = (NUMBER.map(kind.get) for kind in (plans.SEND, plans.FINALIZE, plans.END))
WHICH = st.integers(0, 3)
FILE = st.fixed_dictionaries({"parts": st.booleans(), "checksum": st.sampled_from((None, None, "sha256", "md5"))})
CLAIMS = st.sampled_from(("", "", "", "right", "right", "wrong size", "wrong checksum"))
PART = st.integers(0, 2)
SECONDS = st.sampled_from((2, 61, 600, HOUR, HOUR, 3 * HOUR, DAY, 3 * DAY))


class Schedule(RuleBasedStateMachine):
    """Draws steps; those who name an upload mean one of the last, and finalize an unfinished one if there is any."""

    def __init__(self, stage: Stage, storages: Sequence[str]) -> None:
        super().__init__()
        self.stage, self.storages = stage, storages
        self.play: Play | None = None

    @initialize(number=st.integers(0, 5))
    def begin(self, number: int) -> None:
        self.play = Play(self.stage, self.storages[number % len(self.storages)])

    @rule(which=WHICH, file=FILE, faults=SEND)
    def initiate(self, file: dict[str, Any], **how: Any) -> None:
        self._take("initiate", **file, **how)

    @rule(which=WHICH, faults=SEND)
    def refresh(self, which: int, faults: Faults) -> None:
        self._take("initiate_again", which=which, faults=faults)
        self._take("refresh", which=which, by_id=which % 2 == 0, faults=faults)

    @rule(which=WHICH, part=PART, kind=st.sampled_from(("right", "right", "markup")), faults=SEND)
    def send(self, **how: Any) -> None:
        self._take("send", **how)

    @rule(which=WHICH, part=PART, kind=st.sampled_from(("right", "other")), late=st.booleans())
    def put(self, **how: Any) -> None:
        self._take("put", **how)

    @rule(which=WHICH, file=FILE, faults=FINALIZE)
    def upload(self, which: int, file: dict[str, Any], faults: Faults) -> None:
        self._take("initiate", which=which, **file)
        self._take("put_all", which=0)
        self._take("finalize", which=0, faults=faults)

    @rule(faults=FINALIZE)
    def finalize(self, faults: Faults) -> None:
        self._insist(faults)

    @rule(faults=FINALIZE)
    def finalize_again(self, faults: Faults) -> None:
        self._insist(faults)

    @rule(which=WHICH, faults=FINALIZE, claims=CLAIMS)
    def finalize_with_claims(self, **how: Any) -> None:
        self._take("finalize", **how)

    @rule()
    def finish_oldest(self) -> None:
        self._take("finish", which=3)

    @rule(how=st.sampled_from(("abort", "delete", "delete", "remove")), which=WHICH, faults=END)
    def end(self, how: str, which: int, faults: Faults) -> None:
        self._take(how, which=which, faults=faults)

    @rule(hours=st.sampled_from((0, 0, 24)), which=WHICH, faults=END)
    def cleanup(self, **how: Any) -> None:
        self._take("cleanup", **how)

    @rule(which=WHICH, faults=END)
    def work(self, **how: Any) -> None:
        self._take("work", **how)

    @rule(seconds=SECONDS)
    def advance(self, **how: Any) -> None:
        self._take("advance", **how)

    @rule(number=st.integers(0, 5))
    def arrive(self, **how: Any) -> None:
        self._take("arrive", **how)

    @rule(number=st.integers(0, 5))
    def arrive_too(self, **how: Any) -> None:
        self._take("arrive", **how)

    def _insist(self, faults: Faults) -> None:
        """Finalize again once no lease is in the way, if there is anything to finalize."""
        assert self.play is not None
        if self.play.world.has_unfinished:
            self._take("advance", seconds=61)
            self._take("finalize", which=0, faults=faults)

    def _take(self, name: str, **how: Any) -> None:
        assert self.play is not None
        self.play.take(name, **how)

    def teardown(self) -> None:
        if self.play is not None:
            self.play.end()


def run(stage: Stage, steps: int, *storages: str) -> None:
    """Run as many schedules as the steps need. Fails with the first that breaks a promise."""
    steps = int(STEPS or steps) // (1 if connection.vendor == "sqlite" else 6)
    for seed in itertools.count(SEED):
        _run_seed(stage, storages, seed)
        if stage.steps >= steps:
            return


def _run_seed(stage: Stage, storages: Sequence[str], seed: int) -> None:
    settings = hypothesis.settings(
        max_examples=SCHEDULES_PER_SEED,
        stateful_step_count=RULES_PER_SCHEDULE,
        derandomize=False,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),  # shrinking plays every schedule again, for minutes
    )
    make: Any = hypothesis.seed(seed)(lambda: Schedule(stage, storages))
    with suppress(AssertionError, ExceptionGroup):
        run_state_machine_as_test(make, settings=settings)
    if stage.failure is not None:
        pytest.fail(describe(stage, seed), pytrace=False)
