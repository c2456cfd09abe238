"""Safe paths, exact modes and the creation of folders."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import DeleteFailure
from fileman.errors import StorageMisconfigured
from tests.backends.filesystem.folder import entries_below, failing, files_below, make, put, upload_of


def mode_of(entry: Path) -> int:
    return stat.S_IMODE(entry.lstat().st_mode)


UNSAFE = ["", ".", "..", "/", "../outside", "..\\outside", "/etc/passwd", "uploads/.fileman-storage"]
UNSAFE += ["uploads/", "uploads/..", "uploads//name"]
UNSAFE += ["uploads/./name", "uploads/../../outside", *(f"uploads/na{sign}me" for sign in "\0\n\x7f\x85\udcff\\*?[]")]


class TestPaths:
    @pytest.mark.parametrize("unsafe", UNSAFE)
    def test_an_unsafe_path_is_refused_before_any_system_call(
        self, backend: Backend, unsafe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = upload_of(backend, 3, upload_path=unsafe)
        for name in ("open", "stat", "mkdir", "unlink", "link"):
            monkeypatch.setattr(os, name, failing(errno.EIO))

        for call in (
            lambda: backend.stat(unsafe),
            lambda: list(backend.read(unsafe)),
            lambda: put(backend, upload, b"abc"),
            lambda: backend.missing(upload),
            lambda: backend.assemble(upload),
            lambda: backend.abort(upload),
            lambda: list(backend.list_objects(f"{unsafe}//")),
        ):
            with pytest.raises(StorageMisconfigured):
                call()
        reason = "This path is not the path of a stored file."
        assert backend.delete([unsafe]) == [DeleteFailure(path=unsafe, reason=reason)]

    def test_a_symbolic_link_to_a_folder_is_not_entered(self, backend: Backend, root: Path) -> None:
        """Neither to read, nor to write, delete or list."""
        outside = root.parent / "outside"
        outside.mkdir()
        (outside / "name").write_bytes(b"secret")
        (root / "uploads").rename(root / "marked")
        (root / "uploads").symlink_to(outside)
        upload = upload_of(backend, 3, upload_path="uploads/new")

        for call in (
            lambda: backend.stat("uploads/name"),
            lambda: list(backend.read("uploads/name")),
            lambda: put(backend, upload, b"abc"),
        ):
            with pytest.raises(StorageMisconfigured):
                call()
        assert [failure.path for failure in backend.delete(["uploads/name"])] == ["uploads/name"]
        assert list(backend.list_objects("")) == []
        assert files_below(outside) == ["name"]

    def test_a_symbolic_link_to_a_file_is_not_followed(self, backend: Backend, root: Path) -> None:
        """Deleting removes the link, never what it points to. A named pipe does not hang a reader."""
        secret = root.parent / "secret"
        secret.write_bytes(b"secret")
        (root / "uploads").mkdir(exist_ok=True)
        (root / "uploads" / "name").symlink_to(secret)
        os.mkfifo(root / "uploads" / "pipe")

        for path in ("uploads/name", "uploads/pipe"):
            with pytest.raises(StorageMisconfigured):
                backend.stat(path)
            with pytest.raises(StorageMisconfigured):
                list(backend.read(path))
        assert list(backend.list_objects("")) == []
        assert backend.delete(["uploads/name"]) == []
        assert secret.read_bytes() == b"secret"

    def test_the_base_path_itself_may_be_a_symbolic_link(self, root: Path) -> None:
        """The operator chose it. The location is the folder it leads to, so one place has one name."""
        real = root.parent / "real"
        real.mkdir()
        root.symlink_to(real)
        backend = make(root)
        upload = upload_of(backend, 3)

        put(backend, upload, b"abc")

        assert (real / upload.upload_path).read_bytes() == b"abc"
        assert backend.location() == make(real).location() == f"file:{real}"


class TestModes:
    @pytest.mark.parametrize("mask", [0o000, 0o077], ids=["umask 000", "umask 077"])
    @pytest.mark.parametrize(
        ("settings", "file_mode", "folder_mode"),
        [
            ({}, 0o600, 0o700),
            ({"permissions": 0o644, "directory_permissions": 0o755}, 0o644, 0o755),
            ({"permissions": "0o664", "directory_permissions": "775"}, 0o664, 0o775),
        ],
        ids=["default", "numbers", "texts"],
    )
    def test_modes_are_exact_whatever_the_umask(
        self, tmp_path: Path, mask: int, settings: dict[str, Any], file_mode: int, folder_mode: int
    ) -> None:
        """Every file and every created folder, single and in parts."""
        top = tmp_path / "created"
        backend = make(top / "deep" / "root", **settings)
        single, large = upload_of(backend, 3), upload_of(backend, 5, part_size=3)

        before = os.umask(mask)
        try:
            put(backend, single, b"abc")
            backend.publish(single, backend.stat(single.upload_path))
            put(backend, large, b"abc", part_number=1)
            put(backend, large, b"de", part_number=2)
            parts = [entry for entry in top.rglob("*.parts/*") if not entry.is_dir()]
            part_modes = {mode_of(entry) for entry in parts}
            backend.assemble(large)
        finally:
            os.umask(before)

        assert (len(parts), part_modes) == (2, {file_mode})
        created = [top, *top.rglob("*")]
        assert {mode_of(entry) for entry in created if entry.is_dir()} == {folder_mode}
        assert {mode_of(entry) for entry in created if not entry.is_dir()} == {file_mode}


class TestCreateDirectories:
    @pytest.mark.parametrize(("gone", "there"), [("base_path", ""), ("uploads", ".uploads"), (".uploads", "uploads")])
    def test_a_missing_folder_is_an_error_and_stays_missing(self, root: Path, gone: str, there: str) -> None:
        """Its disk is not mounted. So an absent file is not reported as absent, and a list is not reported as empty."""
        if there:
            (root / there).mkdir(parents=True)
        backend = make(root, create_directories=False)
        folder = gone if there else "uploads"
        upload = upload_of(backend, 3, upload_path=f"{folder}/manager/file")
        before = entries_below(root.parent)

        for call in (
            lambda: put(backend, upload, b"abc"),
            lambda: backend.stat(upload.upload_path),
            lambda: list(backend.list_objects(f"{folder}/")),
        ):
            with pytest.raises(StorageMisconfigured, match=f"The folder {gone} of the storage is missing"):
                call()
        assert [failure.path for failure in backend.delete([upload.upload_path])] == [upload.upload_path]
        assert entries_below(root.parent) == before

    def test_with_the_two_folders_there_everything_works(self, root: Path) -> None:
        """The backend creates all other folders itself."""
        backend = make(root, create_directories=False)
        (root / "uploads").mkdir(parents=True)
        (root / ".uploads").mkdir()
        upload = upload_of(backend, 5, part_size=3)

        put(backend, upload, b"abc", part_number=1)
        put(backend, upload, b"de", part_number=2)
        backend.publish(upload, backend.assemble(upload))

        assert (root / upload.file_path).read_bytes() == b"abcde"
        assert backend.validate_configuration() == (True, [])
