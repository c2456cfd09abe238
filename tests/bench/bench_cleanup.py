"""Cleanup of many expired uploads: two hosts against one, and the memory of a host.

Uploads are expired, their objects deleted, and their rows removed. The storage takes 8 ms for every hundredth object:
one request deletes a hundred.
"""

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.utils import timezone

from fileman import cleanup
from fileman.backends.values import PartPlan, Strategy
from fileman.models import File, StorageUsage
from fileman.testing.memory import MemoryBackend
from fileman.uploads.state import UploadState
from tests.bench import machine, rig
from tests.graphql.rows import file_row

LATENCY_SECONDS = 0.008
PER_REQUEST = 100
STARTING_SECONDS = 6
ROWS = 6_000
ROUNDS = 2


def run() -> None:
    machine.pin(machine.SERVER_CORE, machine.OTHER_CORE)
    measured = [(_measure(hosts=1), _measure(hosts=2)) for _ in range(ROUNDS)]
    seconds, memory = measured[0][0]
    text = f"cleanup of {ROWS} uploads by two hosts, speed against one"
    ratios = [one[0] / two[0] for one, two in measured]
    rig.report(text, ratios, least=1.6, note=f"; one host {seconds:.1f} s, {memory:.0f} MiB")
    machine.pin(machine.OTHER_CORE)


def clean(start: float) -> list[float]:
    """Return the time of the end, and the largest resident memory in MiB."""
    deleted = itertools.count()

    def respond(operation: str, path: str, moment: str) -> None:
        if (operation, moment) == ("delete", "before") and next(deleted) % PER_REQUEST == 0:
            time.sleep(LATENCY_SECONDS)

    MemoryBackend.faults[:] = [respond]
    time.sleep(max(0, start - time.time()))
    at_once = cleanup.Request(older_than=timedelta(0))
    cleanup.run(at_once)
    cleanup.run(at_once, now=timezone.now() + timedelta(days=3))
    # Not `ru_maxrss`, which a program inherits from the one that started it.
    return [time.time(), int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024]


def _measure(*, hosts: int) -> tuple[float, float]:
    """Return the seconds until the last host has finished, and the largest memory of a host."""
    _fill()
    start = time.time() + STARTING_SECONDS
    with ThreadPoolExecutor(hosts) as pool:
        of_host = partial(rig.call_on, os.environ["DATABASE_URL"], "bench_cleanup.clean", start)
        calls = [pool.submit(of_host) for _ in range(hosts)]
    ended = [call.result() for call in calls]
    return max(end for end, _ in ended) - start, max(memory for _, memory in ended)


def _fill() -> None:
    manager, users, long_ago = rig.new_manager("memory", {}), rig.get_users(), timezone.now() - timedelta(days=30)
    state = UploadState(plan=PartPlan(strategy=Strategy.SINGLE, part_size=5, total_parts=1)).to_json()
    values: dict[str, Any] = {"upload_status": File.PENDING, "upload_state": state, "file_path": None, "etag": ""}
    values |= {"completed_at": None, "expires_at": long_ago, "created": long_ago, "modified": long_ago}
    files = (file_row(manager, users[number % rig.USERS], **values) for number in range(ROWS))
    File.objects.bulk_create(files, batch_size=1000)
    StorageUsage.objects.bulk_create(StorageUsage(user=user, bytes=5 * ROWS) for user in users)
