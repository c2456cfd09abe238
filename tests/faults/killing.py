"""Kill processes at random, then look at what they left: `python -m tests.faults.killing WHO FOLDER KILLS SEED`.

WHO is "workers" or "cleanup". The workers upload to the local disk in FOLDER, finalize, abort, delete, clean up, and
take work over from each other, and are killed at random moments. Cleanup is killed at a random one of its statements
and changes of the disk. The database is the empty one that DATABASE_URL names. Prints a report in JSON; fails with what
does not hold.
"""

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import django

django.setup()

from django.conf import settings  # noqa: E402  Django comes first
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from fileman import cleanup, files, uploads  # noqa: E402
from fileman.backends.filesystem.entries import MARKER  # noqa: E402
from fileman.caller import Caller  # noqa: E402
from fileman.errors import FilemanError, NotFound  # noqa: E402
from fileman.models import File, FileManager, StorageDeletion, StorageUsage  # noqa: E402
from fileman.uploads import Outcome, Ticket, transitions  # noqa: E402
from tests.uploads import driver  # noqa: E402
from tests.uploads.driver import file_of, start  # noqa: E402

WORKERS = 3
LARGEST_BYTES = 200_000
LEASE_OVER = timedelta(minutes=2)
LONG_AFTER = timedelta(days=30)
CLAIMS_OVER = timedelta(hours=2)
MOST_CALLS = 20
MOST_STEPS = 150
AT_ONCE = cleanup.Request(older_than=timedelta(0))
DISK_CHANGES = {"os.remove", "os.rmdir", "os.rename", "os.link", "os.mkdir", "os.truncate", "shutil.rmtree"}
"""Python's audit events of them."""


def bytes_for(name: str) -> bytes:
    """Return the bytes of the file with that name: "<size>-<anything>.bin"."""
    return hashlib.shake_128(name.encode()).digest(int(name.partition("-")[0]))


