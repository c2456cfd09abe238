"""Cleanup: what it expires, removes and deletes, and when."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from socket import create_server, socket
from threading import Barrier, Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman import cleanup, deletion_queue, uploads
from fileman.backends.values import DeleteFailure
from fileman.cleanup import Report, Request
from fileman.errors import StorageError, StorageMisconfigured, StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion, StorageUsage
from fileman.testing.memory import MemoryBackend
from fileman.uploads import disposal, transitions
from tests.uploads.clock import DAY, DEADLINE, HOUR, MICROSECOND, NOW
from tests.uploads.driver import abort, configured, file_of, finish, send, start, start_many, stored_paths, upload
from tests.uploads.faults import at_first, at_once, break_storage, lose_key_of, note_calls

SWEEP_GRACE = timedelta(seconds=1800)
AT_ONCE = Request(older_than=timedelta(0))
LONG_AFTER = NOW + 30 * DAY


def run(*, now: datetime, **fields: Any) -> Report:
    return cleanup.run(Request(**fields), now=now)


def aborted(user: User) -> File:
    return abort(user, start(user)).file


def failed(user: User) -> File:
    ticket = start(user)
    send(ticket)
    return finish(user, ticket, file_size=4).file


def one_of_each(user: User) -> dict[str, File]:
    """An upload in every status; the unfinished ones have been due for long at LONG_AFTER."""
    held, gone = file_of(start(user)), file_of(start(user))
    transitions.claim(held, now=NOW)
    transitions.expire(gone, now=NOW)
    return {
        "pending": file_of(start(user)),
        "verifying": held,
        "completed": upload(user),
        "failed": failed(user),
        "aborted": aborted(user),
        "expired": gone,
    }


def statuses() -> list[str]:
    return sorted(File.objects.values_list("upload_status", flat=True))


def snapshot(manager: FileManager) -> tuple[Any, ...]:
    """Everything that a run could change."""
    tables = [list(model.objects.order_by("pk").values()) for model in (File, StorageDeletion, StorageUsage)]
    return *tables, stored_paths(manager)


@pytest.mark.parametrize("hours", [None, 0, 6, 1000])
def test_an_upload_expires_so_long_after_its_grace(user: User, manager: FileManager, hours: int | None) -> None:
    """To the microsecond, in aware times; a day after unless hours are named."""
    file = file_of(start(user))
    chosen = {} if hours is None else {"older_than": hours * HOUR}
    boundary = DEADLINE + SWEEP_GRACE + chosen.get("older_than", DAY)
    assert run(now=boundary, **chosen).expired == 0
    assert run(now=boundary + MICROSECOND, **chosen).expired == 1
    assert File.objects.get(pk=file.pk).upload_status == "expired"


def test_what_has_ended_is_removed_a_day_later(user: User, manager: FileManager) -> None:
    aborted(user)
    failed(user)
    assert run(now=NOW + DAY).removed == 0
    assert run(now=NOW + DAY + MICROSECOND).removed == 2
    aborted(user)
    assert run(now=NOW + MICROSECOND, older_than=timedelta(0)).removed == 1
    assert File.objects.count() == 0


def test_only_what_has_ended_is_removed(user: User, manager: FileManager) -> None:
    """The step itself looks, not only the query before it."""
    one_of_each(user)
    for file in File.objects.select_related("file_manager"):
        removed, _ = disposal.remove_rows([file], disposal.ENDED, now=LONG_AFTER)
        assert bool(removed) is (file.upload_status in File.ENDED)
    assert statuses() == ["completed", "pending", "verifying"]


def test_an_attempt_that_is_alive_is_left_alone(user: User, manager: FileManager) -> None:
    file = file_of(start(user))
    late = DEADLINE + timedelta(seconds=899)
    transitions.claim(file, now=late)
    with configured(SWEEP_GRACE=timedelta(seconds=900)):
        dry = Request(older_than=timedelta(0), dry_run=True)
        for request in (dry, AT_ONCE):
            assert cleanup.run(request, now=late + timedelta(seconds=59)).expired == 0
        assert cleanup.run(AT_ONCE, now=late + timedelta(seconds=60)).expired == 1


@pytest.mark.parametrize("status", cleanup.CLEANABLE)
def test_only_the_named_status_is_touched(user: User, manager: FileManager, status: cleanup.CleanableStatus) -> None:
    """And a completed file never."""
    made = one_of_each(user)
    report = run(now=LONG_AFTER, statuses=[status])
    assert report.by_status == {status: 1}
    others = {name: file for name, file in made.items() if name != status}
    for name, file in others.items():
        assert File.objects.get(pk=file.pk).upload_status == name
    for later in (10_000, 10_001):
        run(now=NOW + later * DAY, older_than=timedelta(0))
    assert File.objects.get() == made["completed"]
    assert stored_paths(manager) == [made["completed"].file_path]
    assert StorageUsage.objects.get(user=user).bytes == 5, "each end has freed its bytes, its removal none again"


def test_a_dry_run_changes_nothing_and_counts_what_the_run_then_does(user: User, manager: FileManager) -> None:
    one_of_each(user)
    send(start(user))
    before = snapshot(manager)
    mutations = note_calls()
    told: dict[bool, list[tuple[Any, str]]] = {True: [], False: []}
    reports = {}
    for dry in (True, False):
        request = Request(dry_run=dry, on_file=lambda file, verb, dry=dry: told[dry].append((file.pk, verb)))  # type: ignore[misc]
        reports[dry] = cleanup.run(request, now=LONG_AFTER)
        if dry:
            MemoryBackend.faults.clear()
            assert mutations == []
            assert snapshot(manager) == before
    assert reports[True] == reports[False]
    assert sorted(told[True]) == sorted(told[False])
    assert reports[False].by_status == {"pending": 2, "verifying": 1, "failed": 1, "aborted": 1, "expired": 1}
    assert snapshot(manager) != before


@pytest.mark.parametrize("error", [StorageUnavailable, TypeError])
def test_one_broken_manager_does_not_stop_the_rest(user: User, manager: FileManager, error: type[Exception]) -> None:
    """Whatever its backend raises, which may be one of the host project."""
    healthy = FileManager.objects.create(name="Healthy", backend_type="memory")
    for into in (manager, healthy):
        send(start(user, into=into))
    break_storage(error, on="delete", path=str(manager.pk))
    report = cleanup.run(AT_ONCE, now=LONG_AFTER)
    assert (report.expired, report.failed > 0) == (2, True)
    assert stored_paths(healthy) == []
    assert len(stored_paths(manager)) == 1
    MemoryBackend.faults.clear()
    assert cleanup.run(AT_ONCE, now=LONG_AFTER + DAY).failed == 0
    assert stored_paths(manager) == []


def drop_backend_of(manager: FileManager) -> None:
    FileManager.objects.filter(pk=manager.pk).update(backend_type="gone")


@pytest.mark.parametrize(
    ("breaks", "error"), [(lose_key_of, "No encryption key with id"), (drop_backend_of, "Unknown backend type 'gone'")]
)
def test_a_manager_that_cannot_be_used_does_not_stop_the_rest(
    user: User, manager: FileManager, breaks: Callable[[FileManager], object], error: str
) -> None:
    """Neither among what is expired nor in the deletion queue."""
    broken = FileManager.objects.create(name="Broken", backend_type="memory")
    for into in (broken, manager):
        start(user, into=into)
    aborted(user)
    StorageDeletion.objects.create(file_manager=broken, path="x", due_at=NOW, watch_until=NOW, created=NOW)
    breaks(broken)
    report = cleanup.run(AT_ONCE, now=LONG_AFTER)
    assert (report.expired, report.removed, report.deleted, report.failed) == (1, 1, 2, 2)
    assert File.objects.get(file_manager=broken).upload_status == "pending"
    assert error in StorageDeletion.objects.get(file_manager=broken).last_error


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_do_everything_once(user: User, manager: FileManager) -> None:
    for _ in range(4):
        start_many(user, 25)
    reports = at_once(2, lambda _: cleanup.run(AT_ONCE, now=LONG_AFTER))
    assert [report for report in reports if isinstance(report, Exception)] == []
    done = [report for report in reports if isinstance(report, Report)]
    assert sum(report.expired for report in done) == 100
    assert sum(report.deleted for report in done) == 100
    assert [report.failed for report in done] == [0, 0]
    assert StorageUsage.objects.get().bytes == 0


@pytest.mark.django_db(transaction=True)
@configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2)
def test_uploads_that_one_host_is_stopping_are_left_to_it(user: User, manager: FileManager) -> None:
    """Another host cleans up at the first storage call, and removes only what was aborted since."""
    first = [file_of(start(user)) for _ in range(3)]
    for file in first:
        transitions.expire(file, now=NOW)
    stopped, reports = note_calls("abort"), list[Any]()

    def clean_up_elsewhere(_: int) -> Report:
        transitions.expire(file_of(start(user)), now=NOW)
        return cleanup.run(AT_ONCE, now=LONG_AFTER)

    at_first("abort", "before", lambda: reports.extend(at_once(1, clean_up_elsewhere)))
    reports.append(cleanup.run(AT_ONCE, now=LONG_AFTER))

    assert [report.removed for report in reports] == [1, 3]
    assert (len(stopped), len(set(stopped))) == (4, 4)


def test_the_statements_of_a_batch_depend_on_neither_rows_nor_users(manager: FileManager) -> None:
    counts = []
    for users in (2, 50):
        for number in range(users):
            start(User.objects.create(username=f"{number} of {users}"))
        with CaptureQueriesContext(connection) as statements:
            cleanup.run(AT_ONCE, now=LONG_AFTER)
            cleanup.run(AT_ONCE, now=LONG_AFTER + DAY)
        counts.append(len(statements))

    assert counts[0] == counts[1]
    assert File.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_finalize_and_cleanup_at_once_leave_a_completed_file_or_nothing(user: User, manager: FileManager) -> None:
    """At the edge where both are allowed."""
    edge = DEADLINE + timedelta(seconds=899)
    with configured(SWEEP_GRACE=timedelta(seconds=900), FINALIZE_GRACE=timedelta(seconds=900)):
        for _ in range(3):
            ticket = start(user)
            send(ticket)

            def work(number: int, ticket: uploads.Ticket = ticket) -> object:
                if number % 2:
                    return cleanup.run(AT_ONCE, now=edge + timedelta(seconds=1, microseconds=1))
                return finish(User.objects.get(pk=user.pk), ticket, now=edge)

            answers = at_once(10, work)
            assert [answer for answer in answers if isinstance(answer, Exception)] == []
            file = file_of(ticket)
            stored = any(path.startswith(file.folder) for path in stored_paths(manager))
            assert (file.upload_status, stored) in {("completed", True), ("expired", False)}


def test_more_rows_than_a_batch_are_found(user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileman.cleanup._run.BATCH", 3)
    monkeypatch.setattr(deletion_queue, "BATCH", 4)
    start_many(user, 10)
    batches: list[int] = []
    report = run(now=LONG_AFTER, on_batch=lambda so_far: batches.append(so_far.expired + so_far.deleted))
    assert (report.expired, report.deleted) == (10, 10)
    assert batches == [3, 6, 9, 10, 14, 18, 20]


def test_the_scheduled_run_can_be_switched_off_and_the_one_by_hand_not(user: User, manager: FileManager) -> None:
    start(user)
    with configured(CLEANUP_EXPIRED_UPLOADS=False):
        assert cleanup.run_scheduled(now=LONG_AFTER) is None
        assert statuses() == ["pending"]
        assert cleanup.run(AT_ONCE, now=DEADLINE).expired == 0
    report = cleanup.run_scheduled(now=LONG_AFTER)
    assert report is not None
    assert report.expired == 1


# Storages that fail


def queue_objects(manager: FileManager, count: int) -> None:
    StorageDeletion.objects.bulk_create(
        StorageDeletion(file_manager=manager, path=f"{manager.name}/{number}", due_at=NOW, watch_until=NOW, created=NOW)
        for number in range(count)
    )


def test_storages_that_hang_do_not_hold_up_the_others(manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two storages do not respond until the objects of the third, in three batches, are deleted."""
    monkeypatch.setattr(deletion_queue, "BATCH", 2)
    dead = [FileManager.objects.create(name=name, backend_type="memory") for name in ("A dead", "B dead")]
    for one in (*dead, manager):
        queue_objects(one, 5)
    finished = Event()
    healthy: list[str] = []

    def respond(operation: str, path: str, moment: str) -> None:
        if moment == "before" and "dead" in path:
            assert finished.wait(timeout=60)
            raise StorageUnavailable
        if moment == "after":
            healthy.append(path)
            if len(healthy) == 5:
                finished.set()

    MemoryBackend.faults.append(respond)
    report = cleanup.run(AT_ONCE, now=NOW)

    assert (report.deleted, report.failed) == (5, 4)


