"""One file: its row, what the storage holds of it, what that means and what to do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from fileman.backends.values import StoredObject
from fileman.diagnosis.evidence import Evidence, format_time
from fileman.diagnosis.kinds import KINDS, OBSTACLES
from fileman.diagnosis.subjects import find_deletions
from fileman.models import File, StorageDeletion


@dataclass(frozen=True, kw_only=True)
class FileFindings:
    """One file, as the database and the storage know it. It has no secrets."""

    facts: Sequence[str]
    """Lines, each with the name of a fact."""
    verdict: str
    """What has happened, in sentences."""
    advice: str
    is_wrong: bool
    """True if the storage cannot be asked, or does not hold the object of a completed file as it was published."""


def diagnose_file(file: File, *, now: datetime) -> FileFindings:
    """Compare the row with the storage; change nothing."""
    evidence = Evidence.gather(file, now=now)
    kind = next(kind for kind in KINDS if kind.applies(evidence))
    verdicts = [kind.verdict.format(e=evidence)]
    if file.upload_status in File.UNFINISHED and not evidence.is_over:
        verdicts += [sentence for applies, sentence in OBSTACLES if applies(evidence)]
    return FileFindings(
        facts=[f"{name}: {fact}" for name, fact in _list_facts(evidence)],
        verdict=" ".join(verdicts),
        advice=kind.advice.format(e=evidence),
        is_wrong=kind.is_wrong,
    )


def describe_deletion(deletion: StorageDeletion) -> str:
    """Return when the object is deleted, and what went wrong so far."""
    failures = f", {deletion.attempts} attempts failed: {deletion.last_error}" if deletion.attempts else ""
    due, until = format_time(deletion.due_at), format_time(deletion.watch_until)
    return f"{deletion.path}, next attempt {due}, watched until {until}{failures}"


def _list_facts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    file = evidence.file
    yield "id", str(file.pk)
    yield "file manager", file.file_manager.name
    yield "created", format_time(file.created)
    yield "last change", format_time(file.modified)
    if file.upload_status in File.UNFINISHED:
        yield "deadline", f"{evidence.deadline}, finalize until {evidence.closing}"
        yield "lease", evidence.lease
        yield "sweep", evidence.next_look
    yield "publishing requests", str(file.tries)
    if not evidence.problem:
        yield from _list_stored(evidence)
    failing = Q(attempts__gt=0) if file.upload_status == File.COMPLETED else Q()
    for deletion in find_deletions(Q(failing, file_id=file.pk)):
        yield "queued for deletion", describe_deletion(deletion)


def _list_stored(evidence: Evidence) -> Iterator[tuple[str, str]]:
    file = evidence.file
    yield "upload path", _describe(evidence.uploaded, file.upload_path)
    if evidence.missing:
        yield "parts", f"{evidence.arrived_parts} of {evidence.total_parts}, missing: {evidence.missing_parts}"
    yield "file path", _describe(evidence.published, file.file_path or f"{file.folder}...")


def _describe(stored: StoredObject | None, path: str) -> str:
    return f"{stored.path}, {stored.size} bytes" if stored else f"{path}, nothing"
