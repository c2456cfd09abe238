"""From a file row to signed requests: plan the parts, begin on the storage, find the missing slices, sign them."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urljoin

from django.template.defaultfilters import filesizeformat

from fileman import conf
from fileman.backends import get_backend
from fileman.backends.values import Capabilities, PartPlan, Slice, Strategy, Upload, UploadRequest
from fileman.caller import Caller
from fileman.checksums import Checksum
from fileman.errors import FileTooLarge, UploadAborted, UploadLost
from fileman.models import File
from fileman.uploads.state import UploadState
from fileman.uploads.values import UploadInstructions
from fileman.validation import content_types

logger = logging.getLogger("fileman.lifecycle")


def plan_parts(size: int, *, capabilities: Capabilities) -> PartPlan:
    """Return how a file of `size` bytes is cut: one request, parts in any order, or one resumable session.

    Parts have PART_SIZE_BYTES and grow in whole multiples of it, so that their number stays within the storage's limit.
    Raises FileTooLarge if no plan fits the storage's limits.
    """
    settings = conf.settings()
    if size <= min(settings.SINGLE_REQUEST_MAX_BYTES, capabilities.single_request_max_bytes):
        return PartPlan(strategy=Strategy.SINGLE, part_size=size, total_parts=1)
    if size > capabilities.max_object_bytes:
        raise FileTooLarge(f"This storage takes at most {filesizeformat(capabilities.max_object_bytes)} in one file.")
    if capabilities.large_strategy is Strategy.SESSION:
        return PartPlan(strategy=Strategy.SESSION, part_size=size, total_parts=1)
    unit = max(settings.PART_SIZE_BYTES, capabilities.part_min_bytes)
    part_size = unit * _ceil(_ceil(size, capabilities.parts_max), unit)
    if part_size > capabilities.part_max_bytes:
        raise FileTooLarge("This storage cannot take a file of this size.")
    return PartPlan(strategy=Strategy.PARTS, part_size=part_size, total_parts=_ceil(size, part_size))


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)


def build_upload(file: File, *, now: datetime, notes: dict[str, Any] | None = None) -> Upload:
    """Return the row as its backend sees it. What it signs expires by the deadline. `notes`: `Progress.notes`."""
    state = UploadState.from_file(file)
    seconds_left, first_path = max(1, int((file.expires_at - now).total_seconds())), file.get_try_path(0)
    return Upload(
        file_id=file.id,
        upload_path=file.upload_path,
        file_path=first_path,
        parts_path=first_path,
        folder=file.folder,
        filename=file.original_filename,
        size=file.file_size,
        content_type=content_types.served(file.content_type),
        checksum=Checksum.parse(file.checksum) if file.checksum else None,
        plan=state.plan,
        begun=state.begun or {},
        progress={} if notes is None else notes,
        now=now,
        expires_in=min(get_backend(file.file_manager).settings.upload_expires_in, seconds_left),
    )


def begin(file: File, *, origin: str | None, now: datetime) -> None:
    """Start the upload on the storage and note it on the file in hand, unsaved. Raises StorageError."""
    begun = dict(get_backend(file.file_manager).begin(build_upload(file, now=now), origin=origin))
    file.upload_state = replace(UploadState.from_file(file), begun=begun, origin=origin).to_json()


def find_missing(file: File, caller: Caller, *, now: datetime) -> list[Slice]:
    """Return the slices that the storage lacks.

    An upload that was never begun, that the storage has lost, or whose session is for another browser origin is begun
    again first. Raises StorageError, and UploadAborted if it was aborted meanwhile.
    """
    backend = get_backend(file.file_manager)
    stale = None
    if not UploadState.from_file(file).needs_begin:
        try:
            missing = backend.missing(build_upload(file, now=now))
        except UploadLost:
            logger.info("file %s: the storage has lost the upload; beginning again", file.pk)
        else:
            if not missing or not _serves_another_origin(file, caller):
                return missing
            stale = build_upload(file, now=now)
    begin(file, origin=caller.origin, now=now)
    state = UploadState.from_file(file)
    if not File.objects.unfinished().filter(pk=file.pk).update(modified=now, **state.update_for(file)):
        backend.abort(build_upload(file, now=now))  # only this call knows of the upload that it has just begun
        raise UploadAborted
    if stale is not None:
        backend.abort(stale)
    return backend.missing(build_upload(file, now=now))


def _serves_another_origin(file: File, caller: Caller) -> bool:
    """Return True if a session admits browser pages of another origin only. Clients without an origin may use any."""
    state = UploadState.from_file(file)
    return state.plan.strategy is Strategy.SESSION and caller.origin not in {None, state.origin}


def instruct(
    file: File, missing: Sequence[Slice] | None = None, *, caller: Caller, now: datetime, batch_size: int = 1
) -> UploadInstructions:
    """Sign the first window of the missing slices, by default all. `batch_size`: files that share the double window."""
    settings = conf.settings()
    upload, backend = build_upload(file, now=now), get_backend(file.file_manager)
    if backend.config.supports_direct_upload and (most := max(1, backend.signing_seconds(now))) < upload.expires_in:
        upload = replace(upload, expires_in=most)
    missing = list(upload.slices()) if missing is None else missing
    window = missing[: max(1, min(settings.REQUEST_WINDOW, 2 * settings.REQUEST_WINDOW // batch_size))]
    requests = backend.instructions(upload, window)
    ordered = upload.plan.strategy is Strategy.SESSION
    return UploadInstructions(
        requests=tuple(_absolute(request, caller.site_url) for request in requests),
        ordered=ordered,
        max_concurrency=1 if ordered else settings.MAX_CONCURRENCY,
        part_size=upload.plan.part_size,
        total_parts=upload.plan.total_parts,
        has_more=len(window) < len(missing),
        expires_at=now + timedelta(seconds=upload.expires_in),
    )


def _absolute(request: UploadRequest, site_url: str) -> UploadRequest:
    return replace(request, url=urljoin(site_url, request.url)) if request.url.startswith("/") else request
