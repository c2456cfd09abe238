"""Kill workers at random moments, then look at what they left: `python -m tests.faults.killing FOLDER KILLS SEED`.

The workers upload to the local disk in FOLDER, finalize, abort, delete, clean up, and take work over from each other.
The database is the empty one that DATABASE_URL names. Prints a report in JSON; fails with what does not hold.
"""

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

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
from fileman.uploads import DeclaredFile, InitiateRequest, UploadInstructions  # noqa: E402

WORKERS = 3
LARGEST_BYTES = 200_000
LEASE_OVER = timedelta(minutes=2)
LONG_AFTER = timedelta(days=30)
MOST_CALLS = 20


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
        name = f"{self.random.randint(1, LARGEST_BYTES)}-{self.random.getrandbits(64)}.bin"
        checksum = f"sha256:{hashlib.sha256(bytes_for(name)).hexdigest()}"
        declared = DeclaredFile(filename=name, size=len(bytes_for(name)), checksum=checksum)
        now = timezone.now()
        (ticket,) = uploads.initiate(caller=self.caller, request=InitiateRequest(files=(declared,)), now=now).tickets
        assert ticket.file is not None
        send(ticket.file, ticket.instructions, now=now)
        self.finish(ticket.file, now=now)

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
        cleanup.run(cleanup.Request(older_than=timedelta(0)), now=timezone.now())

    def pick(self, **where: Any) -> File:
        rows = list(File.objects.filter(**where).order_by("-created")[:10])
        if not rows:
            raise NotFound
        return self.random.choice(rows)


def send(file: File, instructions: UploadInstructions | None, *, now: datetime) -> None:
    data = bytes_for(file.original_filename)
    for request in instructions.requests if instructions else ():
        part = request.slice
        body = BytesIO(data[part.offset : part.offset + part.length])
        uploads.receive(file_id=file.pk, part=part, stream=body, now=now)


def finish(caller: Caller, file: File, *, now: datetime) -> bool:
    """Go on with an upload as a client would, until it is completed. Return False if others end it."""
    for _ in range(MOST_CALLS):
        outcome = uploads.refresh(caller=caller, file_id=file.pk, now=now)
        send(file, outcome.instructions, now=now)
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


def recover(random: Random) -> int:
    """Let clients finish half of what is unfinished. Return how many uploads that were."""
    caller = Caller(user=User.objects.get())
    unfinished = [file for file in File.objects.unfinished() if random.random() < 0.5]
    for file in unfinished:
        # The lease of a worker that has taken the upload over is over then, too.
        assert finish(caller, file, now=timezone.now() + 2 * LEASE_OVER), f"{file.pk} is stuck"
    return len(unfinished)


def check(folder: Path, journal: Journal) -> None:
    """Assert that nothing is lost, wrong or left behind."""
    assert not journal.values("error"), journal.values("error")
    assert not File.objects.filter(upload_status=File.FAILED).exists()
    gone = journal.values("completed") - {str(key) for key in completed().values_list("pk", flat=True)}
    assert gone <= journal.values("deleting"), f"completed files are lost: {gone}"
    for days in range(2):
        now = timezone.now() + LONG_AFTER + timedelta(days=days)
        report = cleanup.run(cleanup.Request(older_than=timedelta(0)), now=now)
        assert report.failed == 0, list(StorageDeletion.objects.values_list("path", "last_error"))
    stored = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MARKER
    }
    assert stored == {file.file_path: bytes_for(file.original_filename) for file in completed()}
    assert File.objects.count() == completed().count()
    assert StorageDeletion.objects.count() == 0
    assert StorageUsage.objects.get().bytes == sum(completed().values_list("file_size", flat=True))


def completed() -> Any:
    return File.objects.filter(upload_status=File.COMPLETED)


def main(folder: Path, kills: int, seed: str) -> None:
    settings.FILEMAN_SETTINGS = {
        **settings.FILEMAN_SETTINGS,
        "SINGLE_REQUEST_MAX_BYTES": LARGEST_BYTES // 2,
        "PART_SIZE_BYTES": LARGEST_BYTES // 6,
    }
    call_command("migrate", verbosity=0)
    User.objects.create_user("ann")
    FileManager.objects.create(
        name="Local", backend_type="file", settings={"base_path": str(folder / "files")}, is_default=True
    )
    random, journal = Random(seed), Journal(folder / "journal")
    Worker(journal, seed).upload()  # what is imported now costs no worker its short life
    connections.close_all()  # a connection must not be shared with forked processes
    kill_workers(journal, kills=kills, random=random)
    interrupted = Counter(File.objects.values_list("upload_status", flat=True))
    recovered = recover(random)
    check(folder / "files", journal)
    report = {"recovered": recovered, "interrupted": dict(interrupted)}
    report |= {word: len(journal.values(word)) for word in ("completed", "deleting")}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
