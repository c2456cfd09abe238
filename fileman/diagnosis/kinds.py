"""The kinds of files and of stuck uploads: how each is recognized, what it means and what to do.

To add one, add an entry to KINDS before those that it is more precise than, or to OBSTACLES.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fileman.diagnosis.evidence import Evidence
from fileman.models import File
from fileman.uploads.state import Progress


class Kind(NamedTuple):
    applies: Callable[[Evidence], object]
    verdict: str
    """What has happened, formatted with the evidence as `e`."""
    advice: str
    """What to do; "" for nothing."""
    is_wrong: bool = False
    """True if the command fails, because the storage needs an operator."""


def _has(status: str) -> Callable[[Evidence], bool]:
    return lambda e: e.file.upload_status == status


def _is_completed_and(check: Callable[[Evidence], object]) -> Callable[[Evidence], object]:
    return lambda e: e.file.upload_status == File.COMPLETED and check(e)


NEW = "The client starts a new upload. Cleanup removes this one."
AGAIN = "The client calls refreshUpload, which begins it again, and sends all bytes again."
RESTORE = "Find out what else writes to this storage. Restore the object, or delete the file."
FINALIZE = "The client calls finalizeUpload, or a sweep does it in its place: {e.next_look}."

KINDS: Sequence[Kind] = (
    # Ended
    Kind(_has(File.FAILED), "The upload has failed: {e.file.failure_reason}", NEW),
    Kind(_has(File.ABORTED), "The upload was aborted by its client.", NEW),
    Kind(
        _has(File.EXPIRED), "The upload has expired: it was not finished in time, or the storage did not begin it.", NEW
    ),
    # Whatever the state
    Kind(
        lambda e: e.problem,
        "The storage cannot be asked: {e.problem}",
        "Run fileman_doctor for the file manager. An unfinished upload goes on when the storage does.",
        is_wrong=True,
    ),
    # Completed
    Kind(
        _is_completed_and(lambda e: e.published is None),
        "The stored object is gone. Something other than fileman has deleted it.",
        RESTORE,
        is_wrong=True,
    ),
    Kind(
        _is_completed_and(lambda e: e.published and e.published.size != e.file.file_size),
        "The stored object has another size. Something other than fileman has replaced it.",
        RESTORE,
        is_wrong=True,
    ),
    Kind(
        _is_completed_and(lambda e: not e.is_same),
        "The stored object was written again later, for example by a restored backup.",
        "Compare its checksum. " + RESTORE,
        is_wrong=True,
    ),
    Kind(
        _is_completed_and(lambda e: e.unreadable),
        "The stored object cannot be read: {e.unreadable}",
        "The storage describes the object but does not serve it: check its disks, its archive tier or its keys.",
        is_wrong=True,
    ),
    Kind(
        lambda e: e.file.upload_status == File.COMPLETED and e.awaits_claims,
        "The file is complete and in order. A sweep has completed it, because its client was gone.",
        "",
    ),
    Kind(_has(File.COMPLETED), "The file is complete and in order.", ""),
    # Unfinished
    Kind(
        lambda e: e.is_over,
        "The deadline and the time for finalizeUpload are over.",
        "The client starts a new upload. Cleanup expires this one.",
    ),
    Kind(
        lambda e: e.is_held,
        "A finalize attempt is working on it right now: it has a lease {e.lease}.",
        "Wait. Calls return UPLOAD_IN_PROGRESS until then.",
    ),
    Kind(
        _has(File.VERIFYING),
        "A finalize attempt has died: its lease was {e.lease}, and it has neither completed nor released the upload.",
        "The client calls finalizeUpload, which takes over.",
    ),
    Kind(lambda e: e.needs_begin, "The upload was not begun on the storage, because initiateUpload broke off.", AGAIN),
    Kind(lambda e: e.is_lost, "The storage has lost the multipart upload or session, and the parts with it.", AGAIN),
    Kind(
        lambda e: e.missing and e.is_late,
        "The deadline is over, and {e.missing_bytes} of {e.file.file_size} bytes have not arrived.",
        NEW,
    ),
    Kind(
        lambda e: e.missing_bytes == e.file.file_size,
        "Nothing has arrived. The client has not sent it, or the storage refuses it (CORS, expired URLs).",
        "Look at the requests in the client. refreshUpload returns new ones.",
    ),
    Kind(
        lambda e: e.missing,
        "{e.missing_bytes} of {e.file.file_size} bytes have not arrived.",
        "The client calls refreshUpload, which returns the missing requests, and sends them.",
    ),
    Kind(
        lambda e: e.uploaded and e.uploaded.size != e.file.file_size,
        "The storage holds {e.uploaded.size} bytes, but {e.file.file_size} were declared.",
        "The client's finalizeUpload fails it for good. The client starts a new upload with the size of its file.",
    ),
    Kind(
        lambda e: e.progress != Progress(),
        "All bytes have arrived, and finalizeUpload goes on over several calls. Verified so far: {e.established}.",
        FINALIZE,
    ),
    Kind(
        lambda e: e.is_late,
        "All bytes have arrived. The deadline is over, but finalizeUpload is accepted until {e.closing}.",
        FINALIZE,
    ),
    Kind(_has(File.PENDING), "All bytes have arrived. finalizeUpload was not called, or did not complete.", FINALIZE),
)

OBSTACLES: Sequence[tuple[Callable[[Evidence], object], str]] = (
    (lambda e: e.file.uploaded_by is None, "The uploader's account was deleted, so nobody can finish the upload."),
    (lambda e: e.file.uploaded_by and not e.uploader_is_active, "The uploader is inactive and cannot finish it."),
    (lambda e: e.uploader_is_active and not e.may_continue, "The uploader has left the group and cannot finish it."),
    (lambda e: not e.file.file_manager.is_active, "The file manager is inactive. Uploads that have begun go on."),
)
"""What else stands in the way of an unfinished upload. All that apply are named."""
