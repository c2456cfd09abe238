"""Faults that a test orders: the next matching requests are refused, cut off or left without a response."""

from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, kw_only=True)
class Fault:
    method: str = ""
    """Only requests of this method; empty for any."""
    path_contains: str = ""
    """Only requests whose path and query contain this string, as sent; empty for any."""
    times: int = 1
    """Number of matching requests that meet it."""
    status: int | None = None
    """Refuse with this status and do nothing."""
    cut_after_bytes: int | None = None
    """Treat the client as gone after this many bytes of the body."""
    drop_answer: bool = False
    """Do the work, then close the connection without a response."""


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
        """Return the oldest fault that matches a request, or a harmless one."""
        with self._lock:
            for place, (fault, left) in enumerate(self._waiting):
                if fault.method in ("", method) and fault.path_contains in target:
                    self._waiting[place : place + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return Fault()
