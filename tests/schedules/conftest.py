"""`stage` is where schedules are played."""

from collections.abc import Iterator

import pytest

from tests.schedules.stage import Stage, open_stage


@pytest.fixture
def stage(transactional_db: None) -> Iterator[Stage]:
    with open_stage() as opened:
        yield opened
