"""initiateUpload through GraphQL: one batch of 50 files against 50 batches of one."""

import time
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client
from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment

from fileman.models import FileManager
from tests.api import Api

FILES = 50


def main() -> None:
    setup_test_environment()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        _compare()
    finally:
        teardown_databases(databases, verbosity=0)
        teardown_test_environment()


def _compare() -> None:
    FileManager.objects.create(name="Memory", backend_type="memory", is_default=True)
    client = Client()
    client.force_login(User.objects.create_user("bench"))
    api = Api(client)
    declared = [{"filename": f"{n}.txt", "size": 1000} for n in range(FILES)]
    together = _milliseconds(lambda: [api.initiate(*declared)])
    alone = _milliseconds(lambda: [api.initiate(one) for one in declared])
    print(
        f"initiate {FILES} files: one batch {together:.0f} ms, one by one {alone:.0f} ms, ratio {alone / together:.1f}"
    )


def _milliseconds(call: Callable[[], object]) -> float:
    """Of the fastest of three runs."""
    call()
    runs = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        runs.append(time.perf_counter() - started)
    return min(runs) * 1000
