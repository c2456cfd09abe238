"""One file: what the database and the storage know of it, what that means and what to do. Nothing is changed."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

from fileman import access, conf
from fileman.backends import Backend, get_backend
from fileman.backends.values import Slice, StoredObject
from fileman.caller import Caller
from fileman.errors import StorageError, UploadLost
from fileman.models import File, StorageDeletion
from fileman.uploads import transitions
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import Progress, UploadState


class Evidence:
    """The facts of one file. A verdict is found by them, and formatted with them as `e`."""

    problem, unreadable, is_lost, is_same = "", "", False, False
    missing: Sequence[Slice] = ()

    def __init__(self, file: File, *, now: datetime) -> None:
        """Read the row and ask the storage, until it fails: that is the `problem`."""
        self.file = file
        self.is_completed = file.upload_status == File.COMPLETED
        self.is_unfinished = file.upload_status in File.UNFINISHED
        closes_at = file.expires_at + conf.settings().FINALIZE_GRACE
        self.deadline, self.closing = _format(file.expires_at), _format(closes_at)
        self.lease = f"until {_format(file.lease_until)}" if file.lease_until else "none"
        self.is_held = file.lease_until is not None and file.lease_until > now
        self.is_late = file.expires_at <= now  # nothing is signed any more
        self.is_over = closes_at <= now and not self.is_held  # finalize is not accepted any more
        self.obstacle = _find_obstacle(file) if self.is_unfinished else ""
        self.next_look = self._find_next_look(closes_at, now) if self.is_unfinished else ""
        try:
            self._ask(UploadState.from_file(file), get_backend(file.file_manager), now)
        except (StorageError, ImproperlyConfigured) as error:
            self.problem = str(error)

    def _ask(self, state: UploadState, backend: Backend, now: datetime) -> None:
        file = self.file
        self.needs_begin, self.awaits_claims = state.needs_begin, state.awaits_claims
        self.progress, self.total_parts = Progress.from_json(state.progress), state.plan.total_parts
        self.uploaded = backend.find(file.upload_path)  # where signed requests write
        paths = [file.stored_path] if self.is_completed else transitions.get_tried_paths(file)
        self.published = next((found for path in paths if (found := backend.find(path))), None)
        if self.is_completed and self.published:
            self.is_same = (self.published.size, self.published.etag) == (file.file_size, file.etag)
            self.unreadable = _find_reading_problem(backend, file) if self.is_same else ""
        elif self.is_unfinished and not (self.uploaded or self.published):
            upload = build_upload(file, now=now)
            try:
                self.missing = list(upload.slices()) if self.needs_begin else backend.missing(upload)
            except UploadLost:
                self.is_lost, self.missing = True, list(upload.slices())
        self.missing_bytes = sum(part.length for part in self.missing)

    def _find_next_look(self, closes_at: datetime, now: datetime) -> str:
        """Return when a sweep looks at the upload."""
        settings, look_at = conf.settings(), self.file.look_at
        if not settings.SWEEP_UPLOADS:
            return "never, because SWEEP_UPLOADS is off"
        looks = File.objects.to_look_at(closes_at - timedelta.resolution, grace=settings.FINALIZE_GRACE)
        if self.obstacle or look_at is None or not looks.filter(pk=self.file.pk).exists():
            return "not any more"
        return "at the next cleanup" if look_at <= now else f"at the first cleanup after {_format(look_at)}"

    @property
    def established(self) -> str:
        """What earlier finalize calls have verified or begun."""
        progress, stored = self.progress, self.progress.stored
        steps = [f"checksum {name}" for name in sorted(stored.checksums if stored else ())]
        steps += ["content type"] if progress.detected_content_type else []
        steps += ["content validators"] if progress.is_validated else []
        steps += [] if progress.try_number is None else [f"publishing request {progress.try_number} begun"]
        return ", ".join(steps) or "nothing yet"

    def list_facts(self) -> Iterator[str]:
        """Yield lines, each with the name of a fact. None has a secret."""
        file = self.file
        yield f"id: {file.pk}"
        yield f"file manager: {file.file_manager.name}"
        yield f"created: {_format(file.created)}"
        yield f"last change: {_format(file.modified)}"
        if self.is_unfinished:
            yield f"deadline: {self.deadline}, finalize until {self.closing}"
            yield f"lease: {self.lease}"
            yield f"sweep: {self.next_look}"
        yield f"publishing requests: {file.tries}"
        if not self.problem:
            yield f"upload path: {_describe(self.uploaded, file.upload_path)}"
            if self.missing:
                total, missing = self.total_parts, self.missing
                yield f"parts: {total - len(missing)} of {total}, missing: {_list_numbers(missing)}"
            yield f"file path: {_describe(self.published, file.file_path or f'{file.folder}...')}"
        deletions = StorageDeletion.objects.filter(file_id=file.pk).order_by("due_at", "pk")
        for deletion in deletions.filter(attempts__gt=0) if self.is_completed else deletions:
            yield f"queued for deletion: {describe_deletion(deletion)}"


class Kind(NamedTuple):
    """What has happened and what to do, formatted with the evidence. `is_wrong`: the storage needs an operator."""

    applies: Callable[[Evidence], object]
    verdict: str
    advice: str
    is_wrong: bool = False


def diagnose_file(file: File, *, now: datetime) -> tuple[list[str], str]:
    """Compare the row with the storage. Return lines without secrets, and what is wrong with the storage or ""."""
    evidence = Evidence(file, now=now)
    kind = next(kind for kind in KINDS if kind.applies(evidence))
    verdict, advice = kind.verdict.format(e=evidence), kind.advice.format(e=evidence)
    if evidence.is_unfinished and not evidence.is_over:
        inactive = "" if file.file_manager.is_active else "The file manager is inactive. Uploads that have begun go on."
        verdict = " ".join(filter(None, (verdict, evidence.obstacle, inactive)))
    lines = [*evidence.list_facts(), verdict, *([f"To do: {advice}"] if advice else [])]
    return lines, verdict if kind.is_wrong else ""


def describe_deletion(deletion: StorageDeletion) -> str:
    """Return when the object is deleted, and what went wrong so far."""
    failures = f", {deletion.attempts} attempts failed: {deletion.last_error}" if deletion.attempts else ""
    due, until = _format(deletion.due_at), _format(deletion.watch_until)
    return f"{deletion.path}, next attempt {due}, watched until {until}{failures}"


def _format(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _describe(stored: StoredObject | None, path: str) -> str:
    return f"{stored.path}, {stored.size} bytes" if stored else f"{path}, nothing"


def _list_numbers(parts: Sequence[Slice]) -> str:
    """Return the numbers of the parts: "2, 5-7"."""
    numbers = {part.part_number for part in parts}
    first = sorted(number for number in numbers if number - 1 not in numbers)
    last = sorted(number for number in numbers if number + 1 not in numbers)
    return ", ".join(f"{start}-{end}" if start < end else f"{start}" for start, end in zip(first, last, strict=True))


def _find_obstacle(file: File) -> str:
    """Return why the uploader may not finalize any more, as a sweep asks; "" if they may."""
    if file.uploaded_by is None:
        return "The uploader's account was deleted, so nobody can finish the upload."
    caller = Caller(user=file.uploaded_by)
    if not caller.is_signed_in:
        return "The uploader is inactive and cannot finish it."
    may_continue = access.policy().may_continue(caller, file)
    return "" if may_continue else "The uploader has left the group and cannot finish it."


def _find_reading_problem(backend: Backend, file: File) -> str:
    """Read the first and the last byte: a store may describe an object that it can no longer read."""
    try:
        for start in (0, file.file_size - 1):
            if not b"".join(backend.read(file.stored_path, start=start, length=1, etag=file.etag)):
                return "The storage returns no bytes of it."
        return ""
    except StorageError as error:
        return error.message


NEW = "The client starts a new upload. Cleanup removes this one."
AGAIN = "The client calls refreshUpload, which begins it again, and sends all bytes again."
RESTORE = "Find out what else writes to this storage. Restore the object, or delete the file."
FINALIZE = "The client calls finalizeUpload, or a sweep does it in its place: {e.next_look}."

# fmt: off
KINDS: Sequence[Kind] = (  # the first that applies: add one before those that it is more precise than
    # Ended
    Kind(lambda e: e.file.upload_status == File.FAILED, "The upload has failed: {e.file.failure_reason}", NEW),
    Kind(lambda e: e.file.upload_status == File.ABORTED, "The upload was aborted by its client.", NEW),
    Kind(lambda e: e.file.upload_status == File.EXPIRED,
         "The upload has expired: it was not finished in time, or the storage did not begin it.", NEW),
    # Completed or unfinished
    Kind(lambda e: e.problem,
         "The storage cannot be asked: {e.problem}",
         "Run fileman_doctor for the file manager. An unfinished upload goes on when the storage does.", is_wrong=True),
    # Completed
    Kind(lambda e: e.is_completed and not e.published,
         "The stored object is gone. Something other than fileman has deleted it.", RESTORE, is_wrong=True),
    Kind(lambda e: e.is_completed and e.published and e.published.size != e.file.file_size,
         "The stored object has another size. Something other than fileman has replaced it.", RESTORE, is_wrong=True),
    Kind(lambda e: e.is_completed and not e.is_same,
         "The stored object was written again later, for example by a restored backup.",
         "Compare its checksum. " + RESTORE, is_wrong=True),
    Kind(lambda e: e.unreadable,
         "The stored object cannot be read: {e.unreadable}",
         "The storage describes the object but does not serve it: check its disks, its archive tier or its keys.",
         is_wrong=True),
    Kind(lambda e: e.is_completed and e.awaits_claims,
         "The file is complete and in order. A sweep has completed it, because its client was gone.", ""),
    Kind(lambda e: e.is_completed, "The file is complete and in order.", ""),
    # Unfinished
    Kind(lambda e: e.is_over,
         "The deadline and the time for finalizeUpload are over.",
         "The client starts a new upload. Cleanup expires this one."),
    Kind(lambda e: e.is_held,
         "A finalize attempt is working on it right now: it has a lease {e.lease}.",
         "Wait. Calls return UPLOAD_IN_PROGRESS until then."),
    Kind(lambda e: e.file.upload_status == File.VERIFYING,
         "A finalize attempt has died: its lease was {e.lease}, and it has neither completed nor released the upload.",
         "The client calls finalizeUpload, which takes over."),
    Kind(lambda e: e.needs_begin, "The upload was not begun on the storage, because initiateUpload broke off.", AGAIN),
    Kind(lambda e: e.is_lost, "The storage has lost the multipart upload or session, and the parts with it.", AGAIN),
    Kind(lambda e: e.missing and e.is_late,
         "The deadline is over, and {e.missing_bytes} of {e.file.file_size} bytes have not arrived.", NEW),
    Kind(lambda e: e.missing_bytes == e.file.file_size,
         "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs).",
         "Look at the requests in the client. refreshUpload returns new ones."),
    Kind(lambda e: e.missing,
         "{e.missing_bytes} of {e.file.file_size} bytes have not arrived.",
         "The client calls refreshUpload, which returns the missing requests, and sends them."),
    Kind(lambda e: e.uploaded and e.uploaded.size != e.file.file_size,
         "The storage holds {e.uploaded.size} bytes, but {e.file.file_size} were declared.",
         "The client's finalizeUpload fails it for good. The client starts a new upload with the size of its file."),
    Kind(lambda e: e.progress != Progress(),
         "All bytes have arrived, and finalizeUpload goes on over several calls. Verified so far: {e.established}.",
         FINALIZE),
    Kind(lambda e: e.is_late,
         "All bytes have arrived. The deadline is over, but finalizeUpload is accepted until {e.closing}.", FINALIZE),
    Kind(lambda _: True, "All bytes have arrived. finalizeUpload was not called, or did not complete.", FINALIZE),
)
