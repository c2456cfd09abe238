"""Validators of the host project: their arguments, and that none is skipped."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from fileman.caller import Caller
from fileman.models import File, FileManager
from fileman.uploads import Ticket
from fileman.validation.validators import Content
from tests.uploads.driver import configured, declared, file_of, finish, initiate, send, start, stored_paths, upload

SEEN: list[tuple[str, int, bytes, bytes]] = []
"""Arguments of `remember`: name, size, all bytes, bytes 1 to 3."""


def remember(file: File, content: Content) -> None:
    SEEN.append((file.original_filename, content.size, content.read(), content.read(1, 2)))


def find_virus(file: File, content: Content) -> None:
    if any(b"EICAR" in chunk for chunk in content.chunks()):
        raise ValidationError("This file is infected.")


def scanner_is_down(file: File, content: Content) -> None:
    raise TimeoutError("The scanner does not answer.")


def tell(request: Caller, file_data: dict[str, Any]) -> None:
    raise ValidationError(f"{request.user}: {file_data}")


def test_a_content_validator_reads_the_stored_bytes(user: User, manager: FileManager) -> None:
    SEEN.clear()
    with configured(CONTENT_VALIDATORS=[f"{__name__}.remember"]):
        upload(user, b"hello", "notes.txt")
    assert SEEN == [("notes.txt", 5, b"hello", b"el")]


def test_a_file_that_a_content_validator_refuses_is_never_published(user: User, manager: FileManager) -> None:
    ticket = start(user, b"an EICAR test")
    send(ticket, b"an EICAR test")
    with configured(CONTENT_VALIDATORS=[f"{__name__}.remember", f"{__name__}.find_virus"]):
        outcome = finish(user, ticket)
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.message) == ("REJECTED_BY_VALIDATOR", "This file is infected.")
    failed = file_of(ticket)
    assert (failed.upload_status, failed.failure_reason) == ("failed", "This file is infected.")
    assert failed.file_path not in stored_paths(manager)


def test_nothing_passes_a_scanner_that_does_not_respond(user: User, manager: FileManager, sent: Ticket) -> None:
    with configured(CONTENT_VALIDATORS=[f"{__name__}.scanner_is_down"]), pytest.raises(TimeoutError):
        finish(user, sent)
    assert file_of(sent).upload_status == "pending"
    assert file_of(sent).file_path not in stored_paths(manager)
    assert finish(user, sent).file.upload_status == "completed"


def test_a_validator_that_cannot_be_imported_stops_every_upload(user: User, manager: FileManager) -> None:
    with configured(UPLOAD_VALIDATORS=[f"{__name__}.misspelt"]), pytest.raises(ImportError):
        start(user)
    assert not File.objects.exists()


def test_an_upload_validator_gets_what_is_declared_and_words_the_error(user: User, manager: FileManager) -> None:
    with configured(UPLOAD_VALIDATORS=[f"{__name__}.tell"]):
        (error,) = initiate(user, declared("a.txt", metadata={"a": 1})).tickets[0].errors
    data = {"content_type": "text/plain", "metadata": {"a": 1}, "file_manager": manager, "filename": "a.txt", "size": 5}
    assert (error.code, error.message) == ("REJECTED_BY_VALIDATOR", f"{user}: {data}")
