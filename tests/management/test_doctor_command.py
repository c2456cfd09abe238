"""manage.py fileman_doctor: what works, what does not, and what became of an upload."""

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.utils import timezone

from fileman import uploads
from fileman.backends import get_backend
from fileman.errors import StorageUnavailable, UploadLost
from fileman.models import File, FileManager, StorageDeletion
from fileman.testing.memory import MemoryBackend
from tests.uploads.driver import (
    caller_of,
    configured,
    file_of,
    finish,
    send,
    send_slice,
    start,
    stored_paths,
    token_of,
    upload,
)

PARTS = {"SINGLE_REQUEST_MAX_BYTES": 10, "PART_SIZE_BYTES": 100}
ARRIVED = "All bytes have arrived. finalizeUpload was not called, or did not complete."
NOTHING = "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs)."


def run(*arguments: str) -> tuple[str, str]:
    """What the command prints, and what it fails with."""
    output = StringIO()
    try:
        call_command("fileman_doctor", *arguments, stdout=output)
    except CommandError as error:
        return output.getvalue(), str(error)
    return output.getvalue(), ""


def look(file: File) -> list[str]:
    """The lines about one file that nothing is wrong with."""
    output, fault = run("--file", str(file.pk))
    assert fault == ""
    return [line.strip() for line in output.splitlines()]


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


class TestOneFile:
    def test_nothing_has_arrived(self, user: User, manager: FileManager) -> None:
        """The browser was refused, or has not begun."""
        file = file_of(start(user, now=timezone.now()))

        assert look(file) == [
            "notes.txt: pending, 5 bytes",
            "at its file path: nothing",
            "at its upload path: nothing",
            NOTHING,
        ]

    def test_everything_has_arrived_and_nobody_called_finalize(self, user: User, manager: FileManager) -> None:
        ticket = start(user, now=timezone.now())
        send(ticket, now=timezone.now())

        assert look(file_of(ticket))[1:] == ["at its file path: nothing", "at its upload path: 5 bytes", ARRIVED]

    @pytest.mark.parametrize(
        ("arrived", "verdict"),
        [
            ([], NOTHING),
            ([1, 3], "100 of 250 bytes have not arrived. refreshUpload returns the missing requests."),
            ([1, 2, 3], ARRIVED),
        ],
    )
    def test_parts(self, user: User, manager: FileManager, arrived: list[int], verdict: str) -> None:
        with configured(**PARTS):
            data, now = bytes(250), timezone.now()
            ticket = start(user, data, "large.bin", now=now)
            assert ticket.instructions is not None
            for request in ticket.instructions.requests:
                if request.slice.part_number in arrived:
                    send_slice(ticket, request.slice, data, now=now)

            assert look(file_of(ticket))[-1] == verdict

    def test_what_the_storage_was_never_told_of_or_has_forgotten(
        self, user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with configured(**PARTS):
            file = file_of(start(user, bytes(250), "large.bin", now=timezone.now()))

            def forgotten(*_: Any) -> Any:
                raise UploadLost

            monkeypatch.setattr(MemoryBackend, "missing", forgotten)
            assert look(file)[-1] == NOTHING
            file.upload_state.pop("begun")
            file.save(update_fields=["upload_state"])
            assert look(file)[-1] == NOTHING

    def test_a_completed_file_is_in_order(self, user: User, manager: FileManager) -> None:
        file = upload(user, now=timezone.now())

        lines = look(file)

        assert lines[:2] == ["notes.txt: completed, 5 bytes", "at its file path: 5 bytes"]
        assert lines[-1] == "The file is complete and in order."

    @pytest.mark.parametrize(
        ("replacement", "verdict"),
        [
            (None, "The stored object is gone. Something other than fileman has deleted it."),
            (b"longer", "The stored object has another size. Something other than fileman has replaced it."),
            (
                b"hallo",
                "The stored object was written again later, for example by a restored backup. Compare its checksum.",
            ),
        ],
    )
    def test_a_completed_file_whose_object_is_no_longer_it(
        self, user: User, local_manager: FileManager, replacement: bytes | None, verdict: str
    ) -> None:
        """Somebody else was at the storage."""
        file = upload(user, now=timezone.now())
        stored = Path(local_manager.settings["base_path"], file.file_path)
        stored.unlink()
        if replacement is not None:
            stored.write_bytes(replacement)

        output, fault = run("--file", str(file.pk))

        assert output.splitlines()[-1].strip() == verdict
        assert fault == "The stored object differs from the published file."

    def test_how_an_ended_upload_ended(self, user: User, manager: FileManager) -> None:
        now = timezone.now()
        failed, aborted = start(user, now=now), start(user, now=now)
        send(failed, b"hello", now=now)
        finish(user, failed, now=now, file_size=6)
        uploads.abort(caller=caller_of(user), upload_token=token_of(aborted), now=now)
        lapsed = start(user, now=now - timedelta(days=2))

        assert look(file_of(failed))[-1] == ("This upload has failed: The storage holds 5 bytes; fileSize is 6.")
        assert look(file_of(aborted))[-1] == "This upload was aborted. Start a new one."
        assert look(file_of(lapsed))[-1] == "This upload has expired. Start a new one."

    def test_looking_changes_nothing(self, user: User, manager: FileManager) -> None:
        """Neither rows nor objects, and the token is not told."""
        ticket = start(user, now=timezone.now())
        send(ticket, now=timezone.now())
        done = upload(user, now=timezone.now())
        before = (list(File.objects.values()), list(StorageDeletion.objects.values()), stored_paths(manager))

        output = [run("--file", str(file.pk)) for file in (file_of(ticket), done)]

        assert (list(File.objects.values()), list(StorageDeletion.objects.values()), stored_paths(manager)) == before
        assert token_of(ticket) not in str(output)

    def test_a_storage_that_is_away_is_said_to_be(self, user: User, manager: FileManager) -> None:
        file = upload(user, now=timezone.now())

        def away(*_: str) -> None:
            raise StorageUnavailable

        MemoryBackend.faults.append(away)

        assert run("--file", str(file.pk)) == ("", f"The storage cannot be asked: {StorageUnavailable.message}")

    def test_an_id_of_no_file(self, db: None) -> None:
        absent = "6f9f1c1e-0b1b-4d4c-9a57-3a4f5a0c0f11"
        assert run("--file", absent) == ("", f"No file has the id {absent}.")
        with pytest.raises(CommandError, match="invalid UUID value: '12'"):
            call_command("fileman_doctor", "--file", "12")


def test_the_backend_of_the_tests_is_asked_for_real(manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the storage's."""
    monkeypatch.setattr(type(get_backend(manager)), "validate_configuration", lambda _: (False, ["It burns.", "Help."]))

    assert run() == ("Memory (memory):\n  It burns.\n  Help.\n", "1 of 1 file managers do not work.")
