"""The guard around every backend, third parties' included: only fileman's own errors leave one."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from fileman.errors import FilemanError, StorageError, StorageUnavailable

logger = logging.getLogger("fileman.backends")


@contextmanager
def guard(name: str, error_class: type[StorageError] = StorageUnavailable) -> Iterator[None]:
    """Turn every other exception into one of fileman's, with its traceback in the log. ImproperlyConfigured passes."""
    try:
        yield
    except (FilemanError, ImproperlyConfigured):
        raise
    except Exception as error:
        logger.exception("%s raised %s", name, type(error).__name__)
        raise error_class from error


def guard_method(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method with a guard around its call and its iterator; `validate_configuration` reports the error."""

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            with guard(method.__qualname__):
                result = method(*args, **kwargs)
        except FilemanError as error:
            if method.__name__ != "validate_configuration":
                raise
            kind = type(error.__cause__).__name__
            return False, [f"The check failed with {kind}. The log has details." if error.__cause__ else error.message]
        return _iterate(method.__qualname__, result) if isinstance(result, Iterator) else result

    return guarded


def _iterate(name: str, items: Iterator[Any]) -> Iterator[Any]:
    with guard(name):
        yield from items
