"""The upload token and the signed addresses of bytes that go through this server."""

import base64
import hashlib
import hmac
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import override_settings

from fileman import tokens, uploads
from fileman.errors import NotFound, PermissionDenied
from fileman.models import File, FileManager
from fileman.uploads import Ticket
from fileman.uploads.lookup import get_own_upload
from tests.uploads.clock import MICROSECOND, NOW
from tests.uploads.driver import abort, caller_of, declared, file_of, finish, initiate, send, start, token_of, upload
from tests.uploads.faults import at_once

LATER = NOW + timedelta(seconds=60)
STRANGE = ["", " ", "x", "x" * 43, "\x00", "\ud800", "ü" * 10, "a" * 100_000, "../../etc/passwd", "%00"]


def test_a_token_has_256_bits_and_fits_in_a_url() -> None:
    """It is the HMAC of the id and the nonce. The key is made of SECRET_KEY and a salt that nothing else has."""
    file_id, nonce = uuid4(), tokens.new_nonce()
    key = hashlib.sha256(f"fileman.upload_token{settings.SECRET_KEY}".encode()).digest()
    mac = hmac.digest(key, f"{file_id}:{nonce}".encode(), "sha256")
    token = tokens.derive_upload_token(file_id, nonce, kept="")
    assert token == base64.urlsafe_b64encode(mac).decode().rstrip("=")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)


def test_each_upload_has_a_token_of_its_own(user: User, manager: FileManager) -> None:
    """By its id and by 128 random bits in its row."""
    tickets = initiate(user, *[declared()] * 20).tickets
    assert len({token_of(ticket) for ticket in tickets}) == 20
    nonces = set(File.objects.values_list("token_nonce", flat=True))
    assert len(nonces) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", nonce) for nonce in nonces)


def test_the_database_holds_only_the_digest(user: User, manager: FileManager) -> None:
    token = token_of(start(user))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fileman_file")
        row = repr(cursor.fetchall())
    assert token not in row
    assert hashlib.sha256(token.encode()).hexdigest() in row


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


def refreshed_token(user: Any, file: File) -> str | None:
    """The token that a refresh by the file's id hands out, a minute later."""
    return uploads.refresh(caller=caller_of(user), file_id=file.pk, now=LATER).upload_token


def test_an_upload_that_is_over_has_no_token_to_hand_out(user: User, manager: FileManager) -> None:
    for over in (abort(user, start(user)).file, upload(user)):
        before = list(File.objects.values())
        assert refreshed_token(user, over) is None
        assert list(File.objects.values()) == before


def test_a_token_outlives_a_change_of_the_secret_key_until_another_is_derived(user: User, sent: Ticket) -> None:
    """No token can be told from a digest, so a client that lost it needs another, and that ends the first."""
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert uploads.refresh(caller=caller_of(user), upload_token=token_of(sent), now=NOW).error is None
        assert File.objects.get(upload_token=token_of(sent)).modified == NOW
        derived = refreshed_token(user, file_of(sent))
        assert derived not in {None, token_of(sent)}
        assert File.objects.get(upload_token=derived).modified == LATER
        assert refreshed_token(user, file_of(sent)) == derived
        with pytest.raises(NotFound):
            finish(user, sent)
        assert finish(user, replace(sent, upload_token=derived)).error is None


def test_a_replay_after_a_change_of_the_secret_key_brings_a_token_that_works(user: User, manager: FileManager) -> None:
    (ticket,) = initiate(user, declared(), idempotency_key="k").tickets
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        (again,) = initiate(user, declared(), idempotency_key="k").tickets
        assert token_of(again) != token_of(ticket)
        assert File.objects.get(upload_token=token_of(again)) == ticket.file
        send(again)
        assert finish(user, again).error is None


def test_a_key_among_the_fallbacks_ends_no_token(user: User, manager: FileManager) -> None:
    """Nor does a host that still signs with it, while the settings reach one host after the other."""
    ticket = start(user)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert refreshed_token(user, file_of(ticket)) == token_of(ticket)
        newer = start(user)
    assert refreshed_token(user, file_of(ticket)) == token_of(ticket)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert refreshed_token(user, file_of(newer)) == token_of(newer)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_renewed", [False, True], ids=["same key", "another key"])
def test_twenty_refreshes_at_once_hand_out_one_token_that_works(user: User, sent: Ticket, is_renewed: bool) -> None:
    """Twenty pages that resume one upload; also if the row must get another digest first."""
    with override_settings(SECRET_KEY="another" if is_renewed else settings.SECRET_KEY, SECRET_KEY_FALLBACKS=[]):
        answers = at_once(20, lambda _: refreshed_token(User.objects.get(pk=user.pk), file_of(sent)))
        (token,) = set(answers)
        assert isinstance(token, str)
        assert (token != token_of(sent)) == is_renewed
        assert finish(user, replace(sent, upload_token=token)).error is None


def test_a_signed_text_carries_its_payload_until_it_expires_and_tells_nobody_of_it() -> None:
    payload = {"file": "a", "length": 5}
    signed = tokens.sign(tokens.UPLOAD, payload, expires_at=LATER)
    assert b"length" not in base64.urlsafe_b64decode(signed + "==")
    opened = tokens.unsign(tokens.UPLOAD, signed, now=LATER - MICROSECOND)
    assert opened == {**payload, "exp": int(LATER.timestamp())}
    with pytest.raises(PermissionDenied, match="expired"):
        tokens.unsign(tokens.UPLOAD, signed, now=LATER)


def test_a_signed_text_outlives_a_change_of_the_secret_key_among_the_fallbacks() -> None:
    signed = tokens.sign(tokens.UPLOAD, {"file": "a"}, expires_at=LATER)
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert tokens.unsign(tokens.UPLOAD, signed, now=NOW)["file"] == "a"
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]), pytest.raises(PermissionDenied):
        tokens.unsign(tokens.UPLOAD, signed, now=NOW)


def test_every_changed_character_is_noticed() -> None:
    signed = tokens.sign(tokens.UPLOAD, {"file": "a"}, expires_at=LATER)
    for index, character in enumerate(signed[:-1]):
        tampered = signed[:index] + ("A" if character != "A" else "B") + signed[index + 1 :]
        with pytest.raises(PermissionDenied):
            tokens.unsign(tokens.UPLOAD, tampered, now=NOW)


@pytest.mark.parametrize("text", STRANGE)
def test_a_malformed_address_is_refused_and_breaks_nothing(text: str) -> None:
    with pytest.raises(PermissionDenied, match="not valid"):
        tokens.unsign(tokens.CONTENT, text, now=NOW)


def test_no_text_form_of_a_ticket_shows_the_token(user: User, manager: FileManager) -> None:
    ticket = start(user)
    refreshed = uploads.refresh(caller=caller_of(user), file_id=file_of(ticket).pk, now=NOW)
    for thing, token in ((ticket, ticket.upload_token), (refreshed, refreshed.upload_token)):
        assert token is not None
        assert token not in repr(thing)
