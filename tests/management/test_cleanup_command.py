"""manage.py cleanup_expired_uploads, as the documentation calls it."""

import sys
from datetime import timedelta
from io import StringIO
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from fileman.errors import StorageUnavailable
from fileman.models import File, FileManager, StorageDeletion
from tests.uploads.driver import file_of, send, start, stored_paths
from tests.uploads.faults import break_storage


def run(*arguments: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("cleanup_expired_uploads", *arguments, stdout=output, stderr=StringIO())
    return output.getvalue()


@pytest.fixture
def lapsed(user: User, manager: FileManager) -> File:
    """Initiated three days ago, with its bytes stored, and never finalized."""
    long_ago = timezone.now() - timedelta(days=3)
    ticket = start(user, filename="lapsed.txt", now=long_ago)
    send(ticket, now=long_ago)
    return file_of(ticket)


def test_without_options_it_cleans_up_what_is_a_day_old(lapsed: File, manager: FileManager) -> None:
    assert run() == "Expired 1 uploads (1 pending), removed 0 rows, deleted 1 queued objects; 0 failed.\n"
    assert File.objects.get().upload_status == "expired"
    assert stored_paths(manager) == []


@pytest.mark.parametrize(("minutes", "expired"), [(-10, 0), (10, 1)])
def test_without_options_it_waits_for_24_hours(user: User, manager: FileManager, minutes: int, expired: int) -> None:
    start(user, now=timezone.now() - timedelta(hours=48, minutes=30 + minutes))
    assert run().startswith(f"Expired {expired} uploads")


@pytest.mark.parametrize(("hours", "expired"), [("0", 1), ("6", 1), ("24", 1), ("47", 1), ("48", 0), ("0.5", 1)])
def test_hours(lapsed: File, hours: str, expired: int) -> None:
    """It has been due for 48 hours less the grace of half an hour."""
    assert run("--hours", hours).startswith(f"Expired {expired} uploads")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        *((f"--hours={hours}", "hours must be 0 or more") for hours in ("-1", "nan", "inf", "1e9")),
        *((f"--hours={text}", f"'{text}' is not a number of hours") for text in ("six", "")),
        *((f"--status={status}", f"invalid choice: '{status}'") for status in ("completed", "everything")),
        ("--unheard-of", "unrecognized arguments"),
    ],
)
def test_bad_options_are_usage_errors_without_effect(lapsed: File, option: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(option)
    assert File.objects.get().upload_status == "pending"


def test_a_dry_run_tells_the_same_and_does_nothing(lapsed: File, manager: FileManager) -> None:
    before = File.objects.values().get(), stored_paths(manager), StorageDeletion.objects.count()
    dry = run("--dry-run")
    assert (File.objects.values().get(), stored_paths(manager), StorageDeletion.objects.count()) == before
    assert dry == "Would expire 1 uploads (1 pending), remove 0 rows, delete 1 queued objects; 0 failed.\n"


def test_verbose_lists_each_file_and_no_secret(lapsed: File) -> None:
    output = run("--verbose")
    assert output.splitlines()[0] == f"expire {lapsed.pk} pending lapsed.txt (5 bytes)"
    assert len(output.splitlines()) == 2
    assert str(lapsed.upload_token) not in output
    assert ".uploads/" not in output


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_told_on_a_terminal_only(lapsed: File, is_terminal: bool) -> None:
    with patch.object(sys, "stderr", StringIO()) as stderr, patch.object(stderr, "isatty", return_value=is_terminal):
        run()
    assert ("2 rows [" in stderr.getvalue(), "failed=0" in stderr.getvalue()) == (is_terminal, is_terminal)


def test_the_command_fails_with_a_storage_after_it_has_done_the_rest(lapsed: File) -> None:
    break_storage(on="delete", path=".uploads/")
    output = StringIO()
    with pytest.raises(CommandError, match="could not be cleaned up") as failure:
        call_command("cleanup_expired_uploads", stdout=output, stderr=StringIO())
    assert failure.value.returncode == 1
    assert output.getvalue().startswith("Expired 1 uploads")
    queued = StorageDeletion.objects.get(path__startswith=".uploads/")
    assert (queued.attempts, queued.last_error) == (1, StorageUnavailable.message)


def test_it_runs_without_standard_error(lapsed: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a shell starts it with `2>&-`."""
    monkeypatch.setattr(sys, "stderr", None)
    assert run().startswith("Expired 1 uploads")
