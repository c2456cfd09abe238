"""Files below one folder: the only module that passes a path of the filesystem backend to the operating system."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from fileman.backends.filesystem import entries
from fileman.backends.filesystem.entries import FOLDER
from fileman.backends.filesystem.settings import FilesystemSettings
from fileman.backends.values import StoredObject
from fileman.errors import FileMissing, StorageMisconfigured

_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_WITHOUT_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY})  # POSIX allows EEXIST; EBUSY: a mount
_REMOVE_ATTEMPTS = 10
_FOREIGN_PATH = "This path is not the path of a stored file."
_MISSING_FOLDER = "The folder {} of the storage is missing and create_directories is off. Mount or create it."


@dataclass(frozen=True)
class Tree:
    """Paths are relative to `settings.root`, with "/". Raises OSError, which `storage_errors` maps.

    With `settings.create_directories` off, a missing root or folder directly below it raises StorageMisconfigured.
    New files and folders have exactly the modes of the settings, whatever the umask.
    """

    settings: FilesystemSettings

    @contextmanager
    def at(self, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Yield the open folder that contains a path, and the last name of the path. THE CHOKE POINT OF PATH SAFETY.

        Walks from the root by descriptors and never through a symbolic link, so a path cannot leave the root, not even
        when a folder is replaced meanwhile. The caller opens the last name and must not follow a link either.
        """
        *folders, name = names = path.split("/")
        try:
            if not all(map(entries.is_plain, names)):  # before any system call
                raise StorageMisconfigured(_FOREIGN_PATH)
            descriptor = self._descend(self._open_root(create=create), folders[:1], create=create, must_exist=True)
            descriptor = self._descend(descriptor, folders[1:], create=create)
            try:
                yield descriptor, name
            finally:
                os.close(descriptor)
        except (OSError, StorageMisconfigured) as error:
            if path not in getattr(error, "__notes__", ()):
                error.add_note(path)  # for the log: the operating system names only the last part, or nothing
            raise

    def _open_root(self, *, create: bool) -> int:
        try:
            # The root may be, or be behind, a symbolic link: the operator chose it.
            return os.open(self.settings.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            if not self.settings.create_directories:
                raise StorageMisconfigured(_MISSING_FOLDER.format("base_path")) from error
            if not create:
                raise
        folders = PurePosixPath(self.settings.root).parts[1:]
        return self._descend(os.open("/", FOLDER), folders, create=True, flags=FOLDER & ~os.O_NOFOLLOW)

    def _descend(
        self, descriptor: int, folders: Sequence[str], *, create: bool, must_exist: bool = False, flags: int = FOLDER
    ) -> int:
        """Return the folder at the end of a path below an open one, which is closed."""
        for folder in folders:
            parent = descriptor
            try:
                descriptor = os.open(folder, flags, dir_fd=parent)
            except FileNotFoundError as error:
                # Also for a read: the disk of this folder may not be mounted, so nothing is known about its files.
                if must_exist and not self.settings.create_directories:
                    raise StorageMisconfigured(_MISSING_FOLDER.format(folder)) from error
                if not create:
                    raise
                self._create_folder(parent, folder)
                descriptor = os.open(folder, FOLDER, dir_fd=parent)
            finally:
                os.close(parent)
        return descriptor

    def _create_folder(self, parent: int, folder: str) -> None:
        with suppress(FileExistsError):  # another call makes it at the same moment
            os.mkdir(folder, self.settings.folder_mode, dir_fd=parent)
            with entries.open_entry(folder, FOLDER, parent=parent) as descriptor:
                os.fchmod(descriptor, self.settings.folder_mode)
                os.fsync(parent)

    def find(self, path: str) -> os.stat_result | None:
        """Return the facts of a regular file, None for a folder or a missing file."""
        try:
            with self.at(path) as (folder, name):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return None if stat.S_ISDIR(found.st_mode) else _regular(found)

    def get(self, path: str, *, checksums: Mapping[str, str] | None = None) -> StoredObject:
        """Return the facts of the file at a path, with what was computed over it. Raises FileMissing."""
        found = self.find(path)
        if found is None:
            raise FileMissing
        return to_stored_object(path, found, checksums=checksums)

    @contextmanager
    def opened(self, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
        """Yield a descriptor of a regular file. O_CREAT makes a missing one, and its name is on the disk then."""
        create, flags = bool(flags & os.O_CREAT), flags | _FILE
        with self.at(path, create=create) as (folder, name), entries.open_entry(name, flags, parent=folder) as opened:
            if _regular(os.fstat(opened)).st_size == 0 and create:
                os.fchmod(opened, self.settings.file_mode)
                os.fsync(folder)
            yield opened

    def write(self, path: str, chunks: Iterable[bytes], *, temporary: str) -> None:
        """Write a temporary file, sync it to the disk and link it to its path. Raises FileExistsError.

        Any error removes the temporary file. A killed process leaves it, but never a file at `path`.
        """
        flags = _FILE | os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with self.at(temporary, create=True) as (folder, name), ExitStack() as cleanup:
            with entries.open_entry(name, flags, parent=folder) as descriptor:
                cleanup.callback(entries.remove_entry, name, parent=folder)
                os.fchmod(descriptor, self.settings.file_mode)
                for chunk in chunks:
                    entries.write_all(descriptor, chunk)
                entries.seal(descriptor)
            self.link(temporary, path)

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
                entries.move_create_only(old, new, from_folder=from_folder, to_folder=to_folder)
            os.fsync(to_folder)

    def has_marker(self, path: str, *, create: bool = False) -> bool:
        """Return True if the folder directly below the root that contains a path is marked. `create`: mark it."""
        flags = _FILE | (os.O_CREAT if create else 0)
        with suppress(FileNotFoundError), self.at(f"{path.partition('/')[0]}/any", create=create) as (folder, _):
            os.close(os.open(entries.MARKER, flags, 0o600, dir_fd=folder))
            return True
        return False

    def remove(self, path: str) -> bool:
        """Remove a file or a link, never the target of a link. Return False if it is missing."""
        with suppress(FileNotFoundError), self.at(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)
            return True
        return False

    def remove_folder(self, path: str) -> None:
        """Remove a folder of plain files, and files that others add meanwhile. A missing folder is not an error."""
        with suppress(FileNotFoundError), self.at(path) as (parent, name):
            for attempts_left in reversed(range(_REMOVE_ATTEMPTS)):
                with entries.open_entry(name, FOLDER, parent=parent) as folder:
                    for entry in os.listdir(folder):  # noqa: PTH208 - pathlib takes no descriptor
                        entries.remove_entry(entry, parent=folder)
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

    def files(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield path and facts of the regular files whose path begins with `prefix`. Skips names that are not ours."""
        above, slash, beginning = prefix.rpartition("/")
        with suppress(FileNotFoundError), self.at(f"{above}{slash}any") as (folder, _):
            yield from entries.walk(folder, f"{above}{slash}", beginning=beginning)


def get_etag(found: os.stat_result) -> str:
    """Return the same for every name of one file. No file is ever changed after it got its name."""
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def to_stored_object(path: str, found: os.stat_result, *, checksums: Mapping[str, str] | None = None) -> StoredObject:
    """Return the facts of a file as those of an object."""
    modified, etag = datetime.fromtimestamp(found.st_mtime, tz=UTC), get_etag(found)
    return StoredObject(path=path, size=found.st_size, etag=etag, checksums=checksums or {}, modified=modified)


def _regular(found: os.stat_result) -> os.stat_result:
    if not stat.S_ISREG(found.st_mode):
        raise StorageMisconfigured(_FOREIGN_PATH)
    return found
