"""manage.py fileman_doctor: find out why a file manager or an upload does not work."""

import json
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from fileman.backends.diagnosis import Problem
from fileman.diagnosis.files import describe_deletion, diagnose_file
from fileman.diagnosis.subjects import Subjects, describe_success, diagnose_manager, find_managers, find_subjects
from fileman.encryption import rotate
from fileman.models import File, FileManager


class Command(BaseCommand):
    help = (
        "Test the storage of each file manager, or find out what happened to one upload and what to do. "
        "Files are not changed. The exit status is 1 if something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        subject = parser.add_mutually_exclusive_group()
        known_by = "a file manager's name or id; a file's id, global id, upload token or path in the storage"
        subject.add_argument("subject", metavar="SUBJECT", nargs="?", help=known_by)
        subject.add_argument("--manager", metavar="NAME", help="only file managers of this name")
        file = "this file, by the id in the log and in its stable link"
        subject.add_argument("--file", type=UUID, metavar="UUID", help=file)
        rotate_keys = "encrypt with the first key what other keys have encrypted"
        subject.add_argument("--rotate-keys", action="store_true", help=rotate_keys)
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["rotate_keys"]:
            self._rotate_keys()
            return
        self._is_json = options["json"]
        self._document: dict[str, list[Any]] = {"managers": [], "files": [], "deletions": []}
        fault = self._find_and_diagnose(options)
        if self._is_json:
            self.stdout.write(json.dumps(self._document, indent=2))
        if fault:
            raise CommandError(fault)

    def _find_and_diagnose(self, options: Mapping[str, Any]) -> str:
        """Return the problems as one string, or ""."""
        subject, name, file_id = options["subject"], options["manager"], options["file"]
        if subject is not None:
            # Not repeated in the error: it may be a token.
            absent = "Nothing is known by this name, id, token or path."
            hint = " If an object is there, cleanup_expired_uploads --reconcile finds it." if "/" in subject else ""
            return self._diagnose(find_subjects(subject), absent=absent + hint)
        if file_id is not None:
            return self._diagnose(find_subjects(str(file_id), only_files=True), absent=f"No file has the id {file_id}.")
        if name is not None:
            return self._diagnose((find_managers(name=name), [], []), absent=f"No file manager is named {name!r}.")
        return self._diagnose_managers(find_managers())

    def _rotate_keys(self) -> None:
        failures = 0
        for name, model in (("file managers", FileManager), ("files", File)):
            rotated, problems = rotate(model)
            failures += len(problems)
            self.stdout.write("\n  ".join([f"{name}: {rotated} encrypted with the first key.", *problems]))
        if failures:
            raise CommandError(f"{failures} rows could not be decrypted. Add their keys and run this again.")

    def _diagnose(self, subjects: Subjects, *, absent: str) -> str:
        managers, files, deletions = subjects
        if deletions:
            title = "The file's row is gone: it was deleted, or cleanup removed it. Its objects are queued:"
            lines = [*map(describe_deletion, deletions)]
            self._write("deletions", {"lines": lines}, title, *lines)
            is_refused = any(deletion.attempts for deletion in deletions)
            return "The storage refuses the deletion. Cleanup tries again." if is_refused else ""
        found = self._diagnose_managers(managers) + self._diagnose_files(files)
        return found if managers or files else absent

    def _diagnose_managers(self, managers: Sequence[FileManager]) -> str:
        failing = 0
        for manager in managers:
            problems = diagnose_manager(manager)
            failing += bool(problems)
            owner = f", group {manager.group}" if manager.group else ""
            result = "" if problems else f" {describe_success(manager)}"
            title = f"{manager.name} ({manager.backend_type}{owner}):{result}"
            found = [{"id": one.id, "message": one, "fix": one.fix} for one in problems]
            entry = {"id": str(manager.pk), "name": manager.name, "problems": found}
            self._write("managers", entry, title, *map(_describe, problems))
        return f"{failing} of {len(managers)} file managers do not work." if failing else ""

    def _diagnose_files(self, files: Sequence[File]) -> str:
        wrong = []
        for file in files:
            lines, fault = diagnose_file(file, now=timezone.now())
            title = f"{file.original_filename}: {file.upload_status}, {file.file_size} bytes"
            entry = {"id": str(file.pk), "status": file.upload_status, "lines": lines, "problem": fault}
            self._write("files", entry, title, *lines)
            wrong += [fault] if fault else []
        return " ".join(wrong)

    def _write(self, kind: str, entry: dict[str, Any], *lines: str) -> None:
        self._document[kind].append(entry)
        if not self._is_json:
            self.stdout.write("\n  ".join(lines))


def _describe(problem: Problem) -> str:
    """Return the sentence, and the fix on lines of its own."""
    return f"{problem}\n{indent(json.dumps(problem.fix, indent=2), '    ')}" if problem.fix else problem
