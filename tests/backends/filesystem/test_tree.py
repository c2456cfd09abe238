"""Safe paths, exact modes and the creation of folders."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fileman.backends.filesystem.backend import FilesystemBackend
from fileman.errors import StorageMisconfigured
from tests.backends.filesystem.folder import files_below, make, put, upload_of


def mode_of(entry: Path) -> int:
    return stat.S_IMODE(entry.lstat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> FilesystemBackend:
    return make(root)


UNSAFE = [
    "../outside",
    "uploads/../../outside",
    "uploads/..",
    "..",
    ".",
    "",
    "/etc/passwd",
    "/",
    "uploads/",
    "uploads//name",
    "uploads/./name",
    "uploads/na\0me",
    "uploads/na\nme",
    "uploads/na\x7fme",
    "uploads/na\x85me",
    "uploads/na\udcffme",
    "uploads\\name",
    "..\\outside",
    "uploads/*",
    "uploads/?",
    "uploads/[a]",
]


class TestPaths:
    @pytest.mark.parametrize("unsafe", UNSAFE)
    def test_an_unsafe_path_is_refused_before_any_system_call(
        self, backend: FilesystemBackend, unsafe: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upload = upload_of(backend, 3, upload_path=unsafe)
        for name in ("open", "stat", "mkdir", "unlink", "link"):
            monkeypatch.setattr(os, name, _never)

        for call in (
            lambda: backend.stat(unsafe),
            lambda: list(backend.read(unsafe)),
            lambda: put(backend, upload, b"abc"),
            lambda: backend.missing(upload),
            lambda: backend.assemble(upload),
            lambda: backend.abort(upload),
        ):
            with pytest.raises(StorageMisconfigured):
                call()
        assert [failure.path for failure in backend.delete([unsafe])] == [unsafe]

    def test_a_prefix_cannot_lead_out_either(self, backend: FilesystemBackend, root: Path) -> None:
        root.mkdir()
        (root.parent / "secret").write_text("secret")

        with pytest.raises(StorageMisconfigured):
            list(backend.list_objects("../"))

    def test_a_symbolic_link_to_a_folder_is_not_entered(self, backend: FilesystemBackend, root: Path) -> None:
        """Neither to read, nor to write, delete or list."""
        outside = root.parent / "outside"
        outside.mkdir()
        (outside / "name").write_bytes(b"secret")
        root.mkdir()
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

    def test_a_symbolic_link_to_a_file_is_not_followed(self, backend: FilesystemBackend, root: Path) -> None:
        """Deleting removes the link, never what it points to."""
        secret = root.parent / "secret"
        secret.write_bytes(b"secret")
        (root / "uploads").mkdir(parents=True)
        (root / "uploads" / "name").symlink_to(secret)

        with pytest.raises(StorageMisconfigured):
            backend.stat("uploads/name")
        with pytest.raises(StorageMisconfigured):
            list(backend.read("uploads/name"))
        assert list(backend.list_objects("")) == []
        assert backend.delete(["uploads/name"]) == []
        assert secret.read_bytes() == b"secret"

    def test_a_named_pipe_does_not_hang_a_reader(self, backend: FilesystemBackend, root: Path) -> None:
        (root / "uploads").mkdir(parents=True)
        os.mkfifo(root / "uploads" / "pipe")

        with pytest.raises(StorageMisconfigured):
            list(backend.read("uploads/pipe"))

    def test_a_folder_with_the_same_beginning_is_another_folder(self, backend: FilesystemBackend, root: Path) -> None:
        """/a/rootx is not inside /a/root."""
        sibling = root.parent / "rootx"
        sibling.mkdir()
        (sibling / "name").write_bytes(b"secret")
        root.mkdir()

        with pytest.raises(StorageMisconfigured):
            backend.stat("../rootx/name")

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


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("a system call was made")


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

        with umask(mask):
            put(backend, single, b"abc")
            backend.publish(single, backend.stat(single.upload_path))
            put(backend, large, b"abc", part_number=1)
            put(backend, large, b"de", part_number=2)
            parts = [entry for entry in top.rglob("*.parts/*") if not entry.is_dir()]
            part_modes = {mode_of(entry) for entry in parts}
            backend.assemble(large)

        assert (len(parts), part_modes) == (2, {file_mode})
        created = [top, *top.rglob("*")]
        assert {mode_of(entry) for entry in created if entry.is_dir()} == {folder_mode}
        assert {mode_of(entry) for entry in created if not entry.is_dir()} == {file_mode}


class TestCreateDirectories:
    def test_a_missing_base_path_is_an_error_and_stays_missing(self, root: Path) -> None:
        backend = make(root, create_directories=False)

        for call in (
            lambda: put(backend, upload_of(backend, 3), b"abc"),
            lambda: backend.stat("uploads/name"),
        ):
            with pytest.raises(StorageMisconfigured, match="create_directories is off"):
                call()
        assert [failure.path for failure in backend.delete(["uploads/name"])] == ["uploads/name"]
        assert not root.exists()

    @pytest.mark.parametrize("missing", ["uploads", ".uploads"])
    def test_a_missing_folder_directly_below_is_an_error_and_stays_missing(self, root: Path, missing: str) -> None:
        """Its disk is not mounted. So an absent file is not reported as absent, and a list is not reported as empty."""
        (root / {"uploads": ".uploads", ".uploads": "uploads"}[missing]).mkdir(parents=True)
        backend = make(root, create_directories=False)
        upload = upload_of(backend, 3, upload_path=f"{missing}/manager/file")

        for call in (
            lambda: put(backend, upload, b"abc"),
            lambda: backend.stat(upload.upload_path),
            lambda: list(backend.list_objects(f"{missing}/")),
        ):
            with pytest.raises(StorageMisconfigured, match=f"The folder {missing} of the storage is missing"):
                call()
        assert [failure.path for failure in backend.delete([upload.upload_path])] == [upload.upload_path]
        assert not (root / missing).exists()

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