class Journal:
    """What workers did, one line for each step. A kill loses no line that was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(self, word: str, value: object) -> None:
        os.write(self._file, f"{word} {value}\n".encode())

    def values(self, word: str) -> set[str]:
        lines = self._path.read_text().splitlines()
        return {line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")}


class Worker:
    """One process that works until it is killed."""

    def __init__(self, journal: Journal, seed: str) -> None:
        self.journal, self.random = journal, Random(seed)
        self.caller = Caller(user=User.objects.get())

    def run(self) -> None:
        steps = [*[self.upload] * 4, self.take_over, self.abort, self.delete, self.clean]
        while True:
            try:
                self.random.choice(steps)()
            except FilemanError as error:  # another worker was faster, or holds the lease
                self.journal.note("refused", error.code)
            except Exception:  # noqa: BLE001  the report names it
                self.journal.note("error", repr(traceback.format_exc()))

    def upload(self) -> None:
        now = timezone.now()
        ticket = self.begin(self.random.randint(1, LARGEST_BYTES), now=now)
        send(ticket, now=now)
        assert ticket.file is not None
        self.finish(ticket.file, now=now)

    def begin(self, size: int, *, now: datetime) -> Ticket:
        name = f"{size}-{self.random.getrandbits(64)}.bin"
        checksum = f"sha256:{hashlib.sha256(bytes_for(name)).hexdigest()}"
        return start(self.caller, bytes_for(name), name, checksum=checksum, now=now)

    def take_over(self) -> None:
        """Go on with an upload of another worker, whose lease is over."""
        self.finish(self.pick(upload_status__in=File.UNFINISHED), now=timezone.now() + LEASE_OVER)

    def finish(self, file: File, *, now: datetime) -> None:
        if finish(self.caller, file, now=now):
            self.journal.note("completed", file.pk)

    def abort(self) -> None:
        now, file = timezone.now() + LEASE_OVER, self.pick(upload_status__in=File.UNFINISHED)
        token = uploads.refresh(caller=self.caller, file_id=file.pk, now=now).upload_token
        if token is not None:
            uploads.abort(caller=self.caller, upload_token=token, now=now)

    def delete(self) -> None:
        file = self.pick(upload_status=File.COMPLETED)
        self.journal.note("deleting", file.pk)
        files.delete(caller=self.caller, file_id=file.pk, now=timezone.now())

    def clean(self) -> None:
        cleanup.run(AT_ONCE, now=timezone.now())

    def pick(self, **where: Any) -> File:
        rows = list(File.objects.filter(**where).order_by("-created")[:10])
        if not rows:
            raise NotFound
        return self.random.choice(rows)


def send(upload: Ticket | Outcome, *, now: datetime) -> None:
    if upload.file and upload.instructions:
        driver.send(upload, bytes_for(upload.file.original_filename), now=now)


def finish(caller: Caller, file: File, *, now: datetime) -> bool:
    """Go on with an upload as a client would, until it is completed. Return False if others end it."""
    for _ in range(MOST_CALLS):
        outcome = uploads.refresh(caller=caller, file_id=file.pk, now=now)
        send(outcome, now=now)
        if outcome.upload_token is None:
            return outcome.file.upload_status == File.COMPLETED
        done = uploads.finalize(caller=caller, upload_token=outcome.upload_token, now=now)
        if done.error is None:
            return True
        if not done.error.retryable:
            raise done.error
    return False


def kill_workers(journal: Journal, *, kills: int, random: Random) -> None:
    """Keep some workers running, and kill one of them now and then, until enough were killed and enough was done."""
    workers: list[int] = []
    while kills > 0 or not (journal.values("completed") and journal.values("deleting")):
        while len(workers) < WORKERS:
            workers.append(fork_worker(journal, str(random.random())))
        time.sleep(random.uniform(0.01, 0.15))
        kill(workers.pop(random.randrange(WORKERS)))
        kills -= 1
    for worker in workers:
        kill(worker)


def fork_worker(journal: Journal, seed: str) -> int:
    worker = os.fork()
    if worker == 0:
        try:
            Worker(journal, seed).run()
        finally:
            os._exit(1)
    return worker


def kill(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL, "the worker had ended by itself"


def kill_cleanup(folder: Path, journal: Journal, *, kills: int, random: Random) -> None:
    """Leave work for cleanup and kill it there. The next run must do all of that, before more work is left."""
    worker, now = Worker(journal, str(random.random())), timezone.now()
    while kills > 0:
        now += 2 * LONG_AFTER
        sent = leave_work(worker, now=now)
        for later in (timedelta(hours=1), LONG_AFTER):
            kills -= killed_cleanup(now=now + later, steps=random.randint(1, MOST_STEPS))
            cleanup.run(AT_ONCE, now=now + later + CLAIMS_OVER)
            assert completed().filter(pk__in=sent).count() == len(sent), f"not completed by the next run: {sent}"
        check(folder, journal, now=now + LONG_AFTER + 2 * CLAIMS_OVER)


def leave_work(worker: Worker, *, now: datetime) -> list[UUID]:
    """Leave uploads to complete, to expire and to remove, and objects to delete. Return the uploads to complete."""
    for file in completed():
        worker.journal.note("deleting", file.pk)
        files.delete(caller=worker.caller, file_id=file.pk, now=now)
    sent = []
    for size in (LARGEST_BYTES // 3, LARGEST_BYTES):  # in one request, in parts
        whole, wrong, expired, begun = (worker.begin(size, now=now) for _ in range(4))
        for ticket in (whole, wrong, expired):
            send(ticket, now=now)
        transitions.expire(file_of(expired), now=now)
        assert begun.instructions is not None
        rest = replace(begun.instructions, requests=begun.instructions.requests[1:])
        send(replace(begun, instructions=rest), now=now)
        assert driver.finish(worker.caller, wrong, file_size=size + 1, now=now).error
        sent.append(file_of(whole).pk)
    return sent


def killed_cleanup(*, now: datetime, steps: int) -> bool:
    """Run cleanup in a process that is killed at that step. Return False if it had fewer steps."""
    connections.close_all()
    cleaner = os.fork()
    if cleaner:
        _, status = os.waitpid(cleaner, 0)
        assert os.WIFSIGNALED(status) or status == 0, "cleanup has failed"
        return os.WIFSIGNALED(status)

    def step() -> None:
        nonlocal steps
        steps -= 1
        if steps == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(run: Any, *statement: Any) -> Any:
        step()
        result = run(*statement)
        step()
        return result

    sys.addaudithook(lambda event, _: step() if event in DISK_CHANGES else None)
    try:
        with connections["default"].execute_wrapper(execute):
            cleanup.run(AT_ONCE, now=now)
        os._exit(0)
    finally:
        os._exit(1)


def recover(random: Random) -> int:
    """Let clients finish half of what is unfinished. Return how many uploads that were."""
    caller = Caller(user=User.objects.get())
    unfinished = [file for file in File.objects.unfinished() if random.random() < 0.5]
    for file in unfinished:
        # The lease of a worker that has taken the upload over is over then, too.
        assert finish(caller, file, now=timezone.now() + 2 * LEASE_OVER), f"{file.pk} is stuck"
    return len(unfinished)


def check(folder: Path, journal: Journal, *, now: datetime) -> None:
    """Assert that nothing is lost, wrong or left behind."""
    assert not journal.values("error"), journal.values("error")
    gone = journal.values("completed") - {str(key) for key in completed().values_list("pk", flat=True)}
    assert gone <= journal.values("deleting"), f"completed files are lost: {gone}"
    for days in range(2):
        report = cleanup.run(AT_ONCE, now=now + timedelta(days=days))
        assert report.failed == 0, list(StorageDeletion.objects.values_list("path", "last_error"))
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != MARKER]
    stored = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    assert stored == {file.file_path: bytes_for(file.original_filename) for file in completed()}
    assert File.objects.count() == completed().count()
    assert StorageDeletion.objects.count() == 0
    assert StorageUsage.objects.get().bytes == sum(completed().values_list("file_size", flat=True))


def completed() -> Any:
    return File.objects.filter(upload_status=File.COMPLETED)


def main(who: str, folder: Path, kills: int, seed: str) -> None:
    settings.FILEMAN_SETTINGS = {
        **settings.FILEMAN_SETTINGS,
        "SINGLE_REQUEST_MAX_BYTES": LARGEST_BYTES // 2,
        "PART_SIZE_BYTES": LARGEST_BYTES // 6,
    }
    call_command("migrate", verbosity=0)
    User.objects.create_user("ann")
    local = {"base_path": str(folder / "files")}
    FileManager.objects.create(name="Local", backend_type="file", settings=local, is_default=True)
    random, journal = Random(seed), Journal(folder / "journal")
    Worker(journal, seed).upload()  # what is imported now costs no worker its short life
    connections.close_all()  # a connection must not be shared with forked processes
    if who == "cleanup":
        kill_cleanup(folder / "files", journal, kills=kills, random=random)
        return
    kill_workers(journal, kills=kills, random=random)
    assert not File.objects.filter(upload_status=File.FAILED).exists()
    interrupted = Counter(File.objects.values_list("upload_status", flat=True))
    recovered = recover(random)
    check(folder / "files", journal, now=timezone.now() + LONG_AFTER)
    report = {"recovered": recovered, "interrupted": dict(interrupted)}
    report |= {word: len(journal.values(word)) for word in ("completed", "deleting")}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
