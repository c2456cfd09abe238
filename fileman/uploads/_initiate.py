"""Initiate: reserve one upload per file and hand out signed requests.

    check everything -> one transaction (quota, rows) -> start what the storage must start -> sign

Nothing is signed for a file that was refused, and no storage is called inside the transaction.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Case, TextField, Value, When

from fileman import access, conf, tokens
from fileman.backends import get_backend
from fileman.backends.values import Strategy
from fileman.caller import Caller
from fileman.encryption import encrypt
from fileman.errors import (
    FilemanError,
    InvalidInput,
    StorageError,
    TooManyFiles,
    TooManyPending,
    UploadAborted,
)
from fileman.models import File, FileManager, StorageUsage
from fileman.uploads import destination, idempotency, parts, transitions
from fileman.uploads.idempotency import Replay
from fileman.uploads.instructions import UploadInstructions, build_upload, instruct, new_path, new_state
from fileman.validation import acceptance, filenames, json_metadata, validators
from fileman.validation.acceptance import AcceptedFile, DeclaredFile

logger = logging.getLogger("fileman.lifecycle")
BEGIN_CONCURRENCY = 8
"""Multipart uploads or sessions started at once for one batch."""


@dataclass(frozen=True, kw_only=True)
class InitiateRequest:
    files: Sequence[DeclaredFile]
    """1 to MAX_BATCH_FILES."""
    file_manager_id: UUID | None = None
    group_id: Any | None = None
    """Primary key of the group that will own the files."""
    metadata: object = None
    """Merged under each file's own."""
    atomic: bool = False
    """One refused file refuses all."""
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One file's place in the batch: a file with instructions, or errors."""

    index: int
    client_ref: str | None
    file: File | None = None
    upload_token: str | None = field(default=None, repr=False)
    """Shown only here; the database keeps its digest."""
    instructions: UploadInstructions | None = None
    replayed: bool = False
    errors: tuple[FilemanError, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Batch:
    tickets: tuple[Ticket, ...]
    """In the order of the input."""
    file_manager: FileManager

    @property
    def success(self) -> bool:
        """Every file was accepted."""
        return not any(ticket.errors for ticket in self.tickets)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What the whole batch has in common."""

    caller: Caller
    request: InitiateRequest
    manager: FileManager
    owner_group_id: Any | None
    replay: Replay
    shared_metadata: dict[str, Any] = field(default_factory=dict)
    now: datetime


def initiate(*, caller: Caller, request: InitiateRequest, now: datetime) -> Batch:
    """Reserve uploads for a batch of files.

    Refusals of single files stand in their tickets; refusals of the whole request are raised: Unauthenticated,
    TooManyFiles, NotFound, NoFileManager, FileManagerInactive, InvalidMetadata, InvalidInput, IdempotencyKeyReused,
    TooManyPending, QuotaExceeded, StorageMisconfigured.
    """
    access.require_signed_in(caller)
    _check_batch_size(request)
    manager, owner = destination.choose(caller, file_manager_id=request.file_manager_id, group_id=request.group_id)
    get_backend(manager)
    shared = json_metadata.clean(request.metadata, field=("metadata",))
    try:
        return _initiate(caller, request, manager, owner, shared, now)
    except IntegrityError:
        if request.idempotency_key is None:
            raise
        return _initiate(caller, request, manager, owner, shared, now)  # the same key won meanwhile: replay it


def _initiate(
    caller: Caller, request: InitiateRequest, manager: FileManager, owner: Any, shared: dict[str, Any], now: datetime
) -> Batch:
    plan = _Plan(
        caller=caller,
        request=request,
        manager=manager,
        owner_group_id=owner,
        replay=idempotency.find(caller, request),
        shared_metadata=shared,
        now=now,
    )
    tickets = [_admit(plan, index, declared) for index, declared in enumerate(request.files)]
    if request.atomic and any(ticket.errors for ticket in tickets):
        return Batch(tickets=tuple(_refuse_with_batch(ticket) for ticket in tickets), file_manager=manager)
    tickets = _reserve(plan, tickets)
    return Batch(tickets=tuple(_start(plan, tickets)), file_manager=manager)


def _check_batch_size(request: InitiateRequest) -> None:
    most = conf.settings().MAX_BATCH_FILES
    if not request.files:
        raise InvalidInput("Name at least one file.", field=("files",))
    if len(request.files) > most:
        raise TooManyFiles(f"At most {most} files in one request.", field=("files",))


def _admit(plan: _Plan, index: int, declared: DeclaredFile) -> Ticket:
    """A ticket with an unsaved row, the row of an earlier call, or errors."""
    ticket = Ticket(index=index, client_ref=declared.client_ref)
    if index in plan.replay.files:
        return replace(ticket, file=plan.replay.files[index], replayed=True)
    at = ("files", str(index))
    try:
        accepted = acceptance.accept(
            declared,
            manager=plan.manager,
            shared=plan.shared_metadata,
            may_publish=access.may_publish(plan.caller),
            at=at,
        )
        validators.check_declared(plan.caller, accepted, manager=plan.manager, at=at)
        return replace(ticket, file=_new_file(plan, index, accepted))
    except FilemanError as error:
        return replace(ticket, errors=(error,))


def _new_file(plan: _Plan, index: int, accepted: AcceptedFile) -> File:
    manager, now, settings = plan.manager, plan.now, conf.settings()
    part_plan = parts.plan(accepted.size, capabilities=manager.capabilities)
    single = part_plan.strategy is Strategy.SINGLE
    stored_name = filenames.stored_name(accepted.filename, now=now)
    return File(
        id=uuid4(),
        file_manager=manager,
        group_id=plan.owner_group_id,
        uploaded_by=plan.caller.user,
        original_filename=accepted.filename,
        filename=stored_name,
        file_path=new_path(manager, stored_name),
        content_type=accepted.content_type,
        file_size=accepted.size,
        checksum=str(accepted.checksum or ""),
        metadata=accepted.metadata,
        is_public=accepted.is_public,
        upload_state=new_state(part_plan),
        idempotency_digest=plan.replay.digest,
        idempotency_fingerprint=plan.replay.fingerprint,
        idempotency_index=index,
        expires_at=now + (settings.UPLOAD_DEADLINE if single else settings.PARTS_UPLOAD_DEADLINE),
        created=now,
        modified=now,
    )


def _refuse_with_batch(ticket: Ticket) -> Ticket:
    if ticket.errors:
        return ticket
    reason = UploadAborted("Not started, because another file of this atomic batch was refused.")
    return replace(ticket, file=None, errors=(reason,))


def _reserve(plan: _Plan, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Write the new rows, and give every pending upload a token that only this answer shows."""
    tickets = [_with_token(ticket) for ticket in tickets]
    files = [(ticket.file, ticket) for ticket in tickets if ticket.file is not None]
    new = [file for file, ticket in files if not ticket.replayed]
    again = [file for file, ticket in files if ticket.replayed and ticket.upload_token is not None]
    with transaction.atomic():
        if again:
            File.objects.bulk_update(again, ["upload_token"])
        if new:
            total = sum(file.file_size for file in new)
            StorageUsage.objects.reserve(plan.caller.user, total, limit=conf.settings().USER_QUOTA_BYTES)
            _check_pending(plan, len(new))  # only now: the row of their usage keeps other calls of the user waiting
            File.objects.bulk_create(new)
    for file in new:
        logger.info("file %s: %s", file.pk, File.PENDING.value)
    return tickets


def _with_token(ticket: Ticket) -> Ticket:
    if ticket.file is None or ticket.file.upload_status != File.PENDING:
        return ticket
    token = tokens.new_upload_token()
    ticket.file.upload_token = tokens.digest(token)
    return replace(ticket, upload_token=token)


def _check_pending(plan: _Plan, more: int) -> None:
    unfinished = File.objects.unfinished().filter(uploaded_by=plan.caller.user).count()
    if unfinished + more > conf.settings().MAX_PENDING_UPLOADS:
        raise TooManyPending


def _start(plan: _Plan, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Begin on the storage's side what needs it, at most BEGIN_CONCURRENCY at once, then sign."""
    waiting = [t.file for t in tickets if t.file is not None and t.upload_token is not None and needs_begin(t.file)]
    problems: dict[UUID, StorageError] = {}
    if waiting:
        with ThreadPoolExecutor(min(BEGIN_CONCURRENCY, len(waiting)), "fileman-begin") as pool:
            found = pool.map(lambda file: _begin(file, plan.caller.origin, plan.now), waiting)
            problems = {file.id: problem for file, problem in zip(waiting, found, strict=True) if problem is not None}
        _save_states([file for file in waiting if file.id not in problems])
    return [_instructed(plan, ticket, problems) for ticket in tickets]


def needs_begin(file: File) -> bool:
    """Whether the storage has not been told of this upload yet and wants to be."""
    return file.upload_state["strategy"] != Strategy.SINGLE and "begun" not in file.upload_state


def begin(file: File, *, origin: str | None, now: datetime) -> None:
    """Start the upload on the storage's side and remember it, in memory. Raises StorageError."""
    begun = get_backend(file.file_manager).begin(build_upload(file, now=now), origin=origin)
    file.upload_state = {**file.upload_state, "begun": dict(begun), "origin": origin}


def _begin(file: File, origin: str | None, now: datetime) -> StorageError | None:
    try:
        begin(file, origin=origin, now=now)
    except StorageError as error:
        return error
    return None


def _save_states(files: Sequence[File]) -> None:
    """One statement whatever their number."""
    whens = [When(pk=file.pk, then=Value(encrypt(file.upload_state, row=file.pk))) for file in files]
    changed = Case(*whens, output_field=TextField())
    File.objects.filter(pk__in=[file.pk for file in files]).update(upload_state=changed)


def _instructed(plan: _Plan, ticket: Ticket, problems: dict[UUID, StorageError]) -> Ticket:
    file = ticket.file
    if file is None or ticket.upload_token is None:
        return ticket
    try:
        if file.id in problems:
            raise problems[file.id]
        missing = list(build_upload(file, now=plan.now).slices())
        instructions = instruct(file, missing, caller=plan.caller, now=plan.now, batch_size=len(plan.request.files))
        return replace(ticket, instructions=instructions)
    except StorageError as error:
        if not ticket.replayed:  # an earlier call's upload may hold bytes already: the same key finds it again
            transitions.give_up(file, now=plan.now)
        return replace(ticket, file=None, upload_token=None, errors=(error,))
