"""The servers as pytest fixtures. Each worker of pytest-xdist starts its own when a test first needs it.

If a server is not installed, the tests that need it are skipped with the reason, and fail in CI.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from tests.servers import ServerMissing, server


def _started(name: str) -> Iterator[Any]:
    with or_give_up(), server(name) as started:
        yield started


@contextmanager
def or_give_up() -> Iterator[None]:
    """Skip the test, or fail it in CI, if a server is missing."""
    try:
        yield
    except ServerMissing as missing:
        give_up(str(missing))


def give_up(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, because something is not installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _fixture(name: str) -> Any:
    @pytest.fixture(scope="session", name=f"{name}_server")
    def started() -> Iterator[Any]:
        yield from _started(name)

    return started


moto, radosgw, seaweedfs = map(_fixture, ("moto", "radosgw", "seaweedfs"))
ministack, rclone = map(_fixture, ("ministack", "rclone"))
azurite, gcs, fake_gcs = map(_fixture, ("azurite", "gcs", "fake_gcs"))
