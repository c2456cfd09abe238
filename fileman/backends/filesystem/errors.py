"""Map errors of the operating system to fileman errors."""

import errno
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


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise fileman errors for errors of the operating system. Works as a decorator too."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileMissing from error
    except OSError as error:
        if error.errno in _NEEDS_AN_OPERATOR:
            raise StorageMisconfigured from error
        if error.errno in _FULL:
            raise StorageFull from error
        raise StorageUnavailable from error
