"""Cleanup of many expired uploads on PostgreSQL: two hosts against one, and the memory of a host.

ROWS (default 20,000) uploads are expired, their objects deleted, and their rows removed. The storage responds at once,
or takes 8 ms for a request of 100 objects, or takes 8 ms for each object (measured with a tenth of the rows).
"""

import itertools
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from uuid import uuid4

ROWS = int(os.environ.get("ROWS", "20000"))
FEW = 1000
LATENCY_SECONDS = 0.008
STARTING_SECONDS = 10
AIM = 1.6
STORAGES = {"responds at once": (0, ROWS), "8 ms for 100 objects": (100, ROWS), "8 ms for each object": (1, ROWS // 10)}
"""Name -> objects deleted by one slow request, 0: no request is slow; and rows."""


def main() -> None:
    from tests.servers import ServerMissing
    from tests.servers.postgres import serve

    try:
        with serve() as server:
            os.environ["DATABASE_URL"] = server.database_url
            print(f"cleanup of {FEW} expired uploads: {_measure(rows=FEW, hosts=1)[1]:.0f} MiB")
            for name, (per_request, rows) in STORAGES.items():
                one, memory = _measure(rows=rows, hosts=1, per_request=per_request)
                two, _ = _measure(rows=rows, hosts=2, per_request=per_request)
                verdict = f"{one / two:.2f} times as fast (aim {AIM}: {'reached' if one / two >= AIM else 'missed'})"
                machine = f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
                print(f"cleanup of {rows} expired uploads, storage {name}, {machine}:")
                print(f"  one host {one:.1f} s, {memory:.0f} MiB; two hosts {two:.1f} s, {verdict}")
    except ServerMissing as error:
        print(f"cleanup: skipped, {error}")


def _measure(*, rows: int, hosts: int, per_request: int = 0) -> tuple[float, float]:
    """Return the seconds until the last host has finished, and the largest resident memory of a host in MiB."""
    _start("_fill", rows).communicate()
    start = int(time.time()) + STARTING_SECONDS
    running = [_start("_clean", per_request, start) for _ in range(hosts)]
    ended = [one.communicate()[0].split() for one in running]
    return max(float(words[-2]) for words in ended) - start, max(float(words[-1]) for words in ended)


def _start(*task: str | int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.bench_cleanup", *map(str, task)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE)


def _fill(rows: int) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.utils import timezone

    from fileman.backends.values import PartPlan, Strategy
    from fileman.models import File, FileManager, StorageDeletion, StorageUsage
    from fileman.uploads.state import UploadState

    call_command("migrate", verbosity=0)
    for model in (StorageDeletion, File, FileManager):
        model.objects.all()._raw_delete("default")
    manager = FileManager.objects.create(name="Local", backend_type="memory")
    long_ago = timezone.now() - timedelta(days=30)
    plan = PartPlan(strategy=Strategy.SINGLE, part_size=5, total_parts=1)
    users = [User.objects.get_or_create(username=f"user{n}")[0] for n in range(50)]
    for user in users:
        StorageUsage.objects.update_or_create(user=user, defaults={"bytes": 5 * rows})
    for first in range(0, rows, 1000):
        File.objects.bulk_create(
            File(
                file_manager=manager,
                uploaded_by=users[n % 50],
                original_filename="a.txt",
                filename=f"a_{n}.txt",
                content_type="text/plain",
                file_size=5,
                upload_token=str(uuid4()),
                upload_state=UploadState(plan=plan).to_json(),
                expires_at=long_ago,
                created=long_ago,
                modified=long_ago,
            )
            for n in range(first, min(first + 1000, rows))
        )


def _clean(per_request: int, start: int) -> None:
    from django.utils import timezone

    from fileman import cleanup
    from fileman.testing.memory import MemoryBackend

    deleted = itertools.count()

    def respond(operation: str, path: str, moment: str) -> None:
        if (operation, moment) == ("delete", "before") and next(deleted) % per_request == 0:
            time.sleep(LATENCY_SECONDS)

    MemoryBackend.faults[:] = [respond] if per_request else []
    time.sleep(max(0, start - time.time()))
    at_once = cleanup.Request(older_than=timedelta(0))
    cleanup.run(at_once)
    cleanup.run(at_once, now=timezone.now() + timedelta(days=3))
    print(time.time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    import logging

    from django.conf import settings

    settings.DEBUG = False  # with DEBUG, Django keeps the last 9,000 statements in memory
    logging.disable(logging.WARNING)
    task, *numbers = sys.argv[1:] or ["main"]
    globals()[task](*map(int, numbers))
