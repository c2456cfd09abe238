"""manage.py fileman_doctor: find out why a file manager or an upload does not work."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from fileman import diagnosis
from fileman.diagnosis import Subjects
from fileman.models import File, FileManager, StorageDeletion


class Command(BaseCommand):
    help = (
        "Test the storage of each file manager, or find out what happened to one upload and what to do. "
        "Files are not changed. The exit status is 1 if something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        subject = parser.add_mutually_exclusive_group()
        subject.add_argument(
            "subject",
            metavar="SUBJECT",
            nargs="?",
            help="a file manager's name or id; a file's id, global id, upload token or path in the storage",
        )
        subject.add_argument("--manager", metavar="NAME", help="only file managers of this name")
        subject.add_argument(
            "--file", type=UUID, metavar="UUID", help="this file, by the id in the log and in its stable link"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        subject, name, file_id = options["subject"], options["manager"], options["file"]
        if subject is not None:
            # Not repeated in the error: it may be a token.
            absent = "Nothing is known by this name, id, token or path."
            hint = " If an object is there, cleanup_expired_uploads --reconcile finds it." if "/" in subject else ""
            self._diagnose(diagnosis.find_subjects(subject), absent=absent + hint)
        elif file_id is not None:
            self._diagnose(diagnosis.find_file(file_id), absent=f"No file has the id {file_id}.")
        elif name is not None:
            managers = diagnosis.find_managers(Q(name=name))
            self._diagnose(Subjects(managers=managers), absent=f"No file manager is named {name!r}.")
        else:
            self._diagnose_managers(diagnosis.find_managers())

    def _diagnose(self, subjects: Subjects, *, absent: str) -> None:
        if subjects.managers:
            self._diagnose_managers(subjects.managers)
        elif subjects.files:
            self._diagnose_files(subjects.files)
        elif subjects.deletions:
            self._explain_deletions(subjects.deletions)
        else:
            raise CommandError(absent)

    def _diagnose_managers(self, managers: Sequence[FileManager]) -> None:
        failing = 0
        for manager in managers:
            problems = diagnosis.diagnose_manager(manager)
            failing += bool(problems)
            owner = f", group {manager.group}" if manager.group else ""
            self.stdout.write(
                f"{manager.name} ({manager.backend_type}{owner}): {'' if problems else 'works.'}".rstrip()
            )
            for problem in problems:
                self.stdout.write(f"  {problem}")
        if failing:
            raise CommandError(f"{failing} of {len(managers)} file managers do not work.")

    def _diagnose_files(self, files: Sequence[File]) -> None:
        wrong = []
        for file in files:
            findings = diagnosis.diagnose_file(file, now=timezone.now())
            self.stdout.write(f"{file.original_filename}: {file.upload_status}, {file.file_size} bytes")
            advice = [f"To do: {findings.advice}"] if findings.advice else []
            for line in (*findings.facts, findings.verdict, *advice):
                self.stdout.write(f"  {line}")
            wrong += [findings.verdict] if findings.is_wrong else []
        if wrong:
            raise CommandError(" ".join(wrong))

    def _explain_deletions(self, deletions: Sequence[StorageDeletion]) -> None:
        self.stdout.write("The file's row is gone: it was deleted, or cleanup removed it. Its objects are queued:")
        for deletion in deletions:
            self.stdout.write(f"  {diagnosis.describe_deletion(deletion)}")
        if any(deletion.attempts for deletion in deletions):
            raise CommandError("The storage refuses the deletion. Cleanup tries again.")
