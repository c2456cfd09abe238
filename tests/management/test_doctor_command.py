"""manage.py fileman_doctor: what works, what does not, what became of an upload, and what to do."""

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from fileman import cleanup, files, uploads
from fileman.backends import get_backend
from fileman.errors import FileMissing, StorageUnavailable, UploadLost
from fileman.management.commands import fileman_doctor
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket, transitions
from tests.uploads.driver import (
    DAY,
    DEADLINE,
    NOW,
    caller_of,
    configured,
    file_of,
    finish,
    lose_key_of,
    send,
    send_slice,
    start,
    stored_paths,
    token_of,
    upload,
)

PARTS = {"SINGLE_REQUEST_MAX_BYTES": 10, "PART_SIZE_BYTES": 100}
MINUTE = timedelta(minutes=1)
NEW = "To do: The client starts a new upload. Cleanup removes this one."
AGAIN = "To do: The client calls refreshUpload, which begins it again, and sends all bytes again."
FINALIZE = "To do: The client calls finalizeUpload, or a sweep does it in its place: "
FIRST_LOOK = "at the first cleanup after 2026-11-23 12:05:00 UTC."
ARRIVED = "All bytes have arrived. finalizeUpload was not called, or did not complete."
NOTHING = "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs)."
RESTORE = "Find out what else writes to this storage. Restore the object, or delete the file."
UNKNOWN = "Nothing is known by this name, id, token or path."


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(NOW, monkeypatch)


