"""manage.py fileman_doctor: what works, what does not, what became of an upload, and what to do."""

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from fileman import files, uploads
from fileman.backends import get_backend
from fileman.backends.diagnosis import Problem
from fileman.errors import FileMissing, StorageUnavailable, UploadLost
from fileman.management.commands import fileman_doctor
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from fileman.uploads import Ticket, transitions
from fileman.uploads.instructions import build_upload
from tests.uploads import driver
from tests.uploads.clock import DEADLINE, NOW
from tests.uploads.driver import caller_of, configured, file_of, finish, send, start, token_of, upload
from tests.uploads.faults import break_storage, lose_key_of

PARTS = {"SINGLE_REQUEST_MAX_BYTES": 10, "PART_SIZE_BYTES": 100}
MINUTE = timedelta(minutes=1)
CLOSING = DEADLINE + 15 * MINUTE
NEW = "To do: The client starts a new upload. Cleanup removes this one."
AGAIN = "To do: The client calls refreshUpload, which begins it again, and sends all bytes again."
REFRESH = "To do: The client calls refreshUpload, which returns the missing requests, and sends them."
FINALIZE = "To do: The client calls finalizeUpload, or a sweep does it in its place: "
FIRST_LOOK = FINALIZE + "at the first cleanup after 2026-11-23 12:05:00 UTC."
NEXT_LOOK = FINALIZE + "at the next cleanup."
NO_LOOK = FINALIZE + "not any more."
ARRIVED = "All bytes have arrived. finalizeUpload was not called, or did not complete."
NOTHING = "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs)."
REQUESTS = "To do: Look at the requests in the client. refreshUpload returns new ones."
RESTORE = "Find out what else writes to this storage. Restore the object, or delete the file."
UNREADABLE = "The storage describes the object but does not serve it: check its disks, its archive tier or its keys."
GONE = "The stored object is gone. Something other than fileman has deleted it."

ABSENT = "5f2d3c4b-0000-4000-8000-000000000000"
"""The id of no file: the same in every test process."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The command's. It stands at NOW."""
    clock = SimpleNamespace(now=lambda: NOW)
    monkeypatch.setattr(fileman_doctor, "timezone", clock)
    return clock


def run(*arguments: str) -> tuple[str, str]:
    """What the command prints, and what it fails with."""
    output = StringIO()
    try:
        call_command("fileman_doctor", *arguments, stdout=output)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


def look(file: File | Ticket, *, fault: str = "") -> list[str]:
    """The lines about one file, the facts first."""
    output, found = run(str(file.pk if isinstance(file, File) else file_of(file).pk))
    assert found == fault
    return [line.strip() for line in output.splitlines()]


@pytest.fixture
def file(user: User, manager: FileManager) -> File:
    return upload(user)


