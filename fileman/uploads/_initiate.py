"""Initiate: reserve one upload per file and hand out signed requests.

    admit each file -> one transaction (quota, rows) -> begin on the storage where it needs that -> sign

Nothing is signed for a refused file, and no storage is called inside the transaction.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from fileman import access, conf, tokens
from fileman.access import rates
from fileman.backends import get_backend
from fileman.backends.side_by_side import Task, run_side_by_side
from fileman.backends.time_limit import time_limit
from fileman.backends.values import Strategy
from fileman.caller import Caller
from fileman.errors import FilemanError, InvalidInput, RefusedError, StorageError, TooManyFiles, UploadAborted
from fileman.models import File, FileManager
from fileman.models.insertion import insert, is_one_statement
from fileman.uploads import destination, idempotency, quota, transitions
from fileman.uploads._sweep import FIRST_LOOK
from fileman.uploads.idempotency import Replay
from fileman.uploads.instructions import begin, instruct, plan_parts
from fileman.uploads.lookup import get_token
from fileman.uploads.state import UploadState
from fileman.uploads.values import Batch, InitiateRequest, Ticket
from fileman.validation import acceptance, filenames, json_metadata, validators
from fileman.validation.acceptance import DeclaredFile

BEGIN_CONCURRENCY = 8  # multipart uploads or sessions begun at once for one batch


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What all files of the batch share."""

    caller: Caller
    request: InitiateRequest
    manager: FileManager
    owner: Group | None
    slot: str
    limits: Sequence[FileManager]  # a copy with the limits of the slot, and itself
    replay: Replay
    shared_metadata: dict[str, Any]
    now: datetime


def initiate(*, caller: Caller, request: InitiateRequest, now: datetime) -> Batch:
    """Reserve uploads for a batch of files.

    The errors of single files are in their tickets. Errors of the whole request are raised: Unauthenticated,
    TooManyFiles, RateLimited, PermissionDenied for a slot that is not valid, NotFound, NoFileManager,
    FileManagerInactive, InvalidMetadata, InvalidInput, IdempotencyKeyReused, TooManyPending, QuotaExceeded,
    StorageMisconfigured.
    """
    access.require_signed_in(caller)
    most = conf.settings().MAX_BATCH_FILES
    if not request.files:
        raise InvalidInput("Pass at least one file.", field=("files",))
    if len(request.files) > most:
        raise TooManyFiles(f"A request may have at most {most} files.", field=("files",))
    rates.count(caller, "INITIATED_FILES", len(request.files), now=now)
    slot = tokens.unsign(tokens.SLOT, request.slot, now=now) if request.slot else {}
    ids = {"file_manager_id": request.file_manager_id, "group_id": request.group_id}
    manager, owner = destination.choose(caller, **ids, name=slot.get("manager", ""))
    get_backend(manager)
    plan = _Plan(
        caller=caller,
        request=request,
        manager=manager,
        owner=owner,
        slot=slot.get("field", ""),
        limits=[_narrow(manager, slot["limits"]), manager] if slot else [manager],
        replay=idempotency.find_replay(caller, request),
        shared_metadata=json_metadata.clean(request.metadata, field=("metadata",)),
        now=now,
    )
    try:
        return _process(plan)
    except (IntegrityError, RefusedError):
        if request.idempotency_key is None:
            raise
        # A parallel call with the same key may have inserted its rows, and reached a limit: replay them.
        return _process(replace(plan, replay=idempotency.find_replay(caller, request)))


def _process(plan: _Plan) -> Batch:
    tickets = [_admit(plan, index, declared) for index, declared in enumerate(plan.request.files)]
    if plan.request.atomic and any(ticket.errors for ticket in tickets):
        reason = UploadAborted("This file was not accepted because another file of the atomic batch was refused.")
        tickets = [one if one.errors else replace(one, file=None, errors=(reason,)) for one in tickets]
    else:
        tickets = _insert(plan, tickets)
        with time_limit(conf.settings().FINALIZE_BUDGET_SECONDS):
            errors = _begin_all(plan, tickets)
            tickets = [_instruct(plan, ticket, errors) for ticket in tickets]
    return Batch(tickets=tuple(tickets), file_manager=plan.manager)


def _narrow(manager: FileManager, limits: Mapping[str, Any]) -> FileManager:
    """Return a copy of the file manager with the limits of a slot in place of its own."""
    narrowed = copy(manager)
    vars(narrowed).update(limits)
    return narrowed


