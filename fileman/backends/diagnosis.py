"""A probe for the diagnosis of every backend: it tries calls, continues after errors and reports each problem once."""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TypeVar
from uuid import uuid4

from fileman.errors import StorageError

PROBE: Final = b"fileman probe"  # content of the objects that a diagnosis writes
PROBE_SECONDS: Final = 60  # lifetime of the URLs that a diagnosis signs
_Result = TypeVar("_Result")


class Probe:
    """Collects the problems of one configuration, for one use.

    `explain(deed, error)` turns a StorageError into a sentence for an operator; `errors` maps the SDK's errors to one.
    """

    def __init__(
        self,
        prefix: str,
        explain: Callable[[str, StorageError], str],
        errors: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.folder = f"{prefix}.uploads/"
        """Prefix of every object that a diagnosis lists or writes."""
        self._explain = explain
        self._errors = errors
        self._problems: dict[str, None] = {}

    @property
    def problems(self) -> list[str]:
        """Sentences in the order of their discovery, each once."""
        return list(self._problems)

    def new_path(self) -> str:
        """Return the path of an object that does not exist yet."""
        return f"{self.folder}probe-{uuid4()}"

    def report(self, problem: str) -> None:
        """Add a problem."""
        self._problems[problem] = None

    def attempt(self, deed: str, call: Callable[[], _Result]) -> _Result | None:
        """Return the call's result, or report its error and return None. `deed` names the permission or step."""
        try:
            with self._errors():
                return call()
        except StorageError as error:
            self.report(self._explain(deed, error))
            return None


def describe_lock(name: str) -> str:
    """Return the sentence for a bucket or container that keeps what is deleted; no probe is written there."""
    return f"{name} keeps its objects, so deletions wait until it allows them. No test objects were written."


def missing_permission(name: str) -> str:
    """Return the sentence for credentials that lack a permission."""
    return f"The credentials lack the permission {name}."


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Return True if one of the patterns, each with any number of asterisks, matches the whole text."""
    return any(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) for pattern in patterns)
