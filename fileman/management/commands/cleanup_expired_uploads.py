"""manage.py cleanup_expired_uploads: expire overdue uploads and delete what ended ones stored."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from fileman import attachments, cleanup
from fileman.cleanup import Report, Request
from fileman.errors import FilemanError
from fileman.models import File, FileManager


def _hours(text: str) -> timedelta:
    try:
        hours = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours") from None
    if not 0 <= hours <= 24 * 365 * 100:
        raise argparse.ArgumentTypeError("hours must be 0 or more; 0 means everything that is due now")
    return timedelta(hours=hours)


class Command(BaseCommand):
    help = (
        "Complete uploads whose bytes have arrived and whose client is gone, expire unfinished uploads whose deadline "
        "has passed, remove failed, expired and aborted ones, and delete queued objects from the storages. Files that "
        "were uploaded for a field of a model and belong to no row go too; other completed ones are never touched. The "
        "exit status is 1 if a storage cannot delete something; a later run tries again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        due = "only what has been due for N hours (default 24; 0: everything that is due)"
        parser.add_argument("--hours", type=_hours, default=timedelta(hours=24), metavar="N", help=due)
        parser.add_argument("--dry-run", action="store_true", help="only print what would be done")
        status = "only uploads in this status; the deletion queue is worked in any case"
        parser.add_argument("--status", choices=cleanup.CLEANABLE, help=status)
        assign = "first make this user the uploader of all files whose uploader was deleted"
        parser.add_argument("--assign-ownerless", metavar="USERNAME", help=assign)
        parser.add_argument("--verbose", action="store_true", help="list each file")
        # Instead of the regular work
        task = parser.add_mutually_exclusive_group()
        compare = "compare storages and database: objects without row, files without object or attached row"
        task.add_argument("--reconcile", action="store_true", help=f"instead {compare}")
        give_up = "instead delete all rows of this inactive file manager, whose storage is gone for good"
        task.add_argument("--give-up", metavar="MANAGER", help=give_up)
        apply = "with --reconcile: delete objects, release files. Not if another installation stores files there"
        parser.add_argument("--apply", action="store_true", help=apply)

    def handle(self, *_: Any, **options: Any) -> None:
        self._list = self._write if options["verbose"] else lambda _: None
        if options["apply"] and not options["reconcile"]:
            raise CommandError("--apply belongs to --reconcile.")
        is_off = None if sys.stderr else True  # None: unless it is a terminal
        with tqdm(unit=" rows", leave=False, disable=is_off) as self._bar:
            if options["reconcile"]:
                self._reconcile(apply=options["apply"])
            elif options["give_up"] is not None:
                self._give_up(options["give_up"], dry_run=options["dry_run"])
            else:
                self._clean_up(options)

    def _write(self, text: str) -> None:
        with tqdm.external_write_mode():  # the progress makes room and is drawn again
            self.stdout.write(text)

    def _clean_up(self, options: dict[str, Any]) -> None:
        if options["assign_ownerless"] is not None:
            self._assign_ownerless(options["assign_ownerless"], dry_run=options["dry_run"])
        request = Request(
            older_than=options["hours"],
            statuses=(options["status"],) if options["status"] else cleanup.CLEANABLE,
            dry_run=options["dry_run"],
            on_file=lambda file, verb: self._list(f"{verb} {_describe(file)}"),
            on_batch=self._show_progress,
        )
        report = cleanup.run(request)
        self._show_summary(report, dry_run=options["dry_run"])
        if report.failed:
            raise CommandError(f"{report.failed} could not be cleaned up. The log names them. Run this again later.")

    def _reconcile(self, *, apply: bool) -> None:
        lost = failed = 0
        watch: dict[str, Any] = {"on_lost": self._list_as("no object")}
        watch["on_orphan"] = lambda stored: self._list(f"  no row: {stored.path} ({stored.size} bytes)")
        for manager in FileManager.objects.order_by("name", "pk"):
            try:
                found = cleanup.reconcile(manager, apply=apply, on_compared=self._bar.update, **watch)
            except Exception as error:  # noqa: BLE001 - a storage that fails does not stop the others
                self._write(f"{manager.name}: cannot be compared: {error}")
                failed += 1
                continue
            verb = "queued for deletion" if apply else "to delete with --apply"
            self._write(
                f"{manager.name}: {found.orphans} objects ({found.orphan_bytes} bytes) that no row knows, {verb}; "
                f"{found.lost} files without object."
            )
            lost += found.lost
        for field in attachments.get_fields():
            before = timezone.now() - timedelta(hours=1)  # a younger claim may wait for its transaction
            count = field.release_unused(apply=apply, attached_at__lt=before)
            self._write(f"{field}: {count} files that no row has, {'' if apply else 'to be '}released.")
        if apply:
            self._show_summary(cleanup.run(Request(statuses=())), dry_run=False)
        if lost or failed:
            raise CommandError(f"{lost} files have lost their object, {failed} file managers could not be compared.")

    def _list_as(self, verdict: str) -> Callable[[File], None]:
        return lambda file: self._write(f"  {verdict}: {_describe(file)}")

    def _give_up(self, name: str, *, dry_run: bool) -> None:
        managers = list(FileManager.objects.filter(name=name))
        if len(managers) != 1:
            raise CommandError(f"{len(managers)} file managers are named {name!r}.")
        try:
            loss = cleanup.give_up(managers[0], dry_run=dry_run, on_file=self._list_as("lost"))
        except FilemanError as error:
            raise CommandError(str(error)) from error
        self._write(
            f"{'Would delete' if dry_run else 'Deleted'} the rows of {loss.files} files ({loss.bytes} bytes) and of "
            f"{loss.deletions} queued objects; {loss.in_use} in use."
        )

    def _assign_ownerless(self, username: str, *, dry_run: bool) -> None:
        users = get_user_model()
        try:
            user = users.objects.get_by_natural_key(username)
        except users.DoesNotExist:
            raise CommandError(f"No user is named {username!r}.") from None
        ownerless = File.objects.filter(uploaded_by=None)
        count = ownerless.count() if dry_run else cleanup.assign_ownerless(user, now=timezone.now())
        self._write(f"{'Would assign' if dry_run else 'Assigned'} {count} files to {username}.")

    def _show_progress(self, report: Report) -> None:
        self._bar.update(report.expired + report.removed + report.deleted - self._bar.n)
        self._bar.set_postfix(failed=report.failed)

    def _show_summary(self, report: Report, *, dry_run: bool) -> None:
        if report.completed:
            self._write(f"Completed {report.completed} uploads whose client was gone.")
        expire, remove, delete = ("Would expire", "remove", "delete") if dry_run else ("Expired", "removed", "deleted")
        self._write(
            f"{expire} {report.expired} uploads{_by_status(report, File.UNFINISHED)}, {remove} {report.removed} rows"
            f"{_by_status(report, (*File.ENDED, 'completed'))}, {delete} {report.deleted} queued objects; "
            f"{report.failed} failed{f', {report.in_use} in use' if report.in_use else ''}."
        )


def _describe(file: File) -> str:
    return f"{file.pk} {file.upload_status} {file.original_filename} ({file.file_size} bytes)"


def _by_status(report: Report, statuses: Sequence[str]) -> str:
    """Return the number of files in each of these statuses, in parentheses; "" if there are none."""
    counts = ", ".join(f"{report.by_status[status]} {status}" for status in statuses if status in report.by_status)
    return f" ({counts})" if counts else ""
