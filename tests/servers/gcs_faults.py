"""Faults that a test orders: the next matching requests are delayed, refused, cut off or left without an answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from tests.servers.gcs_http import Refused, Response

CONTROL_PREFIX = "/_front/control/"


@dataclass(frozen=True, kw_only=True)
class Fault:
    method: str = ""
    """Only requests of this method; empty for any."""
    path_contains: str = ""
    """Only requests whose path and query hold this text, as sent; empty for any."""
    times: int = 1
    """How many matching requests it hits."""
    delay_seconds: float = 0
    """How long each of them waits before anything else happens."""
    status: int | None = None
    """Refuse with this status and do nothing."""
    cut_after_bytes: int | None = None
    """Treat the client as gone once so many bytes of the body were read."""
    drop_answer: bool = False
    """Do the work, then close the connection without an answer."""

    def apply(self, respond: Callable[[], Response]) -> Response | None:
        """Return the answer, None for a dropped one."""
        time.sleep(self.delay_seconds)
        if self.status is not None:
            raise Refused(self.status, "backendError", "A fault that the test ordered")
        response = respond()
        return None if self.drop_answer else response


class Faults:
    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, target: str) -> Fault:
        """Return the oldest fault that hits this request, a harmless one if none does. Control requests meet none."""
        if target.startswith(CONTROL_PREFIX):
            return Fault()
        with self._lock:
            for place, (fault, left) in enumerate(self._waiting):
                if fault.method in ("", method) and fault.path_contains in target:
                    self._waiting[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return Fault()
