"""What several benchmarks need: the time of the fastest run, a database, and an upload in one request."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment

from fileman.backends.values import Upload
from tests.backends.uploads import upload_of


def fastest(call: Callable[[], object], *, runs: int = 3) -> float:
    """Return the seconds of the fastest run, so that a busy machine does not count."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


@contextmanager
def database() -> Iterator[None]:
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(databases, verbosity=0)
        teardown_test_environment()


def build_upload(size: int) -> Upload:
    return upload_of(size, expires_in=3600)
