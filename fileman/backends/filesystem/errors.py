"""Map errors of the operating system to fileman errors, and log them for the operator."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fileman.errors import FileMissing, StorageFull, StorageMisconfigured, StorageUnavailable

_NEEDS_AN_OPERATOR = frozenset(
    {
        errno.EACCES,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EPERM,
        errno.EROFS,
        errno.EXDEV,
    }
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_logger = logging.getLogger("fileman.backends.filesystem")


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise fileman errors for errors of the operating system. Works as a decorator too."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing from error
    except OSError as error:
        _log(error, error.strerror or repr(error))
        if error.errno in _NEEDS_AN_OPERATOR:
            raise StorageMisconfigured from error
        if error.errno in _FULL:
            raise StorageFull from error
        raise StorageUnavailable from error
    except StorageMisconfigured as error:
        _log(error, error.message)
        raise


def _log(error: Exception, reason: str) -> None:
    """Log what happened, with the paths that the tree has noted, relative to base_path."""
    paths = ", ".join(repr(path) for path in getattr(error, "__notes__", ()))
    _logger.warning("%s: %s", reason, paths)