@configured(ALLOW_INSECURE_ENDPOINTS=True)
def test_buckets_that_hang_are_asked_at_the_same_time(db: None) -> None:
    """Each hangs until the other has been asked too."""
    both_asked = Barrier(2)

    def hang(bucket: socket) -> None:
        with bucket, bucket.accept()[0]:
            both_asked.wait(timeout=60)

    buckets = [create_server(("127.0.0.1", 0)) for _ in range(2)]
    for bucket in buckets:
        bucket.settimeout(30)
        url = f"http://127.0.0.1:{bucket.getsockname()[1]}"
        settings = {"bucket_name": "dead", "endpoint_url": url, "access_key_id": "key", "secret_access_key": "secret"}
        queue_objects(FileManager.objects.create(name=url, backend_type="s3", settings=settings), 1)
    with ThreadPoolExecutor(2) as pool:
        hanging = [pool.submit(hang, bucket) for bucket in buckets]
        report = cleanup.run(AT_ONCE, now=NOW)

    assert [one.exception() for one in hanging] == [None, None]
    assert report.failed == 2


def test_a_dead_storage_costs_one_call_a_run(user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither further batches of its queue nor its ended uploads in parts are tried."""
    monkeypatch.setattr(deletion_queue, "BATCH", 2)
    with configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2):
        for _ in range(3):
            aborted(user)
    queue_objects(manager, 5)
    calls = break_storage()
    for day in (30, 31):
        report = cleanup.run(AT_ONCE, now=NOW + day * DAY)
        assert report.failed == 2

    assert calls == ["delete", "delete"]
    assert statuses() == ["aborted"] * 3


def test_each_batch_reads_the_clock_again(user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of hours must not claim rows until a time that is over, nor let failed ones wait too short."""
    monkeypatch.setattr(deletion_queue, "BATCH", 1)
    queue_objects(manager, 2)
    times = iter([NOW + n * HOUR for n in range(100)])
    monkeypatch.setattr("fileman.deletion_queue.timezone.now", lambda: next(times))

    def refuse(self: MemoryBackend, paths: list[str]) -> list[DeleteFailure]:
        return [DeleteFailure(path=path, reason="Locked.") for path in paths]

    monkeypatch.setattr(MemoryBackend, "delete", refuse)
    cleanup.run(AT_ONCE)

    due = sorted(StorageDeletion.objects.values_list("due_at", flat=True))
    assert due[1] - due[0] >= HOUR
    assert due[0] > NOW + HOUR


@pytest.mark.parametrize("error", [StorageUnavailable, StorageMisconfigured])
@pytest.mark.parametrize("operation", ["delete", "abort"])
def test_a_storage_that_is_dead_is_named_once_and_asked_ever_more_rarely(
    user: User, manager: FileManager, caplog: pytest.LogCaptureFixture, error: type[StorageError], operation: str
) -> None:
    """Its bucket is gone, its keys are revoked, or only one permission is. Each new reason is a warning again."""
    reasons = ["The keys are revoked."]
    calls: list[str] = []

    def fail(name: str, path: str, moment: str) -> None:
        if name == operation:
            calls.append(path)
            raise error(reasons[-1])

    with configured(SINGLE_REQUEST_MAX_BYTES=4, PART_SIZE_BYTES=2):
        for _ in range(3):
            aborted(user)
    if operation == "abort":
        deletion_queue.work(now=LONG_AFTER)
    MemoryBackend.faults.append(fail)
    failed = [cleanup.run(AT_ONCE, now=LONG_AFTER + hours * HOUR).failed for hours in range(0, 96, 2)]

    assert [len(calls) < 20, sum(map(bool, failed)) < 20, statuses()] == [True, True, ["aborted"] * 3]
    assert len(get_warnings(caplog)) <= (1 if operation == "delete" else 4)  # a day after an abort that failed
    caplog.clear()
    reasons.append("The bucket is gone.")
    cleanup.run(AT_ONCE, now=LONG_AFTER + 6 * DAY)
    assert [text for text in get_warnings(caplog) if "The bucket is gone." in text] != []

    MemoryBackend.faults.clear()
    for days in (8, 9):
        assert cleanup.run(AT_ONCE, now=LONG_AFTER + days * DAY).failed == 0
    assert (statuses(), StorageDeletion.objects.count()) == ([], 0)


def get_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