class TestFileManagers:
    def test_each_fault_stands_below_its_file_manager_and_the_rest_is_asked_all_the_same(
        self, manager: FileManager, group: Group, tmp_path: Path
    ) -> None:
        folder = {"base_path": str(tmp_path / "absent"), "create_directories": False}
        FileManager.objects.create(name="Disk", backend_type="file", settings=folder, group=group)
        FileManager.objects.create(name="Gone", backend_type="memory")
        FileManager.objects.filter(name="Gone").update(backend_type="tape")
        output, fault = run()

        absent, _, unknown = output.partition("Gone (tape):\n")
        assert absent.startswith(f"Disk (file, group editors):\n  {tmp_path}/absent: The folder base_path of")
        assert unknown.startswith("  Unknown backend type 'tape'. Known types: file, ")
        assert unknown.endswith("\nMemory (memory): works.\n")
        assert fault == "2 of 3 file managers do not work."

    def test_a_problem_has_a_line_and_its_fix_more(self, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same as JSON, with ids. The problems of an earlier backend are mere strings."""
        problems = [Problem("fire", "It burns.", {"water": 1}), "Help."]
        monkeypatch.setattr(MemoryBackend, "validate_configuration", lambda _: (False, problems))
        fault = "1 of 1 file managers do not work."

        assert run() == ('Memory (memory):\n  It burns.\n    {\n      "water": 1\n    }\n  Help.\n', fault)
        output, found = run("--json")

        assert found == fault
        [document] = json.loads(output)["managers"]
        assert (document["name"], document["id"]) == ("Memory", str(manager.pk))
        assert document["problems"] == [
            {"id": "fire", "message": "It burns.", "fix": {"water": 1}},
            {"id": "configuration", "message": "Help.", "fix": None},
        ]

    def test_json_is_one_document_whatever_is_asked_for(self, manager: FileManager, sent: Ticket) -> None:
        file = file_of(sent)

        assert json.loads(run("--json")[0])["managers"][0]["problems"] == []
        assert [entry["id"] for entry in json.loads(run("--json", str(file.pk))[0])["files"]] == [str(file.pk)]
        output, fault = run("--json", "Nobody")
        assert (json.loads(output), bool(fault)) == ({"managers": [], "files": [], "deletions": []}, True)

    def test_a_lost_key_is_a_fault_of_it_and_of_its_files(self, manager: FileManager, sent: Ticket) -> None:
        lose_key_of(manager)
        output, fault = run()
        assert output.startswith("Memory (memory):\n  No encryption key with id")
        assert fault == "1 of 1 file managers do not work."

        output, fault = run(str(file_of(sent).pk))
        assert "publishing requests: 0\n  The storage cannot be asked: No encryption key with id" in output
        assert fault.startswith("The storage cannot be asked: No encryption key with id")

    def test_one_can_be_named(self, manager: FileManager) -> None:
        """By its name, even if that looks like a path, or by its id."""
        FileManager.objects.create(name="teams/uploads", backend_type="memory")

        assert run("Memory") == run(str(manager.pk)) == ("Memory (memory): works.\n", "")
        assert run("teams/uploads") == run("--manager", "teams/uploads") == ("teams/uploads (memory): works.\n", "")
        assert run("--manager", "Nobody") == ("", "No file manager is named 'Nobody'.")


class TestSubjects:
    """What an operator has in hand of a file: an id, a link, a token, a path."""

    def test_a_file_by_everything_that_names_it(self, file: File) -> None:
        ids = [str(file.pk), *(b64encode(f"{kind}:{file.pk}".encode()).decode() for kind in ("File", "HostFile"))]
        paths = [file.upload_path, file.stored_path, f"{file.folder}7/late.txt", f"s3://bucket/a/{file.stored_path}"]

        assert {run(subject) for subject in (*ids, *paths)} == {run("--file", str(file.pk))}

    def test_an_upload_by_its_token_which_is_not_repeated(self, sent: Ticket) -> None:
        said = run(token_of(sent))
        assert said == run("--file", str(file_of(sent).pk))
        assert token_of(sent) not in "".join(said)

    def test_a_file_of_fileman_0_1_by_its_path_which_two_file_managers_may_have(self, user: User, file: File) -> None:
        upload(user, filename="second.txt", into=FileManager.objects.create(name="Other", backend_type="memory"))
        File.objects.update(file_path="uploads/old-3f2a.txt")

        output, fault = run("uploads/old-3f2a.txt")

        assert output.count("file path: uploads/old-3f2a.txt, nothing") == 2
        assert fault == f"{GONE} {GONE}"

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

        # A deletion of fileman 0.1 is known by its path alone. The storage refuses this one.
        refused = StorageDeletion.objects.filter(path=paths[0])
        refused.update(file_id=None, path="uploads/old.txt", attempts=2, last_error="No.")
        line = due[0].replace(paths[0], "uploads/old.txt") + ", 2 attempts failed: No."
        refusal = "The storage refuses the deletion. Cleanup tries again."
        assert run("uploads/old.txt") == ("\n".join([gone, line, ""]), refusal)

    @pytest.mark.parametrize(
        "subject", ["Nobody", ABSENT, f"uploads/{ABSENT}/1/a.txt", "uploads/old.txt", "a-mistyped-token", ""]
    )
    def test_what_nobody_knows_is_not_repeated(self, db: None, subject: str) -> None:
        hint = " If an object is there, cleanup_expired_uploads --reconcile finds it." if "/" in subject else ""
        assert run(subject) == ("", "Nothing is known by this name, id, token or path." + hint)

    def test_an_id_of_no_file(self, manager: FileManager) -> None:
        assert run("--file", str(manager.pk)) == ("", f"No file has the id {manager.pk}.")
        with pytest.raises(CommandError, match="invalid UUID value: '12'"):
            call_command("fileman_doctor", "--file", "12")
        with pytest.raises(CommandError, match="not allowed with argument"):
            call_command("fileman_doctor", "Memory", "--file", str(manager.pk))


# What happens to an upload whose bytes have arrived, when it is looked at, and what is said of it.
# fmt: off
EVENTS: list[tuple[Callable[[Any], object], datetime, list[str]]] = [
    (lambda _: None, NOW, [ARRIVED, FIRST_LOOK]),
    (lambda _: None, NOW + 5 * MINUTE, [ARRIVED, NEXT_LOOK]),
    (lambda _: File.objects.update(look_at=None), NOW, [ARRIVED, NO_LOOK]),
    (lambda _: File.objects.update(look_at=CLOSING), NOW, [ARRIVED, NO_LOOK]),
    (lambda _: None, DEADLINE,
     ["All bytes have arrived. The deadline is over, but finalizeUpload is accepted until 2026-11-24 12:15:00 UTC.",
      NEXT_LOOK]),
    (lambda _: User.objects.update(is_active=False), CLOSING,
     ["The deadline and the time for finalizeUpload are over.",
      "To do: The client starts a new upload. Cleanup expires this one."]),
    (lambda _: File.objects.update(file_size=6), NOW,
     ["The storage holds 5 bytes, but 6 were declared.",
      "To do: The client's finalizeUpload fails it for good. "
      "The client starts a new upload with the size of its file."]),
    (lambda sent: transitions.claim(file_of(sent), now=CLOSING - MINUTE / 2), CLOSING,
     ["A finalize attempt is working on it right now: it has a lease until 2026-11-24 12:15:30 UTC.",
      "To do: Wait. Calls return UPLOAD_IN_PROGRESS until then."]),
    (lambda sent: transitions.claim(file_of(sent), now=NOW), NOW + MINUTE,
     ["A finalize attempt has died: its lease was until 2026-11-23 12:01:00 UTC, "
      "and it has neither completed nor released the upload.",
      "To do: The client calls finalizeUpload, which takes over."]),
    (lambda _: User.objects.all().delete(), NOW,
     [f"{ARRIVED} The uploader's account was deleted, so nobody can finish the upload.", NO_LOOK]),
    (lambda _: User.objects.update(is_active=False), NOW,
     [f"{ARRIVED} The uploader is inactive and cannot finish it.", NO_LOOK]),
    (lambda _: FileManager.objects.update(group=Group.objects.create(name="others")), NOW,
     [f"{ARRIVED} The uploader has left the group and cannot finish it.", NO_LOOK]),
    (lambda _: FileManager.objects.update(is_active=False), NOW,
     [f"{ARRIVED} The file manager is inactive. Uploads that have begun go on.", FIRST_LOOK]),
    (lambda sent: finish(file_of(sent).uploaded_by, sent, file_size=6), NOW,
     ["The upload has failed: The storage holds 5 bytes; fileSize is 6.", NEW]),
    (lambda sent: transitions.abort(file_of(sent), now=NOW), NOW, ["The upload was aborted by its client.", NEW]),
    (lambda sent: transitions.expire(file_of(sent), now=NOW), NOW,
     ["The upload has expired: it was not finished in time, or the storage did not begin it.", NEW]),
    (lambda _: uploads.sweep(now=NOW + 5 * MINUTE), NOW,
     ["The file is complete and in order. A sweep has completed it, because its client was gone."]),
]
# Parts that have arrived, what happens to the upload, and what is said of it.
OF_THREE_PARTS: list[tuple[list[int], Callable[[], object], list[str], list[str]]] = [
    ([], lambda: None, ["parts: 0 of 3, missing: 1-3"], [NOTHING, REQUESTS]),
    ([1, 3], lambda: None, ["parts: 2 of 3, missing: 2"], ["100 of 250 bytes have not arrived.", REFRESH]),
    ([2], lambda: None, ["parts: 1 of 3, missing: 1, 3"], ["150 of 250 bytes have not arrived.", REFRESH]),
    ([1, 2, 3], lambda: None, [], [ARRIVED, FIRST_LOOK]),
    ([1], lambda: break_storage(UploadLost, on="missing"), ["parts: 0 of 3, missing: 1-3"],
     ["The storage has lost the multipart upload or session, and the parts with it.", AGAIN]),
    ([], lambda: forget_that_it_was_begun(File.objects.get()), ["parts: 0 of 3, missing: 1-3"],
     ["The upload was not begun on the storage, because initiateUpload broke off.", AGAIN]),
]
# What happens to a completed file, and what is said of it, first of all as the error.
WRONG: list[tuple[Callable[[File], object], str, str]] = [
    (lambda file: get_backend(file.file_manager).delete([file.stored_path]), GONE, f"To do: {RESTORE}"),
    (lambda _: File.objects.update(file_size=6),
     "The stored object has another size. Something other than fileman has replaced it.", f"To do: {RESTORE}"),
    (lambda _: File.objects.update(etag="earlier"),
     "The stored object was written again later, for example by a restored backup.",
     f"To do: Compare its checksum. {RESTORE}"),
    (lambda _: break_storage(FileMissing, on="read"),
     f"The stored object cannot be read: {FileMissing.message}", f"To do: {UNREADABLE}"),
    (lambda _: break_storage(StorageUnavailable),
     f"The storage cannot be asked: {StorageUnavailable.message}",
     "To do: Run fileman_doctor for the file manager. An unfinished upload goes on when the storage does."),
]
# fmt: on


def forget_that_it_was_begun(file: File) -> None:
    file.upload_state.pop("begun")
    file.save(update_fields=["upload_state"])


class TestUploads:
    def test_nothing_has_arrived(self, user: User, manager: FileManager, clock: SimpleNamespace) -> None:
        """The browser was refused, or has not begun. The whole of what is said."""
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
            REQUESTS,
        ]
        clock.now = lambda: DEADLINE
        assert look(file)[-2:] == ["The deadline is over, and 5 of 5 bytes have not arrived.", NEW]

    @pytest.mark.parametrize(("event", "now", "said"), EVENTS)
    def test_all_bytes_have_arrived(
        self, sent: Ticket, clock: SimpleNamespace, event: Callable[[Any], object], now: datetime, said: list[str]
    ) -> None:
        event(sent)
        clock.now = lambda: now
        assert look(sent)[-len(said) :] == said

    @configured(**PARTS)
    @pytest.mark.parametrize(("arrived", "event", "parts", "said"), OF_THREE_PARTS)
    def test_of_three_parts(
        self, user: User, manager: FileManager, arrived: list[int], event: Any, parts: list[str], said: list[str]
    ) -> None:
        ticket = start(user, bytes(250), "large.bin")
        for part in build_upload(file_of(ticket), now=NOW).slices():
            if part.part_number in arrived:
                driver.send_slice(ticket, part, bytes(250))
        event()

        lines = look(ticket)
        assert [line for line in lines if line.startswith("parts")] == parts
        assert lines[-2:] == said

    def test_an_upload_to_an_inactive_file_manager_goes_on(self, user: User, sent: Ticket) -> None:
        FileManager.objects.update(is_active=False)
        assert finish(user, sent).error is None

    @configured(SWEEP_UPLOADS=False)
    def test_the_sweep_is_off(self, sent: Ticket) -> None:
        assert look(sent)[-1] == FINALIZE + "never, because SWEEP_UPLOADS is off."

    @configured(**PARTS, CONTENT_VALIDATORS=["tests.validation.test_validators.find_virus"])
    @pytest.mark.parametrize(
        ("size", "call", "established"),
        [
            (5, "publish", "checksum sha256, content type, content validators, publishing request 1 begun"),
            (250, "assemble", "nothing yet"),
        ],
    )
    def test_finalize_goes_on_over_several_calls(
        self, user: User, manager: FileManager, size: int, call: str, established: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The storage has begun a copy or the joining of parts, and goes on with it by itself."""

        def begin(_: MemoryBackend, upload: Any, *more: Any) -> Any:
            upload.progress["begun"] = True
            raise StorageUnavailable

        ticket = start(user, bytes(size), "large.bin")
        send(ticket, bytes(size))
        monkeypatch.setattr(MemoryBackend, call, begin)
        finish(user, ticket)

        lines = look(ticket)
        assert f"publishing requests: {int(call == 'publish')}" in lines
        assert lines[-2:] == [
            f"All bytes have arrived, and finalizeUpload goes on over several calls. Verified so far: {established}.",
            FIRST_LOOK,
        ]

    def test_queued_deletions_are_among_the_facts(self, sent: Ticket) -> None:
        transitions.abort(file_of(sent), now=NOW)
        deletion = f"{file_of(sent).upload_path}, next attempt 2026-11-23 12:00:00 UTC"
        assert look(sent)[-3] == f"queued for deletion: {deletion}, watched until 2026-11-23 13:00:00 UTC"

    def test_completed_and_in_order(self, file: File) -> None:
        """Its queued deletions are not named unless they fail."""
        lines = look(file)
        assert lines[0] == "notes.txt: completed, 5 bytes"
        assert lines[-2:] == [f"file path: {file.stored_path}, 5 bytes", "The file is complete and in order."]

    @pytest.mark.parametrize(("event", "verdict", "advice"), WRONG)
    def test_wrong(self, file: File, event: Callable[[File], object], verdict: str, advice: str) -> None:
        event(file)
        assert look(file, fault=verdict)[-2:] == [verdict, advice]

    @pytest.mark.parametrize("broken", [0, 4], ids=["first byte", "last byte"])
    def test_a_store_that_has_lost_bytes_but_not_the_index(self, file: File, monkeypatch: Any, broken: int) -> None:
        monkeypatch.setattr(MemoryBackend, "read", lambda *_, start, **__: iter(() if start == broken else (b"o",)))
        verdict = "The stored object cannot be read: The storage returns no bytes of it."
        assert look(file, fault=verdict)[-2:] == [verdict, f"To do: {UNREADABLE}"]


def test_looking_changes_nothing(manager: FileManager, sent: Ticket, file: File) -> None:
    seen = []
    for subject in (sent, file, sent):
        rows = list(File.objects.values()), list(StorageDeletion.objects.values())
        seen.append((rows, driver.stored_paths(manager)))
        look(subject)
    assert seen == [seen[0]] * 3