def set_clock(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command believe that it is `now`."""
    monkeypatch.setattr(fileman_doctor, "timezone", SimpleNamespace(now=lambda: now))


def run(*arguments: str) -> tuple[str, str]:
    """What the command prints, and what it fails with."""
    output = StringIO()
    try:
        call_command("fileman_doctor", *arguments, stdout=output)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


def look(file: File | Ticket, *, fault: str = "") -> list[str]:
    """The lines about one file."""
    key = file.pk if isinstance(file, File) else file_of(file).pk
    output, found = run(str(key))
    assert found == fault
    return [line.strip() for line in output.splitlines()]


def explain(file: File | Ticket, *, fault: str = "") -> list[str]:
    """What is said of it after its facts."""
    facts = ("queued for deletion: ", "file path: ", "publishing requests: ")
    lines = look(file, fault=fault)
    last = max(number for number, line in enumerate(lines) if line.startswith(facts))
    return lines[last + 1 :]


def start_in_parts(user: User, *arrived: int) -> Ticket:
    """An upload of three parts, some of which have been sent."""
    data = bytes(250)
    ticket = start(user, data, "large.bin")
    assert ticket.instructions is not None
    for request in ticket.instructions.requests:
        if request.slice.part_number in arrived:
            send_slice(ticket, request.slice, data)
    return ticket


def fail(*_: Any) -> Any:
    raise StorageUnavailable


@pytest.fixture
def sent(user: User, manager: FileManager) -> Ticket:
    """An upload whose bytes have arrived."""
    ticket = start(user)
    send(ticket)
    return ticket


class TestFileManagers:
    def test_all_are_asked_and_what_works_is_said(self, manager: FileManager, group: Group, tmp_path: Path) -> None:
        folder = {"base_path": str(tmp_path / "files")}
        FileManager.objects.create(name="Disk", backend_type="file", settings=folder, group=group)

        assert run() == ("Disk (file, group editors): works.\nMemory (memory): works.\n", "")

    def test_each_fault_stands_below_its_file_manager_and_the_rest_is_asked_all_the_same(
        self, manager: FileManager, tmp_path: Path
    ) -> None:
        folder = {"base_path": str(tmp_path / "absent"), "create_directories": False}
        FileManager.objects.create(name="Disk", backend_type="file", settings=folder)
        FileManager.objects.create(name="Gone", backend_type="memory")
        FileManager.objects.filter(name="Gone").update(backend_type="tape")

        output, fault = run()

        absent, _, unknown = output.partition("Gone (tape):\n")
        assert absent.startswith(f"Disk (file):\n  The folder {tmp_path}/absent")
        assert unknown.startswith("  Unknown backend type 'tape'. Known types: file, ")
        assert unknown.endswith("\nMemory (memory): works.\n")
        assert fault == "2 of 3 file managers do not work."

    def test_settings_that_no_key_opens_are_a_fault_and_no_secret_is_told(self, manager: FileManager) -> None:
        keys = ["dGhpcyBpcyBhIGtleSBmb3IgdGhlIHRlc3RzIG9ubHk="]
        with configured(ENCRYPTION_KEYS=keys):
            output, fault = run()

        assert "No encryption key with id" in output
        assert keys[0] not in output
        assert fault == "1 of 1 file managers do not work."

    def test_one_can_be_named(self, manager: FileManager) -> None:
        FileManager.objects.create(name="Other", backend_type="memory")

        assert run("--manager", "Other") == ("Other (memory): works.\n", "")
        assert run("--manager", "Nobody") == ("", "No file manager is named 'Nobody'.")


class TestSubjects:
    """What an operator has in hand: a name, an id, a link, a token, a path."""

    @pytest.fixture
    def file(self, user: User, manager: FileManager) -> File:
        return upload(user)

    def test_a_file_manager_by_name_and_by_id(self, manager: FileManager) -> None:
        assert run("Memory") == run(str(manager.pk)) == ("Memory (memory): works.\n", "")

    def test_a_name_that_looks_like_a_path(self, db: None) -> None:
        FileManager.objects.create(name="teams/uploads", backend_type="memory")

        assert run("teams/uploads") == ("teams/uploads (memory): works.\n", "")

    def test_a_file_by_everything_that_names_it(self, file: File, user: User, manager: FileManager) -> None:
        ids = [str(file.pk), *(b64encode(f"{kind}:{file.pk}".encode()).decode() for kind in ("File", "HostFile"))]
        paths = [file.upload_path, file.stored_path, f"{file.folder}7/late.txt", f"s3://bucket/a/{file.stored_path}"]

        assert {run(subject) for subject in (*ids, *paths)} == {run("--file", str(file.pk))}

    def test_an_upload_by_its_token_which_is_not_repeated(self, sent: Ticket) -> None:
        output, fault = run(token_of(sent))

        assert output == run("--file", str(file_of(sent).pk))[0]
        assert token_of(sent) not in output + fault

    def test_a_file_of_fileman_0_1_by_its_path_which_two_file_managers_may_have(self, user: User, file: File) -> None:
        other = FileManager.objects.create(name="Other", backend_type="memory")
        second = upload(user, filename="second.txt", into=other)
        File.objects.filter(pk__in=[file.pk, second.pk]).update(file_path="uploads/old-3f2a.txt")

        output, fault = run("uploads/old-3f2a.txt")

        assert output.count("file path: uploads/old-3f2a.txt, nothing") == 2
        gone = "The stored object is gone. Something other than fileman has deleted it."
        assert fault == f"{gone} {gone}"

    def test_an_object_whose_row_is_gone_and_whose_deletion_is_queued(
        self, user: User, file: File, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            files.delete(caller=caller_of(user), file_id=file.pk, now=NOW)
        paths = (file.upload_path, file.stored_path)
        due = [
            f"  {path}, next attempt {until}, watched until {until}"
            for path, until in zip(paths, ["2026-11-23 13:00:00 UTC", "2026-11-24 12:00:00 UTC"], strict=True)
        ]
        gone = "The file's row is gone: it was deleted, or cleanup removed it. Its objects are queued:"

        for subject in (str(file.pk), *paths):
            assert run(subject) == ("\n".join([gone, *due, ""]), "")

    def test_a_queued_deletion_that_the_storage_refuses(self, user: User, manager: FileManager) -> None:
        """One of fileman 0.1, which is known by its path alone."""
        StorageDeletion.objects.create(
            file_manager=manager,
            path="uploads/old.txt",
            due_at=NOW,
            watch_until=NOW,
            created=NOW,
            attempts=2,
            last_error="It is locked.",
        )

        output, fault = run("uploads/old.txt")

        assert output.splitlines()[1:] == [
            "  uploads/old.txt, next attempt 2026-11-23 12:00:00 UTC, watched until 2026-11-23 12:00:00 UTC, "
            "2 attempts failed: It is locked."
        ]
        assert fault == "The storage refuses the deletion. Cleanup tries again."

    @pytest.mark.parametrize(
        "subject", ["Nobody", str(uuid4()), f"uploads/{uuid4()}/1/a.txt", "uploads/old.txt", "a-mistyped-token", ""]
    )
    def test_what_nobody_knows_is_not_repeated(self, db: None, subject: str) -> None:
        hint = " If an object is there, cleanup_expired_uploads --reconcile finds it." if "/" in subject else ""
        assert run(subject) == ("", UNKNOWN + hint)

    def test_an_id_of_no_file(self, db: None) -> None:
        absent = "6f9f1c1e-0b1b-4d4c-9a57-3a4f5a0c0f11"
        assert run("--file", absent) == ("", f"No file has the id {absent}.")
        with pytest.raises(CommandError, match="invalid UUID value: '12'"):
            call_command("fileman_doctor", "--file", "12")
        with pytest.raises(CommandError, match="not allowed with argument"):
            call_command("fileman_doctor", "Memory", "--file", absent)


class TestUnfinishedUploads:
    """Everything that is stuck, and the whole of what is said of it."""

    def test_nothing_has_arrived(self, user: User, manager: FileManager) -> None:
        """The browser was refused, or has not begun."""
        file = file_of(start(user))

        assert look(file) == [
            "notes.txt: pending, 5 bytes",
            f"id: {file.pk}",
            "file manager: Memory",
            "created: 2026-11-23 12:00:00 UTC",
            "last change: 2026-11-23 12:00:00 UTC",
            "deadline: 2026-11-24 12:00:00 UTC, finalize until 2026-11-24 12:15:00 UTC",
            "lease: none",
            "sweep: at the first cleanup after 2026-11-23 12:05:00 UTC",
            "publishing requests: 0",
            f"upload path: .uploads/{manager.pk}/{file.pk}, nothing",
            "parts: 0 of 1, missing: 1",
            f"file path: uploads/{file.pk}/..., nothing",
            NOTHING,
            "To do: Look at the requests in the client. refreshUpload returns new ones.",
        ]

    @configured(**PARTS)
    @pytest.mark.parametrize(
        ("arrived", "parts", "verdict"),
        [
            ([], "0 of 3, missing: 1-3", NOTHING),
            ([1, 3], "2 of 3, missing: 2", "100 of 250 bytes have not arrived."),
            ([2], "1 of 3, missing: 1, 3", "150 of 250 bytes have not arrived."),
        ],
    )
    def test_parts_are_missing(
        self, user: User, manager: FileManager, arrived: list[int], parts: str, verdict: str
    ) -> None:
        lines = look(start_in_parts(user, *arrived))

        assert f"parts: {parts}" in lines
        assert lines[-2] == verdict
        if arrived:
            assert (
                lines[-1]
                == "To do: The client calls refreshUpload, which returns the missing requests, and sends them."
            )

    def test_everything_has_arrived_and_nobody_called_finalize(self, sent: Ticket) -> None:
        assert f"upload path: {file_of(sent).upload_path}, 5 bytes" in look(sent)
        assert explain(sent) == [ARRIVED, FINALIZE + FIRST_LOOK]

    @configured(**PARTS)
    def test_all_parts_have_arrived(self, user: User, manager: FileManager) -> None:
        assert explain(start_in_parts(user, 1, 2, 3)) == [ARRIVED, FINALIZE + FIRST_LOOK]

    def test_the_sweep_is_due(self, sent: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
        set_clock(NOW + 5 * MINUTE, monkeypatch)
        assert explain(sent) == [ARRIVED, FINALIZE + "at the next cleanup."]

    @configured(SWEEP_UPLOADS=False)
    def test_the_sweep_is_off(self, sent: Ticket) -> None:
        assert explain(sent) == [ARRIVED, FINALIZE + "never, because SWEEP_UPLOADS is off."]

    @pytest.mark.parametrize("look_at", [None, DEADLINE + 15 * MINUTE])
    def test_the_sweep_comes_too_late(self, sent: Ticket, look_at: datetime | None) -> None:
        File.objects.update(look_at=look_at)
        assert explain(sent) == [ARRIVED, FINALIZE + "not any more."]

    def test_other_bytes_than_declared_have_arrived(self, sent: Ticket) -> None:
        File.objects.update(file_size=6)
        assert explain(sent) == [
            "The storage holds 5 bytes, but 6 were declared.",
            "To do: The client's finalizeUpload fails it for good. "
            "The client starts a new upload with the size of its file.",
        ]

    def test_an_attempt_works_right_now(self, sent: Ticket) -> None:
        transitions.claim(file_of(sent), now=NOW)

        assert "lease: until 2026-11-23 12:01:00 UTC" in look(sent)
        assert explain(sent) == [
            "A finalize attempt is working on it right now: it has a lease until 2026-11-23 12:01:00 UTC.",
            "To do: Wait. Calls return UPLOAD_IN_PROGRESS until then.",
        ]

    def test_an_attempt_has_died(self, sent: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
        transitions.claim(file_of(sent), now=NOW)
        set_clock(NOW + MINUTE, monkeypatch)

        assert "publishing requests: 1" in look(sent)
        assert explain(sent)[0] == (
            "A finalize attempt has died: its lease was until 2026-11-23 12:01:00 UTC, "
            "and it has neither completed nor released the upload."
        )

    @configured(CONTENT_VALIDATORS=["tests.validation.content_validators.find_virus"])
    def test_finalize_goes_on_over_several_calls(
        self, user: User, sent: Ticket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy that the storage has begun, and goes on with by itself."""

        def begin_copy(_: MemoryBackend, upload: Any, verified: Any) -> Any:
            upload.progress["copy"] = "pending"
            raise StorageUnavailable

        monkeypatch.setattr(MemoryBackend, "publish", begin_copy)
        finish(user, sent)

        assert "publishing requests: 1" in look(sent)
        assert explain(sent) == [
            "All bytes have arrived, and finalizeUpload goes on over several calls. Verified so far: "
            "checksum sha256, content type, content validators, publishing request 1 begun.",
            FINALIZE + FIRST_LOOK,
        ]

    @configured(**PARTS)
    def test_finalize_has_begun_to_assemble(
        self, user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ticket = start_in_parts(user, 1, 2, 3)

        def begin(_: MemoryBackend, upload: Any) -> Any:
            upload.progress["blocks"] = 2
            raise StorageUnavailable

        monkeypatch.setattr(MemoryBackend, "assemble", begin)
        finish(user, ticket)

        assert explain(ticket)[0].endswith("goes on over several calls. Verified so far: nothing yet.")

    @configured(**PARTS)
    def test_the_storage_has_lost_the_multipart_upload(
        self, user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forgotten(*_: Any) -> Any:
            raise UploadLost

        ticket = start_in_parts(user, 1)
        monkeypatch.setattr(MemoryBackend, "missing", forgotten)

        assert "parts: 0 of 3, missing: 1-3" in look(ticket)
        assert explain(ticket) == [
            "The storage has lost the multipart upload or session, and the parts with it.",
            AGAIN,
        ]

    @configured(**PARTS)
    def test_the_storage_was_never_told(self, user: User, manager: FileManager) -> None:
        file = file_of(start_in_parts(user))
        file.upload_state.pop("begun")
        file.save(update_fields=["upload_state"])

        assert explain(file) == ["The upload was not begun on the storage, because initiateUpload broke off.", AGAIN]

    def test_the_deadline_is_over_but_not_the_grace(
        self, user: User, sent: Ticket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        absent = start(user)
        set_clock(DEADLINE, monkeypatch)

        assert explain(sent) == [
            "All bytes have arrived. The deadline is over, but finalizeUpload is accepted until "
            "2026-11-24 12:15:00 UTC.",
            FINALIZE + "at the next cleanup.",
        ]
        assert explain(absent) == ["The deadline is over, and 5 of 5 bytes have not arrived.", NEW]

    def test_deadline_and_grace_are_over(self, sent: Ticket, monkeypatch: pytest.MonkeyPatch) -> None:
        set_clock(DEADLINE + 15 * MINUTE, monkeypatch)
        assert explain(sent) == [
            "The deadline and the time for finalizeUpload are over.",
            "To do: The client starts a new upload. Cleanup expires this one.",
        ]

    @pytest.mark.parametrize(
        ("obstacle", "sentence"),
        [
            ("deleted", "The uploader's account was deleted, so nobody can finish the upload."),
            ("inactive", "The uploader is inactive and cannot finish it."),
            ("left", "The uploader has left the group and cannot finish it."),
        ],
    )
    def test_the_uploader_cannot_finish_it(self, user: User, group: Group, obstacle: str, sentence: str) -> None:
        user.groups.add(group)
        team = FileManager.objects.create(name="Team", backend_type="memory", group=group)
        ticket = start(user, into=team)
        send(ticket)
        if obstacle == "deleted":
            user.delete()
        elif obstacle == "inactive":
            User.objects.update(is_active=False)
        else:
            user.groups.remove(group)

        assert explain(ticket) == [f"{ARRIVED} {sentence}", FINALIZE + "not any more."]

    def test_the_file_manager_is_inactive(self, user: User, sent: Ticket) -> None:
        FileManager.objects.update(is_active=False)

        inactive = "The file manager is inactive. Uploads that have begun go on."
        assert explain(sent) == [f"{ARRIVED} {inactive}", FINALIZE + FIRST_LOOK]
        assert finish(user, sent).error is None

    def test_the_storage_does_not_respond(self, sent: Ticket) -> None:
        MemoryBackend.faults.append(fail)
        verdict = "The storage cannot be asked: The storage is unavailable. Try again in a moment."

        lines = look(sent, fault=verdict)

        assert lines[0] == "notes.txt: pending, 5 bytes"
        assert lines[-3:] == [
            "publishing requests: 0",
            verdict,
            "To do: Run fileman_doctor for the file manager. An unfinished upload goes on when the storage does.",
        ]

    def test_the_key_of_the_file_manager_is_lost(self, manager: FileManager, sent: Ticket) -> None:
        lose_key_of(manager)

        output, fault = run(str(file_of(sent).pk))

        assert "publishing requests: 0\n  The storage cannot be asked: No encryption key with id" in output
        assert fault.startswith("The storage cannot be asked: No encryption key with id")


class TestEndedUploads:
    def test_failed(self, user: User, sent: Ticket) -> None:
        finish(user, sent, file_size=6)
        assert explain(sent) == ["The upload has failed: The storage holds 5 bytes; fileSize is 6.", NEW]

    def test_aborted_on_a_storage_that_refuses_the_deletion(
        self, user: User, sent: Ticket, django_capture_on_commit_callbacks: Any
    ) -> None:
        path = file_of(sent).upload_path
        MemoryBackend.faults.append(lambda name, *_: fail() if name == "delete" else None)
        with django_capture_on_commit_callbacks(execute=True):
            uploads.abort(caller=caller_of(user), upload_token=token_of(sent), now=NOW)

        assert look(sent)[-3:] == [
            f"queued for deletion: {path}, next attempt 2026-11-23 12:05:00 UTC, watched until "
            f"2026-11-23 13:00:00 UTC, 1 attempts failed: {StorageUnavailable.message}",
            "The upload was aborted by its client.",
            NEW,
        ]

    def test_expired(self, sent: Ticket) -> None:
        cleanup.run(cleanup.Request(older_than=timedelta(0), statuses=["pending"]), now=NOW + 2 * DAY)
        assert explain(sent) == [
            "The upload has expired: it was not finished in time, or the storage did not begin it.",
            NEW,
        ]


class TestCompletedFiles:
    def test_in_order(self, user: User, manager: FileManager) -> None:
        file = upload(user)

        lines = look(file)

        assert lines[0] == "notes.txt: completed, 5 bytes"
        assert lines[-2:] == [f"file path: {file.stored_path}, 5 bytes", "The file is complete and in order."]

    def test_completed_by_a_sweep(self, sent: Ticket) -> None:
        uploads.sweep(now=NOW + 5 * MINUTE)
        assert explain(sent) == [
            "The file is complete and in order. A sweep has completed it, because its client was gone."
        ]

    @pytest.mark.parametrize(
        ("replacement", "verdict", "advice"),
        [
            (None, "The stored object is gone. Something other than fileman has deleted it.", RESTORE),
            (b"longer", "The stored object has another size. Something other than fileman has replaced it.", RESTORE),
            (
                b"hallo",
                "The stored object was written again later, for example by a restored backup.",
                f"Compare its checksum. {RESTORE}",
            ),
        ],
    )
    def test_the_object_is_no_longer_it(
        self, user: User, local_manager: FileManager, replacement: bytes | None, verdict: str, advice: str
    ) -> None:
        """Somebody else was at the storage."""
        file = upload(user)
        stored = Path(local_manager.settings["base_path"], file.stored_path)
        stored.unlink()
        if replacement is not None:
            stored.write_bytes(replacement)

        assert explain(file, fault=verdict) == [verdict, f"To do: {advice}"]

    @pytest.mark.parametrize("unreadable", ["first byte", "last byte", "refused"])
    def test_the_storage_describes_an_object_that_it_cannot_serve(
        self, user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch, unreadable: str
    ) -> None:
        """A store that has lost the data but not the index, as by a broken disk or an archive tier."""
        file = upload(user)
        read = MemoryBackend.read
        broken = {"first byte": 0, "last byte": 4}.get(unreadable)

        def serve(self: MemoryBackend, path: str, *, start: int = 0, **more: Any) -> Iterator[bytes]:
            if unreadable == "refused":
                raise FileMissing
            return iter(()) if start == broken else read(self, path, start=start, **more)

        monkeypatch.setattr(MemoryBackend, "read", serve)
        reason = FileMissing.message if unreadable == "refused" else "The storage returns no bytes of it."
        verdict = f"The stored object cannot be read: {reason}"

        assert explain(file, fault=verdict) == [
            verdict,
            "To do: The storage describes the object but does not serve it: "
            "check its disks, its archive tier or its keys.",
        ]

    def test_looking_changes_nothing(self, user: User, manager: FileManager, sent: Ticket) -> None:
        """Neither rows nor objects."""
        done = upload(user)
        before = (list(File.objects.values()), list(StorageDeletion.objects.values()), stored_paths(manager))

        for file in (file_of(sent), done):
            look(file)

        assert (list(File.objects.values()), list(StorageDeletion.objects.values()), stored_paths(manager)) == before


def test_the_backend_of_the_tests_is_asked_for_real(manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the storage's."""
    monkeypatch.setattr(type(get_backend(manager)), "validate_configuration", lambda _: (False, ["It burns.", "Help."]))

    assert run() == ("Memory (memory):\n  It burns.\n  Help.\n", "1 of 1 file managers do not work.")
