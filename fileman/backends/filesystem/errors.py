"""Map errors of the operating system to fileman errors, and log them for the operator."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fileman.errors import FileMissing, StorageFull, StorageMisconfigured, StorageUnavailable

_NEEDS_AN_OPERATOR = frozenset(
    {errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS, errno.EXDEV}
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_logger = logging.getLogger("fileman.backends.filesystem")


@contextmanager
def storage_errors(level: int = logging.WARNING) -> Iterator[None]:
    """Raise fileman errors for errors of the operating system. Works as a decorator too."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing from error
    except (OSError, StorageMisconfigured) as error:
        reason = error.message if isinstance(error, StorageMisconfigured) else error.strerror or repr(error)
        paths = ", ".join(repr(path) for path in getattr(error, "__notes__", ()))  # noted by the tree
        _logger.log(level, "%s: %s", reason, paths)
        if isinstance(error, StorageMisconfigured):
            raise
        if error.errno in _NEEDS_AN_OPERATOR:
            raise StorageMisconfigured from error
        raise (StorageFull if error.errno in _FULL else StorageUnavailable) from error
