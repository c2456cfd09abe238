"""manage.py fileman_doctor: find out why a file manager or an upload does not work."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from fileman import diagnosis
from fileman.errors import StorageError
from fileman.models import File, FileManager


class Command(BaseCommand):
    help = (
        "Test the storage of each file manager, or find out what happened to one upload. Files are not changed. "
        "The exit status is 1 if something is wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        subject = parser.add_mutually_exclusive_group()
        subject.add_argument("--manager", metavar="NAME", help="only file managers of this name")
        subject.add_argument(
            "--file", type=UUID, metavar="UUID", help="this file, by the id in the log and in its stable link"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["file"] is not None:
            self._diagnose_file(options["file"])
        else:
            self._diagnose_managers(options["manager"])

    def _diagnose_managers(self, name: str | None) -> None:
        managers = FileManager.objects.select_related("group").order_by("name", "pk")
        chosen = list(managers if name is None else managers.filter(name=name))
        if name is not None and not chosen:
            raise CommandError(f"No file manager is named {name!r}.")
        failing = 0
        for manager in chosen:
            problems = diagnosis.diagnose_manager(manager)
            failing += bool(problems)
            owner = f", group {manager.group}" if manager.group else ""
            self.stdout.write(
                f"{manager.name} ({manager.backend_type}{owner}): {'' if problems else 'works.'}".rstrip()
            )
            for problem in problems:
                self.stdout.write(f"  {problem}")
        if failing:
            raise CommandError(f"{failing} of {len(chosen)} file managers do not work.")

    def _diagnose_file(self, file_id: UUID) -> None:
        file = File.objects.select_related("file_manager").filter(pk=file_id).first()
        if file is None:
            raise CommandError(f"No file has the id {file_id}.")
        try:
            findings = diagnosis.diagnose_file(file, now=timezone.now())
        except StorageError as error:
            raise CommandError(f"The storage cannot be asked: {error}") from error
        self.stdout.write(f"{file.original_filename}: {file.upload_status}, {file.file_size} bytes")
        for name, stored in (("file path", findings.published), ("upload path", findings.uploaded)):
            self.stdout.write(f"  at its {name}: {f'{stored.size} bytes' if stored else 'nothing'}")
        self.stdout.write(f"  {findings.verdict}")
        if not findings.in_order:
            raise CommandError("The stored object differs from the published file.")
