"""Files that the server itself makes: stored through the checks of any upload, and read back."""

import hashlib
import io
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User

from fileman import errors, files
from fileman.models import File, FileManager, StorageUsage
from fileman.testing.memory import MemoryBackend
from tests.flows.http_client import content
from tests.uploads.clock import NOW
from tests.uploads.driver import file_of, start, stored_paths
from tests.uploads.faults import break_storage, note_calls

MIB = 1024**2


def now() -> datetime:
    return NOW


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False


class TestStore:
    def test_a_path_is_stored_under_its_own_name(self, user: User, manager: FileManager, tmp_path: Path) -> None:
        path = tmp_path / "report.txt"
        path.write_bytes(b"hello")

        file = files.store(path, user=user, clock=now)

        file.refresh_from_db()
        assert (file.upload_status, file.original_filename, file.file_size) == (File.COMPLETED, "report.txt", 5)
        assert file.uploaded_by == user
        assert file.open().read() == b"hello"

    @pytest.mark.parametrize("kind", [io.BytesIO, Unseekable])
    def test_a_stream_is_read_from_its_position(self, user: User, manager: FileManager, kind: type[io.BytesIO]) -> None:
        stream = kind(b"skipped hello")
        stream.read(8)

        file = files.store(stream, user=user, filename="a.txt", metadata={"by": "cron"}, clock=now)

        assert (file.open().read(), file.metadata) == (b"hello", {"by": "cron"})

    def test_the_named_manager_takes_the_file(self, user: User, group: Group, manager: FileManager) -> None:
        user.groups.add(group)
        other = FileManager.objects.create(name="Editors", backend_type="memory", group=group)

        file = files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", manager=other, clock=now)

        assert (file.file_manager, file.group) == (other, group)

    def test_a_manager_out_of_reach_is_not_found(self, user: User, group: Group) -> None:
        other = FileManager.objects.create(name="Editors", backend_type="memory", group=group)

        with pytest.raises(errors.NotFound):
            files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", manager=other, clock=now)

        assert not File.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_a_declared_checksum_is_verified(self, user: User, manager: FileManager) -> None:
        wrong = f"sha256:{hashlib.sha256(b'other').hexdigest()}"

        with pytest.raises(errors.ChecksumMismatch):
            files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", checksum=wrong, clock=now)

        assert stored_paths(manager) == []
        assert StorageUsage.objects.get(user=user).bytes == 0

    @pytest.mark.parametrize(
        ("data", "filename", "error"),
        [
            (b"", "a.txt", errors.EmptyFile),
            (b"hello", "a.exe", errors.ExtensionNotAllowed),
            (b"hello", "", errors.InvalidFilename),
        ],
    )
    def test_a_refused_file_leaves_nothing(
        self, user: User, manager: FileManager, data: bytes, filename: str, error: type[Exception]
    ) -> None:
        manager.allowed_extensions = ["txt"]
        manager.save()

        with pytest.raises(error):
            files.store(io.BytesIO(data), user=user, filename=filename, clock=now)

        assert (File.objects.count(), stored_paths(manager)) == (0, [])

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("operation", ["write", "assemble", "publish"])
    def test_a_storage_that_fails_leaves_nothing(self, user: User, manager: FileManager, operation: str) -> None:
        """The injected fault: the first call of this operation fails."""
        failed = break_storage(on=operation, number=0)

        with pytest.raises(errors.StorageUnavailable):
            files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", clock=now)

        assert failed == [operation]
        assert File.objects.get().upload_status == File.ABORTED
        assert (stored_paths(manager), StorageUsage.objects.get(user=user).bytes) == ([], 0)


class TestOpen:
    def test_the_rest_is_read_in_one_request(self, user: User, manager: FileManager) -> None:
        file = files.store(io.BytesIO(content(3 * MIB)), user=user, filename="a.bin", clock=now)
        calls = note_calls()

        with file.open() as stream:
            stream.seek(1)
            assert len(stream.read()) == 3 * MIB - 1

        assert calls == [file.stored_path]

    def test_an_unfinished_one_cannot(self, user: User, manager: FileManager) -> None:
        with pytest.raises(errors.NotUploaded, match="not completed"):
            file_of(start(user)).open()

    def test_neither_a_replaced_nor_a_missing_object_is_served(self, user: User, manager: FileManager) -> None:
        file = files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", clock=now)
        file.etag = "another"

        with pytest.raises(errors.ObjectChanged):
            file.open().read()
        MemoryBackend.forget_all()
        with pytest.raises(errors.FileMissing):
            file.open().read()

    def test_a_position_before_the_start_is_refused(self, user: User, manager: FileManager) -> None:
        file = files.store(io.BytesIO(b"hello"), user=user, filename="a.txt", clock=now)

        with pytest.raises(ValueError, match="negative"):
            file.open().seek(-6, io.SEEK_END)
