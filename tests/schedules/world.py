"""One schedule: clients, a storage and a clock, and the steps that a schedule may take. Every step is plain data."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any, Final, Literal
from uuid import UUID

from fileman import cleanup, deletion_queue, files, uploads
from fileman.backends import get_backend
from fileman.backends.values import Slice
from fileman.caller import Caller
from fileman.errors import FilemanError, NotFound, StorageError, UploadAborted, UploadInProgress, UploadStateError
from fileman.models import File, FileManager
from fileman.uploads import DeclaredFile, InitiateRequest, Outcome
from fileman.uploads.state import UploadState
from tests.schedules.disturbance import Call, Clock, DatabaseGone, Disturbance, Effect, Faults, Killed
from tests.schedules.storages import LATE_WRITE_SECONDS, Grant, Pinned

PART_BYTES = 16
LIVING_MOST = 3
URL_LIFE = timedelta(hours=1)
CALL_MOST_SECONDS = 20
Bytes = Literal["right", "other", "markup"]
Claims = Literal["", "right", "wrong size", "wrong checksum"]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
NO_FAULTS: Final[Faults] = {}


@dataclass(kw_only=True)
class Tracked:
    """What the model knows of one upload."""

    number: int
    user: Any
    data: bytes
    checksum: str | None
    grant: Grant | None = None
    token: str | None = None
    sent: set[str] = field(default_factory=set)
    """Kinds of bytes that were ever on their way."""
    claimed: set[str] = field(default_factory=set)
    completed: dict[str, bytes] | None = None
    """Path -> bytes of everything below its folder when it was committed."""
    claims_checksum: bool = False
    """True if the call that completed it gave the right checksum."""
    status: str = ""
    """Of the row, as it was last seen; empty if there is none."""
    deletion_asked: bool = False

    @property
    def id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def total_parts(self) -> int:
        return -(-len(self.data) // PART_BYTES)

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"

    @property
    def may_fail(self) -> bool:
        """Return True if bytes or claims contradict what was declared."""
        has_checksum = self.checksum is not None or bool(self.claimed & {"right", "wrong checksum"})
        wrong = bool(self.claimed & {"wrong size", "wrong checksum"})
        return wrong or "markup" in self.sent or ("other" in self.sent and has_checksum)

    def part(self, number: int) -> Slice:
        offset = (number - 1) * PART_BYTES
        return Slice(part_number=number, offset=offset, length=min(PART_BYTES, len(self.data) - offset))

    def get_bytes(self, kind: Bytes, number: int) -> bytes:
        size = len(self.data)
        other = SIGNATURE + hashlib.shake_128(b"other").digest(size - len(SIGNATURE))
        data = {"right": self.data, "other": other, "markup": (b"<html><svg >" * size)[:size]}[kind]
        part = self.part(number)
        return data[part.offset : part.offset + part.length]


class World:
    """Takes steps. `which` names one of the last uploads, counted from the newest; any number names one."""

    def __init__(self, disturbance: Disturbance, manager: FileManager, users: list[Any]) -> None:
        self.disturbance, self.manager, self.users = disturbance, manager, users
        self.clock: Clock = disturbance.clock
        disturbance.arrived, disturbance.run = self._watch, self._take_meanwhile
        backend = get_backend(manager)
        assert isinstance(backend, Pinned)
        self.storage = backend
        self.tracked: list[Tracked] = []
        self.problems: list[str] = []
        self.too_late: set[str] = set()
        """Paths at which something may be left: a request had its effect later than is promised to be cleaned up."""
        self.next_id: UUID | None = None
        """Of the file that `initiate` makes."""
        self.steps = 0
        """Calls of the product, effects of late or direct requests, and moves of the clock."""
        self.fired: Faults = {}
        """The faults of the last call whose place was reached."""

    def pick(self, which: int, *, unfinished: bool = False) -> Tracked | None:
        """Return that of a call which is under way, else one of the last. `unfinished`: of these, if there is any."""
        if self.disturbance.calls:
            subject: Tracked | None = self.disturbance.calls[-1].subject
            return subject
        last = self.tracked[-LIVING_MOST - 1 :]
        last = [one for one in last if unfinished and one.status in File.UNFINISHED] or last
        return last[-1 - which % len(last)] if last else None

    @property
    def has_unfinished(self) -> bool:
        return any(one.status in File.UNFINISHED for one in self.tracked[-LIVING_MOST - 1 :])

    # Steps

    def initiate(self, which: int, *, parts: bool, checksum: str | None, faults: Faults = NO_FAULTS) -> None:
        """Initiate a file of one or three requests as one of the users, unless enough uploads are alive."""
        if sum(one.status in File.UNFINISHED for one in self.tracked) >= LIVING_MOST:
            return
        number = len(self.tracked) + 1
        data = SIGNATURE + hashlib.shake_128(str(number).encode()).digest((40 if parts else 16) - len(SIGNATURE))
        declared = checksum and f"{checksum}:{hashlib.new(checksum, data, usedforsecurity=False).hexdigest()}"
        user = self.users[which % len(self.users)]
        self.tracked.append(Tracked(number=number, user=user, data=data, checksum=declared))
        self._initiate(self.tracked[-1], faults)

    def initiate_again(self, which: int, *, faults: Faults = NO_FAULTS) -> None:
        """Repeat an initiate, as a client does that got no answer."""
        if (one := self.pick(which)) and one.token is None and one.status in ("", *File.UNFINISHED):
            self._initiate(one, faults)

    def _initiate(self, one: Tracked, faults: Faults) -> None:
        size, key = len(one.data), f"key {one.number}"
        declared = DeclaredFile(filename="a.png", size=size, content_type="image/png", checksum=one.checksum)
        request = InitiateRequest(files=[declared], file_manager_id=self.manager.pk, idempotency_key=key)
        call = partial(uploads.initiate, caller=self._caller(one), request=request, now=self.clock.now)
        self.next_id = one.id
        batch = self._call("initiate", call, one, faults)
        if batch is not None and (ticket := batch.tickets[0]).instructions is not None:
            one.token = ticket.upload_token
            self._grant(one, ticket.file, ticket.instructions)

    def send(self, which: int, *, part: int, kind: Bytes, faults: Faults = NO_FAULTS) -> None:
        """Send a slice through our own view."""
        one = self.pick(which)
        if one is None or one.grant is None or one.grant.until <= self.clock.now:
            return
        number = part % one.total_parts + 1
        one.sent.add(kind)
        stream = BytesIO(one.get_bytes(kind, number))
        call = partial(uploads.receive, file_id=one.id, part=one.part(number), stream=stream, now=self.clock.now)
        self._call("receive", call, one, faults, may_raise=(NotFound, UploadStateError, StorageError))

    def put(self, which: int, *, part: int = 0, kind: Bytes = "other", late: bool = False) -> None:
        """Send a slice straight to the storage, over what is there. By default of other bytes."""
        one = self.pick(which)
        if one is None or one.grant is None or one.grant.until <= self.clock.now:
            return
        self.steps += 1
        number = part % one.total_parts + 1
        one.sent.add(kind)
        effect = Effect(
            name="put",
            path=one.grant.upload_path,
            began=self.clock.now,
            apply=partial(self.storage.put, one.grant, number, one.get_bytes(kind, number)),
            until=one.grant.until + timedelta(seconds=LATE_WRITE_SECONDS),
        )
        if late:
            self.disturbance.late.append(effect)
        else:
            self.disturbance.apply(effect)

    def put_all(self, which: int) -> None:
        """Send all the right bytes straight to the storage."""
        if one := self.pick(which):
            for part in range(one.total_parts):
                self.put(which, part=part, kind="right")

    def refresh(self, which: int, *, by_id: bool = True, faults: Faults = NO_FAULTS) -> None:
        one = self.pick(which)
        if one is None or (one.token is None and not by_id):
            return
        key: dict[str, Any] = {"file_id": one.id} if by_id else {"upload_token": one.token}
        call = partial(uploads.refresh, caller=self._caller(one), now=self.clock.now, **key)
        self._learn(one, self._call("refresh", call, one, faults, may_raise=(NotFound, StorageError, UploadAborted)))

    def finalize(self, which: int, *, claims: Claims = "", faults: Faults = NO_FAULTS) -> None:
        if one := self.pick(which, unfinished=True):
            self.finalize_one(one, claims, faults)

    def finalize_one(self, one: Tracked, claims: Claims = "", faults: Faults = NO_FAULTS) -> None:
        if one.token is None:
            return
        one.claimed.add(claims)
        size = {"": None, "wrong size": 1}.get(claims, len(one.data))
        checksum = {"right": one.digest, "wrong checksum": f"sha256:{64 * '0'}"}.get(claims)
        call = partial(uploads.finalize, file_size=size, checksum=checksum, now=self.clock.now)
        call = partial(call, caller=self._caller(one), upload_token=one.token)
        self._learn(one, self._call("finalize", call, one, faults, claims_checksum=claims == "right"))

    def abort(self, which: int, *, faults: Faults = NO_FAULTS) -> None:
        one = self.pick(which)
        if one is not None and one.token is not None:
            call = partial(uploads.abort, caller=self._caller(one), upload_token=one.token, now=self.clock.now)
            self._call("abort", call, one, faults)

    def delete(self, which: int, *, faults: Faults = NO_FAULTS) -> None:
        """Delete the file, or abort the unfinished upload, by deleteFile."""
        if one := self.pick(which):
            self.delete_one(one, faults)

    def delete_one(self, one: Tracked, faults: Faults = NO_FAULTS) -> None:
        one.deletion_asked = True
        call = partial(files.delete, caller=self._caller(one), file_id=one.id, now=self.clock.now)
        self._call("delete", call, one, faults, may_raise=(NotFound, UploadInProgress, StorageError))

    def remove(self, which: int, *, faults: Faults = NO_FAULTS) -> None:
        """Delete the row by Django, as a cascade in the host project does."""
        if one := self.pick(which):
            one.deletion_asked = True
            self._call("remove", File.objects.filter(pk=one.id).delete, one, faults)

    def cleanup(self, which: int = 0, *, hours: int = 0, faults: Faults = NO_FAULTS) -> None:
        request, now = cleanup.Request(older_than=timedelta(hours=hours)), self.clock.now
        call = partial(cleanup.run, request, now=now)
        if self._call("cleanup", call, self.pick(which), faults) and not faults:
            before = now - request.older_than - timedelta(minutes=30)
            if stuck := File.objects.overdue(before, now=now).count():
                self.problems.append(f"{stuck} uploads are stuck past their deadline")

    def work(self, which: int = 0, *, faults: Faults = NO_FAULTS) -> None:
        """Work the deletion queue."""
        self._call("work", partial(deletion_queue.work, now=self.clock.now), self.pick(which), faults)

    def advance(self, seconds: int) -> None:
        self.steps += 1
        self.clock.advance(seconds)

    def arrive(self, number: int) -> None:
        """Let a late request have its effect."""
        if self.disturbance.late:
            self.steps += 1
            self.disturbance.arrive(number)

    # Calls

    def _take_meanwhile(self, name: str, faults: Faults) -> None:
        """Take a step in the middle of a call, about the same upload."""
        getattr(self, name)(0, **({"faults": faults} if faults else {}))

    def _caller(self, one: Tracked) -> Caller:
        user = type(one.user)(pk=one.user.pk, username=one.user.username)  # without cached permissions
        return Caller(user=user, origin="https://app.example.com")

    def _call(
        self,
        name: str,
        work: Callable[[], Any],
        one: Tracked | None,
        faults: Faults,
        *,
        may_raise: tuple[type[FilemanError], ...] = (NotFound,),
        claims_checksum: bool = False,
    ) -> Any:
        """Return what the product answered, or None if it raised what it may raise."""
        self.steps += 1
        call = Call(began=self.clock.now, subject=one, faults=faults, claims_checksum=claims_checksum)
        self.disturbance.calls.append(call)
        try:
            return work()
        except may_raise:
            return None
        except (Killed, SystemExit, DatabaseGone):
            return None
        except Exception as error:  # noqa: BLE001  # nothing that a fault does may come out as anything else
            self.problems.append(f"{name} raised {error!r}")
            return None
        finally:
            self.disturbance.calls.pop()
            self.fired = call.fired
            if call.waited_seconds > CALL_MOST_SECONDS and name not in ("cleanup", "work"):
                self.problems.append(f"{name} waited {call.waited_seconds} s for the storage")

    def _learn(self, one: Tracked, outcome: Outcome | None) -> None:
        if outcome is not None:
            one.token = outcome.upload_token or one.token
            if outcome.instructions is not None:
                self._grant(one, outcome.file, outcome.instructions)

    def _grant(self, one: Tracked, file: File, instructions: uploads.UploadInstructions) -> None:
        state = UploadState.from_file(file)
        begun, until = str((state.begun or {}).get("id")), instructions.expires_at
        one.grant = Grant(upload_path=file.upload_path, total_parts=one.total_parts, begun=begun, until=until)

    # What the model sees

    def _watch(self, effect: Effect) -> None:
        """Note a request that is carried out later than the deletion queue watches its path."""
        watched = URL_LIFE + timedelta(seconds=LATE_WRITE_SECONDS)
        if effect.path.startswith("uploads/"):
            watched = deletion_queue.PUBLISHED_WATCH
        if self.clock.now > effect.began + watched:
            self.too_late.add(effect.path)

    def note_completed(self, file_id: UUID) -> None:
        """Note the bytes of a file at its commit."""
        one = self.tracked[file_id.int - 1]
        objects = self.storage.objects.items()
        one.completed = {path: kept.data for path, kept in objects if path.startswith(f"uploads/{file_id}/")}
        one.claims_checksum = self.disturbance.calls[-1].claims_checksum