def _admit(plan: _Plan, index: int, declared: DeclaredFile) -> Ticket:
    """Return a ticket with an unsaved row, with the row of an earlier call, or with errors."""
    ticket = Ticket(index=index, client_ref=declared.client_ref)
    if index in plan.replay.files:
        return replace(ticket, file=plan.replay.files[index], replayed=True)
    at = ("files", str(index))
    try:
        may_publish = partial(access.policy().may_publish, plan.caller)
        for limits in plan.limits:
            file = acceptance.accept(declared, manager=limits, may_publish=may_publish, at=at)
        file.metadata = json_metadata.merge(plan.shared_metadata, file.metadata, field=(*at, "metadata"))
        _prepare(plan, index, file)
        validators.check_declared(plan.caller, file, at=at)
        return replace(ticket, file=file)
    except FilemanError as error:
        return replace(ticket, errors=(error,))


def _prepare(plan: _Plan, index: int, file: File) -> None:
    """Fill in the rest of an accepted row."""
    now, settings = plan.now, conf.settings()
    part_plan = plan_parts(file.file_size, capabilities=plan.manager.capabilities)
    single = part_plan.strategy is Strategy.SINGLE
    file.file_manager, file.group, file.uploaded_by = plan.manager, plan.owner, plan.caller.user
    file.filename = filenames.stored_name(file.original_filename, now=now)
    file.slot = plan.slot
    file.upload_state = UploadState(plan=part_plan).to_json()
    file.idempotency_digest, file.idempotency_fingerprint = plan.replay.digest, plan.replay.fingerprint
    file.idempotency_index = index
    file.look_at = now + FIRST_LOOK
    file.expires_at = now + (settings.UPLOAD_DEADLINE if single else settings.PARTS_UPLOAD_DEADLINE)
    file.created = file.modified = now


def _insert(plan: _Plan, tickets: Sequence[Ticket]) -> list[Ticket]:
    """Write the new rows. Return the tickets with the tokens of the pending uploads."""
    tickets = [one if one.replayed else _with_token(one, plan.now) for one in tickets]
    new = [ticket.file for ticket in tickets if ticket.file is not None and not ticket.replayed]
    user, sizes = plan.caller.user, [file.file_size for file in new]
    # One statement alone needs no transaction. In a transaction of the host's, its error must not end that.
    is_alone = is_one_statement() and connection.get_autocommit()
    with nullcontext() if is_alone else transaction.atomic():
        is_done = not new or insert(new, after=quota.build_reservation(user, sizes))
    if not is_done:
        with transaction.atomic():
            quota.reserve(user, sizes, now=plan.now)
            insert(new)
    for file in new:
        transitions.log_step(file, File.PENDING.value)
    return [_with_token(one, plan.now) if one.replayed else one for one in tickets]


def _with_token(ticket: Ticket, now: datetime) -> Ticket:
    if ticket.file is None or ticket.file.upload_status != File.PENDING:
        return ticket
    return replace(ticket, upload_token=get_token(ticket.file, now=now))


def _begin_all(plan: _Plan, tickets: Sequence[Ticket]) -> dict[UUID, StorageError]:
    """Begin the uploads that need it, at most BEGIN_CONCURRENCY at once. Return the storage's errors by file id."""
    pending = [ticket.file for ticket in tickets if ticket.file is not None and ticket.upload_token is not None]
    waiting = [file for file in pending if UploadState.from_file(file).needs_begin]
    if not waiting:
        return {}
    errors: dict[UUID, StorageError] = {}
    run_side_by_side((_begin_one(plan, file, errors) for file in waiting), at_once=BEGIN_CONCURRENCY)
    File.objects.bulk_update([file for file in waiting if file.id not in errors], ["upload_state"])
    return errors


def _begin_one(plan: _Plan, file: File, errors: dict[UUID, StorageError]) -> Task:
    try:
        yield partial(begin, file, origin=plan.caller.origin, now=plan.now)
    except StorageError as error:
        errors[file.id] = error


def _instruct(plan: _Plan, ticket: Ticket, errors: Mapping[UUID, StorageError]) -> Ticket:
    """Return the ticket with signed requests, or with the error of its storage."""
    file = ticket.file
    if file is None or ticket.upload_token is None:
        return ticket
    try:
        if file.id in errors:
            raise errors[file.id]
        instructions = instruct(file, caller=plan.caller, now=plan.now, batch_size=len(plan.request.files))
        return replace(ticket, instructions=instructions)
    except StorageError as error:
        if not ticket.replayed:  # the upload of an earlier call may hold bytes already: the same key finds it again
            transitions.give_up(file, now=plan.now)
        return replace(ticket, file=None, upload_token=None, errors=(error,))
