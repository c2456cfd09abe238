"""Cleanup of many expired uploads on PostgreSQL: two hosts against one, and the memory of a host.

ROWS (default 20,000) are expired, their objects deleted from a local disk where nothing lies, and their rows removed.
"""

import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

ROWS = int(os.environ.get("ROWS", "20000"))


def main() -> None:
    from tests.servers import ServerMissing
    from tests.servers.postgres import serve

    try:
        with serve() as server:
            environment = {**os.environ, "DATABASE_URL": server.database_url, "ROWS": str(ROWS)}
            alone, alone_mib = _measure(1, environment)
            together, together_mib = _measure(2, environment)
    except ServerMissing as error:
        print(f"cleanup: skipped, {error}")
        return
    print(f"cleanup of {ROWS} expired uploads: one host {alone:.1f} s ({alone_mib} MiB at most)")
    print(f"  two hosts {together:.1f} s ({together_mib} MiB at most): {alone / together:.2f} times one")


def _measure(hosts: int, environment: dict[str, str]) -> tuple[float, int]:
    """Return the seconds until the last of the hosts has finished, and the largest resident memory in MiB."""
    _start("fill", environment).wait()
    started = time.perf_counter()
    running = [_start("clean", environment, stdout=subprocess.PIPE) for _ in range(hosts)]
    peaks = [int(one.communicate()[0].split()[-1]) for one in running]
    return time.perf_counter() - started, max(peaks)


def _start(task: str, environment: dict[str, str], **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.bench_cleanup", task]
    return subprocess.Popen(command, env=environment, text=True, **options)


def _fill() -> None:
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
        StorageUsage.objects.update_or_create(user=user, defaults={"bytes": 5 * ROWS})
    for first in range(0, ROWS, 1000):
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
            for n in range(first, min(first + 1000, ROWS))
        )


def _clean() -> None:
    from django.utils import timezone

    from fileman import cleanup

    at_once = cleanup.Request(older_than=timedelta(0))
    cleanup.run(at_once)
    cleanup.run(at_once, now=timezone.now() + timedelta(days=3))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    import logging

    logging.disable(logging.WARNING)
    {"fill": _fill, "clean": _clean}[sys.argv[1]]() if len(sys.argv) > 1 else main()
