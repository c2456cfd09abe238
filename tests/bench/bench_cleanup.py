"""Cleanup of many expired uploads: two hosts against one, and the memory of a host.

Uploads are expired, their objects deleted, and their rows removed. The storage responds at once, or takes 8 ms for each
object, as for a hundred: the hosts then wait for it most of the time.
"""

import itertools
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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
STARTING_SECONDS = 4
STORAGES = {"responds at once": (0, 4_000), "takes 8 ms for 100 objects": (100, 4_000)}
"""Name -> objects deleted by one slow request, 0: no request is slow; and rows."""


def run() -> None:
    machine.pin(machine.SERVER_CORE, machine.OTHER_CORE)
    for name, (per_request, rows) in STORAGES.items():
        (one, memory), (two, _) = _measure(rows, per_request, hosts=1), _measure(rows, per_request, hosts=2)
        text = f"cleanup of {rows} uploads by two hosts, speed against one, storage {name}"
        rig.report(text, [one / two], least=1.6, note=f"; one host {one:.1f} s, {memory:.0f} MiB")
    machine.pin(machine.OTHER_CORE)


def clean(per_request: int, start: float) -> list[float]:
    """Return the time of the end, and the largest resident memory in MiB."""
    deleted = itertools.count()

    def respond(operation: str, path: str, moment: str) -> None:
        if (operation, moment) == ("delete", "before") and next(deleted) % per_request == 0:
            time.sleep(LATENCY_SECONDS)

    MemoryBackend.faults[:] = [respond] if per_request else []
    time.sleep(max(0, start - time.time()))
    at_once = cleanup.Request(older_than=timedelta(0))
    cleanup.run(at_once)
    cleanup.run(at_once, now=timezone.now() + timedelta(days=3))
    return [time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]


def _measure(rows: int, per_request: int, *, hosts: int) -> tuple[float, float]:
    """Return the seconds until the last host has finished, and the largest memory of a host."""
    _fill(rows)
    start = time.time() + STARTING_SECONDS
    with ThreadPoolExecutor(hosts) as pool:
        calls = [
            pool.submit(rig.call_on, os.environ["DATABASE_URL"], "bench_cleanup.clean", per_request, start)
            for _ in range(hosts)
        ]
    ended = [call.result() for call in calls]
    return max(end for end, _ in ended) - start, max(memory for _, memory in ended)


def _fill(rows: int) -> None:
    manager, users, long_ago = rig.new_manager("memory", {}), rig.get_users(), timezone.now() - timedelta(days=30)
    state = UploadState(plan=PartPlan(strategy=Strategy.SINGLE, part_size=5, total_parts=1)).to_json()
    values: dict[str, Any] = {"upload_status": File.PENDING, "upload_state": state, "file_path": None, "etag": ""}
    values |= {"completed_at": None, "expires_at": long_ago, "created": long_ago, "modified": long_ago}
    files = (file_row(manager, users[number % rig.USERS], **values) for number in range(rows))
    File.objects.bulk_create(files, batch_size=1000)
    StorageUsage.objects.bulk_create(StorageUsage(user=user, bytes=5 * rows) for user in users)
