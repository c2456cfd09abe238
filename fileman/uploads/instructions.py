"""From a file row to signed requests: the value a backend works on, and the instructions a client gets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urljoin

from fileman import conf
from fileman.backends import get_backend
from fileman.backends.values import PartPlan, Slice, Strategy, Upload, UploadRequest
from fileman.caller import Caller
from fileman.checksums import Checksum
from fileman.errors import FilemanError
from fileman.models import File, FileManager

__all__ = ["Outcome", "UploadInstructions", "UploadRequest", "build_upload", "instruct", "new_path", "new_state"]


@dataclass(frozen=True, kw_only=True)
class UploadInstructions:
    """How to send the bytes, the same for every storage."""

    requests: tuple[UploadRequest, ...]
    """With absolute addresses."""
    ordered: bool
    """One after another, for a resumable session."""
    max_concurrency: int
    part_size: int
    total_parts: int
    has_more: bool
    """Refresh for the next window once these are sent."""
    expires_at: datetime
    """When these requests lapse."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What refresh, finalize and abort answer about an upload that was found."""

    file: File
    upload_token: str | None = field(default=None, repr=False)
    """A new token, when one was made."""
    instructions: UploadInstructions | None = None
    """What the storage still lacks."""
    error: FilemanError | None = None
    """Why the call did not reach its end; None is success."""


def upload_path(manager: FileManager, file: File) -> str:
    """Where signed requests of this upload write."""
    return f"{get_backend(manager).prefix}.uploads/{manager.id}/{file.id}"


def new_path(manager: FileManager, stored_name: str) -> str:
    """Where a finished file of that stored name lives."""
    return f"{get_backend(manager).prefix}uploads/{stored_name}"


def new_state(plan: PartPlan) -> dict[str, object]:
    """The first `File.upload_state`."""
    return {"strategy": plan.strategy.value, "part_size": plan.part_size, "total_parts": plan.total_parts}


def build_plan(file: File) -> PartPlan:
    """How this file is cut."""
    state = file.upload_state
    strategy = Strategy(state["strategy"])
    return PartPlan(strategy=strategy, part_size=state["part_size"], total_parts=state["total_parts"])


def build_upload(file: File, *, now: datetime) -> Upload:
    """The row as its backend sees it. Requests signed from it lapse with the upload's deadline at the latest."""
    manager, state = file.file_manager, file.upload_state
    seconds_left = max(1, int((file.expires_at - now).total_seconds()))
    return Upload(
        file_id=file.id,
        upload_path=upload_path(manager, file),
        file_path=file.file_path,
        filename=file.original_filename,
        size=file.file_size,
        content_type=file.content_type,
        checksum=Checksum.parse(file.checksum) if file.checksum else None,
        plan=build_plan(file),
        begun=state.get("begun", {}),
        progress=state.get("progress", {}),
        now=now,
        expires_in=min(get_backend(manager).settings.upload_expires_in, seconds_left),
    )


def instruct(
    file: File, missing: Sequence[Slice], *, caller: Caller, now: datetime, batch_size: int = 1
) -> UploadInstructions:
    """Sign the first window of what is missing. `batch_size`: files that share the double window."""
    settings = conf.settings()
    upload = build_upload(file, now=now)
    window = missing[: max(1, min(settings.REQUEST_WINDOW, 2 * settings.REQUEST_WINDOW // batch_size))]
    requests = get_backend(file.file_manager).instructions(upload, window)
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
    if not request.url.startswith("/"):
        return request
    values = {name: getattr(request, name) for name in request.__dataclass_fields__}
    return UploadRequest(**{**values, "url": urljoin(site_url, request.url)})
