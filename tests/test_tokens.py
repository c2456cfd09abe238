"""The upload token and the signed addresses of bytes that go through this server."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model

from fileman import tokens, uploads
from fileman.caller import ANONYMOUS
from fileman.errors import NotFound, PermissionDenied, Unauthenticated
from fileman.models import File, FileManager
from fileman.uploads.lookup import get_own_upload
from tests.uploads.driver import NOW, caller_of, file_of, finish, send, start, token_of, upload

LATER = NOW + timedelta(seconds=60)
STRANGE_TOKENS = ["", " ", "x", "\x00", "\ud800", "ü" * 10, "a" * 100_000, "../../etc/passwd", "%00"]


def test_a_token_has_256_random_bits_and_fits_in_an_address() -> None:
    made = {tokens.new_upload_token() for _ in range(1000)}
    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in made)


def test_the_database_holds_only_the_digest(user: User, manager: FileManager) -> None:
    token = token_of(start(user))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fileman_file")
        row = repr(cursor.fetchall())
    assert token not in row
    assert hashlib.sha256(token.encode()).hexdigest() in row


def test_a_file_is_looked_up_by_the_raw_token(user: User, manager: FileManager) -> None:
    ticket = start(user)
    assert File.objects.get(upload_token=token_of(ticket)) == ticket.file
    assert File.objects.get(upload_token__in=[token_of(ticket), "another"]) == ticket.file


def test_a_stolen_digest_opens_nothing(user: User, manager: FileManager) -> None:
    digest = str(file_of(start(user)).upload_token)
    assert len(digest) == 64
    assert not File.objects.filter(upload_token=digest).exists()
    with pytest.raises(NotFound):
        get_own_upload(caller_of(user), upload_token=digest)


def test_saving_a_file_keeps_its_token(user: User, manager: FileManager) -> None:
    ticket = start(user)
    file = file_of(ticket)
    file.is_public = True
    file.save()
    assert File.objects.get(upload_token=token_of(ticket)).is_public


@pytest.mark.parametrize("token", STRANGE_TOKENS)
def test_a_malformed_token_finds_nothing_and_breaks_nothing(user: User, manager: FileManager, token: str) -> None:
    start(user)
    for attempt in (uploads.refresh, uploads.abort, uploads.finalize):
        with pytest.raises(NotFound):
            attempt(caller=caller_of(user), upload_token=token, now=NOW)
    assert File.objects.get().upload_status == "pending"


def test_a_token_counts_only_together_with_its_user(user: User, other_user: User, manager: FileManager) -> None:
    """And a foreign one is answered like one that never was."""
    ticket = start(user)
    send(ticket)
    answers = []
    for token in (token_of(ticket), tokens.new_upload_token()):
        for attempt in (uploads.refresh, uploads.abort, uploads.finalize):
            with pytest.raises(NotFound) as caught:
                attempt(caller=caller_of(other_user), upload_token=token, now=NOW)
            answers.append((caught.value.code, caught.value.message, caught.value.field))
    assert len(set(answers)) == 1
    assert file_of(ticket).upload_status == "pending"


def test_without_signing_in_a_token_is_worth_nothing(user: User, manager: FileManager) -> None:
    ticket = start(user)
    for attempt in (uploads.refresh, uploads.abort, uploads.finalize):
        with pytest.raises(Unauthenticated):
            attempt(caller=ANONYMOUS, upload_token=token_of(ticket), now=NOW)
    assert file_of(ticket).upload_status == "pending"


def test_a_token_completes_once_and_then_tells_the_same_file(user: User, manager: FileManager) -> None:
    ticket = start(user)
    send(ticket)
    first, before = finish(user, ticket), file_of(ticket)
    second = finish(user, ticket, now=NOW + timedelta(days=30))
    after = file_of(ticket)
    assert (second.file.pk, second.error) == (first.file.pk, None)
    names = [field.attname for field in File._meta.concrete_fields]
    assert _values(after, names) == _values(before, names)


def _values(file: Model, names: list[str]) -> dict[str, object]:
    return {name: getattr(file, name) for name in names}


def test_a_new_token_for_an_upload_ends_the_old_one(user: User, manager: FileManager) -> None:
    ticket = start(user)
    assert ticket.file is not None
    outcome = uploads.refresh(caller=caller_of(user), file_id=ticket.file.pk, now=NOW)
    assert outcome.upload_token is not None
    assert outcome.upload_token != ticket.upload_token
    assert File.objects.get(upload_token=outcome.upload_token) == ticket.file
    with pytest.raises(NotFound):
        finish(user, ticket)


def test_a_signed_text_carries_its_payload_until_it_expires() -> None:
    signed = tokens.sign(tokens.UPLOAD, {"file": "a", "length": 5}, expires_at=LATER)
    last_moment = LATER - timedelta(microseconds=1)
    assert tokens.unsign(tokens.UPLOAD, signed, now=last_moment) == {
        "file": "a",
        "length": 5,
        "exp": int(LATER.timestamp()),
    }
    with pytest.raises(PermissionDenied, match="expired"):
        tokens.unsign(tokens.UPLOAD, signed, now=LATER)


@pytest.mark.parametrize(
    ("made_for", "used_for"), [("fileman.upload", "fileman.content"), ("fileman.content", "fileman.upload")]
)
def test_an_address_for_one_purpose_is_refused_by_the_other(made_for: str, used_for: str) -> None:
    signed = tokens.sign(made_for, {"file": "a"}, expires_at=LATER)
    with pytest.raises(PermissionDenied, match="not valid"):
        tokens.unsign(used_for, signed, now=NOW)


def test_every_changed_character_is_noticed() -> None:
    signed = tokens.sign(tokens.UPLOAD, {"file": "a"}, expires_at=LATER)
    for index, character in enumerate(signed[:-1]):
        tampered = signed[:index] + ("A" if character != "A" else "B") + signed[index + 1 :]
        with pytest.raises(PermissionDenied):
            tokens.unsign(tokens.UPLOAD, tampered, now=NOW)


@pytest.mark.parametrize("text", STRANGE_TOKENS)
def test_a_malformed_address_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(PermissionDenied, match="not valid"):
        tokens.unsign(tokens.CONTENT, text, now=NOW)


def test_the_upload_token_is_no_address(user: User, manager: FileManager) -> None:
    ticket = start(user)
    for purpose in (tokens.UPLOAD, tokens.CONTENT):
        with pytest.raises(PermissionDenied):
            tokens.unsign(purpose, token_of(ticket), now=NOW)


def test_no_text_form_of_a_ticket_shows_the_token(user: User, manager: FileManager) -> None:
    ticket = start(user)
    refreshed = uploads.refresh(caller=caller_of(user), file_id=file_of(ticket).pk, now=NOW)
    for thing, token in ((ticket, ticket.upload_token), (refreshed, refreshed.upload_token)):
        assert token is not None
        assert token not in repr(thing)


def test_public_ids_are_random(user: User, manager: FileManager) -> None:
    ids = [upload(user).pk for _ in range(5)]
    assert {(made.version, made.variant) for made in ids} == {(4, "specified in RFC 4122")}
    assert len(set(ids)) == 5
