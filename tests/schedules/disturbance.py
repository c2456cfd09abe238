"""What a schedule does to the requests and statements of a call, on a virtual clock.

A fault names its place in the call and what happens there. The place is a request to the storage, as "publish 0" or
"stat 1", or a statement, as "database 5"; they are counted from 0. What happens to a request:

    refused, forbidden, absent   the request has no effect, and an error as its answer
    hangs, late                  no answer within the time-out; the effect never comes, or whenever it `arrives`
    lost                         the effect, then no answer
    repeated                     the effect, and later once more, as load balancers repeat a PUT
    goes on                      a copy that the storage only begins; it ends when it `arrives`
    slow                         the answer comes just within the time-out
    page, pages                  a page answers a question for facts in place of the storage: once, or from then on
    killed, killed after, killed late    SIGKILL before the effect, after it, or with it on its way
    exited, exited after         SystemExit instead of SIGKILL: the process still runs its handlers
    ("meanwhile", seconds, step, ...)    the process stops so long and other steps are taken, then the effect
    ("afterwards", seconds, step, ...)   the same between the effect and its answer

To a statement: killed, exited, fails (the connection breaks) and meanwhile. A step is the name of a method of `World`,
or ("finalize", faults), and is about the same upload.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from django.db import OperationalError, connection

from fileman import conf
from fileman.backends.time_limit import start_call, time_limit
from fileman.errors import FilemanError, FileMissing, StorageMisconfigured, StorageUnavailable

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SLOW_SECONDS = 9.0
Fault = str | tuple[Any, ...]
Faults = Mapping[str, Fault]
T = TypeVar("T")


class Killed(BaseException):
    """The process is gone. No request and no statement of its call follows."""


class DatabaseGone(OperationalError):
    """The connection broke during a statement, which had no effect."""


class Clock:
    """The time of the whole schedule."""

    def __init__(self) -> None:
        self.now = START

    def get(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(kw_only=True)
class Effect:
    """What a request does to the storage, whenever it arrives."""

    name: str
    path: str
    began: datetime
    """When the call began that sent it."""
    apply: Callable[[], Any]
    until: datetime | None = None
    """The storage refuses it from then on."""
    goes_on: bool = False
    """True for a copy that the storage has begun and reports about."""
    has_arrived: bool = False


@dataclass(kw_only=True)
class Call:
    """One call of the product's public functions, in a process of its own."""

    began: datetime
    subject: Any
    """The upload it is about, for the steps that are taken meanwhile."""
    faults: Faults
    fired: dict[str, Fault] = field(default_factory=dict)
    """The faults whose place was reached."""
    claims_checksum: bool = False
    is_dead: bool = False
    sees_pages: bool = False
    waited_seconds: float = 0
    """For the storage's answers."""
    count: Counter[str] = field(default_factory=Counter)

    def next_fault(self, site: str) -> Fault | None:
        fault = self.peek_fault(site)
        if fault is not None:
            self.fired[f"{site} {self.count[site]}"] = fault
        self.count[site] += 1
        return fault

    def peek_fault(self, site: str) -> Fault | None:
        return self.faults.get(f"{site} {self.count[site]}") if self.faults else None


