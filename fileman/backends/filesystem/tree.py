"""Files below one folder: the only module that passes a path of the filesystem backend to the operating system."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from fileman.backends.filesystem.entries import FOLDER, is_plain, move_create_only, remove_files, seal, walk, write_all
from fileman.errors import StorageMisconfigured, UploadInProgress

_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WITHOUT_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY})  # POSIX allows EEXIST; EBUSY: a mount
_REMOVE_ATTEMPTS = 10
_FOREIGN_PATH = "This path is not the path of a stored file."


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Paths are relative to `root`, with "/". Raises OSError, which `storage_errors` maps."""

    root: str
    """Absolute."""
    create_folders: bool
    """False: a missing root or a missing folder directly below it raises StorageMisconfigured."""
    file_mode: int
    folder_mode: int
    """Modes of new files and folders, whatever the umask."""

    @contextmanager
    def at(self, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the open folder that contains a path, and the last name of the path. THE CHOKE POINT OF PATH SAFETY.

        Walks from the root by descriptors and never through a symbolic link, so a path cannot leave the root, not even
        when a folder is replaced meanwhile. The caller opens the last name and must not follow a link either.
        """
        with _noting(path):
            *folders, name = _split(path)
            descriptor = self._open_root(create=create)
            try:
                for depth, folder in enumerate(folders):
                    parent = descriptor
                    descriptor = self._enter(parent, folder, create=create, must_exist=depth == 0)
                    os.close(parent)
                yield descriptor, name
            finally:
                os.close(descriptor)

    def _open_root(self, *, create: bool) -> int:
        try:
            # The root may be, or be behind, a symbolic link: the operator chose it.
            return os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if not self.create_folders:
                raise _missing_folder("base_path") from error
            if not create:
                raise
        return self._create_root()

    def _create_root(self) -> int:
        descriptor = os.open("/", FOLDER)
        for folder in PurePosixPath(self.root).parts[1:]:
            parent = descriptor
            try:
                descriptor = self._enter(parent, folder, create=True, flags=FOLDER & ~os.O_NOFOLLOW)
            finally:
                os.close(parent)
        return descriptor

    def _enter(self, parent: int, folder: str, *, create: bool, must_exist: bool = False, flags: int = FOLDER) -> int:
        try:
            return os.open(folder, flags, dir_fd=parent)
        except FileNotFoundError as error:
            # Also for a read: the disk of this folder may not be mounted, and then nothing is known about its files.
            if must_exist and not self.create_folders:
                raise _missing_folder(folder) from error
            if not create:
                raise
        return self._create_folder(parent, folder)

    def _create_folder(self, parent: int, folder: str) -> int:
        try:
            os.mkdir(folder, self.folder_mode, dir_fd=parent)
        except FileExistsError:
            return os.open(folder, FOLDER, dir_fd=parent)
        descriptor = os.open(folder, FOLDER, dir_fd=parent)
        try:
            os.fchmod(descriptor, self.folder_mode)
            os.fsync(parent)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def find(self, path: str) -> os.stat_result | None:
        """Return the facts of a regular file, None for a folder or a missing file."""
        try:
            with self.at(path) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return None if stat.S_ISDIR(found.st_mode) else _regular(found)

    @contextmanager
    def opened(self, path: str, *, write: bool = False) -> Iterator[int]:
        """Yield a descriptor of a regular file. `write` creates a missing one."""
        flags = _FILE | (os.O_RDWR | os.O_CREAT if write else os.O_RDONLY)
        with self.at(path, create=write) as (folder, name):
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        try:
            with _noting(path):
                _regular(os.fstat(descriptor))
                if write:
                    os.fchmod(descriptor, self.file_mode)
                yield descriptor
        finally:
            os.close(descriptor)

    def write(self, path: str, chunks: Iterable[bytes], *, temporary: str) -> None:
        """Write a temporary file, sync it to the disk and link it to its path. Raises FileExistsError.

        Any error removes the temporary file. A killed process leaves it, but never a file at `path`.
        """
        with self.at(temporary, create=True) as (folder, name):
            descriptor = os.open(name, _FILE | os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
            try:
                try:
                    os.fchmod(descriptor, self.file_mode)
                    for chunk in chunks:
                        write_all(descriptor, chunk)
                    seal(descriptor)
                finally:
                    os.close(descriptor)
                self.link(temporary, path)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name, never over an existing one. Raises FileExistsError.

        A file system without hard links moves the file, so that its first name is gone.
        """
        with self.at(source) as (from_folder, old), self.at(target, create=True) as (to_folder, new):
            try:
                os.link(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _WITHOUT_HARD_LINKS:
                    raise
                move_create_only(old, new, from_folder=from_folder, to_folder=to_folder)
            os.fsync(to_folder)

    def remove(self, path: str) -> None:
        """Remove a file or a link, never the target of a link. A missing file is not an error."""
        with suppress(FileNotFoundError), self.at(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    def remove_folder(self, path: str) -> None:
        """Remove a folder of plain files, and files that others add meanwhile. A missing folder is not an error."""
        with suppress(FileNotFoundError), self.at(path) as (parent, name):
            for attempts_left in reversed(range(_REMOVE_ATTEMPTS)):
                remove_files(name, parent=parent)
                try:
                    os.rmdir(name, dir_fd=parent)
                    break
                except OSError as error:
                    if error.errno != errno.ENOTEMPTY or not attempts_left:
                        raise
            os.fsync(parent)

    def remove_empty_folders(self, path: str) -> None:
        """Remove the empty folders above a path, from the lowest, but never one directly below the root."""
        folder = path.rpartition("/")[0]
        while "/" in folder:
            try:
                with suppress(FileNotFoundError), self.at(folder) as (parent, name):
                    os.rmdir(name, dir_fd=parent)
            except OSError as error:
                if error.errno not in _NOT_EMPTY:
                    raise
                return
            folder = folder.rpartition("/")[0]

    @contextmanager
    def locked(self, path: str) -> Iterator[None]:
        """Hold a lock that ends with the process. Raises UploadInProgress if another process or thread holds it."""
        with self.opened(path, write=True) as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UploadInProgress from None
            yield

    def files(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield path and facts of the regular files whose path begins with `prefix`. Skips names that are not ours."""
        above, slash, beginning = prefix.rpartition("/")
        with suppress(FileNotFoundError), self.at(f"{above}{slash}any") as (folder, _):
            yield from walk(folder, f"{above}{slash}", beginning=beginning)


@contextmanager
def _noting(path: str) -> Iterator[None]:
    """Note the path in every error, for the log: the operating system names only the last part, or nothing."""
    try:
        yield
    except (OSError, StorageMisconfigured) as error:
        if path not in getattr(error, "__notes__", ()):
            error.add_note(path)
        raise


def _split(path: str) -> list[str]:
    """Return the names in a path. Raises StorageMisconfigured for an unsafe one, before any system call."""
    names = path.split("/")
    if not all(is_plain(name) for name in names):
        raise StorageMisconfigured(_FOREIGN_PATH)
    return names


def _regular(found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise StorageMisconfigured(_FOREIGN_PATH)
    return found


def _missing_folder(name: str) -> StorageMisconfigured:
    return StorageMisconfigured(
        f"The folder {name} of the storage is missing and create_directories is off. Mount or create it."
    )