class Disturbance:
    """Runs calls inside each other, and their requests and statements by the faults of the innermost call."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.late: list[Effect] = []
        self.arrived: Callable[[Effect], None] = lambda _: None
        """Told of every effect."""
        self.run: Callable[[str, Faults], None] = lambda _, __: None
        """Takes a step of the schedule by its name."""

    # Storage

    def request(
        self,
        name: str,
        path: str,
        apply: Callable[[], T],
        *,
        changes: bool = False,
        page: Callable[[], T] | None = None,
        repeats: bool = True,
    ) -> T:
        """Send one request. `page`: what a page in place of the storage makes of it. `repeats`: it may come twice."""
        start_call()
        call = self.calls[-1]
        if call.is_dead:
            raise Killed
        fault = call.next_fault(name)
        effect = Effect(name=name, path=path, began=call.began, apply=apply)
        if fault in ("page", "pages"):
            call.sees_pages = fault == "pages"
            return self._show_page(page)
        if call.sees_pages:
            return self._show_page(page)
        with time_limit(None):
            answer: T = self._answer(call, fault, effect, changes=changes, repeats=repeats)
        return answer

    def _show_page(self, page: Callable[[], T] | None) -> T:
        if page is None:
            raise StorageUnavailable
        return page()

    def _answer(self, call: Call, fault: Fault | None, effect: Effect, *, changes: bool, repeats: bool) -> Any:  # noqa: C901
        match fault:
            case "refused":
                raise StorageUnavailable
            case "forbidden":
                raise StorageMisconfigured
            case "absent":
                raise FileMissing
            case "hangs" | "late" | "lost":
                if fault == "lost":
                    self._apply_quietly(effect)
                elif fault == "late" and changes:
                    self.late.append(effect)
                self._wait(call, conf.settings().full_timeout_seconds)
                raise StorageUnavailable
            case "slow":
                self._wait(call, SLOW_SECONDS)
            case "repeated" if changes and repeats:
                self.late.append(Effect(name=effect.name, path=effect.path, began=effect.began, apply=effect.apply))
            case "killed" | "killed after" | "killed late" | "exited" | "exited after":
                self._end_process(call, fault, effect, changes=changes)
            case ("meanwhile", seconds, *steps):
                self._pause(seconds, steps)
            case ("afterwards", seconds, *steps):
                result = self.apply(effect)
                self._pause(seconds, steps)
                return result
        return self.apply(effect)

    def _end_process(self, call: Call, fault: str, effect: Effect, *, changes: bool) -> None:
        if fault.endswith("after"):
            self._apply_quietly(effect)
        elif fault.endswith("late") and changes:
            self.late.append(effect)
        if fault.startswith("exited"):
            raise SystemExit
        call.is_dead = True
        raise Killed

    def _wait(self, call: Call, seconds: float) -> None:
        self.clock.advance(seconds)
        call.waited_seconds += seconds

    def _pause(self, seconds: float, steps: list[str | tuple[str, Faults]]) -> None:
        self.clock.advance(seconds)
        for step in steps:
            name, faults = step if isinstance(step, tuple) else (step, {})
            self.run(name, faults)

    def apply(self, effect: Effect) -> Any:
        """Let an effect come about now."""
        effect.has_arrived = True
        if effect.until is not None and effect.until <= self.clock.now:
            return None
        with time_limit(None):
            result = effect.apply()
        self.arrived(effect)
        return result

    def _apply_quietly(self, effect: Effect) -> None:
        with suppress(FilemanError):
            self.apply(effect)

    def arrive(self, number: int) -> None:
        """Let one late effect come about."""
        self._apply_quietly(self.late.pop(number % len(self.late)))

    def end_copies(self) -> None:
        """Let the storage end the copies that it has begun."""
        for effect in [effect for effect in self.late if effect.goes_on]:
            self.late.remove(effect)
            self._apply_quietly(effect)

    # Database

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Disturb one statement: an argument of `connection.execute_wrapper`."""
        if self.calls:
            self._disturb_statement(self.calls[-1], sql)
        return execute(sql, params, many, context)

    def _disturb_statement(self, call: Call, sql: str) -> None:
        if call.is_dead:
            if sql.startswith(("ROLLBACK", "RELEASE")):
                return  # what the database itself does when its client vanishes
            raise Killed
        match call.next_fault("database"):
            case "killed":
                call.is_dead = True
                raise Killed
            case "exited":
                raise SystemExit
            case "fails":
                raise DatabaseGone
            case ("meanwhile", seconds, *steps) if not connection.in_atomic_block:
                self._pause(seconds, steps)
