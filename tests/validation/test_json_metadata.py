"""Metadata: a small JSON object of the user. Its keys have no meaning to fileman."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User

from fileman import files
from fileman.errors import InvalidMetadata
from fileman.models import FileManager
from fileman.uploads import Ticket
from fileman.validation import json_metadata
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, declared, file_of, finish, initiate, send, start
from tests.uploads.faults import at_first


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize(
    "given",
    [{}, {"source": "web_upload", "category": "documents"}, {"text": "Grüße 👩\u200d🚀 日本"},
     {"list": [1, 2.5, None, True, {"a": []}]}, {"backslash": "\\u0000 as six letters"}, nested(5),
     {str(number): 1 for number in range(50)}, {"a": "x" * (8 * 1024 - len('{"a": ""}'))}],
)  # fmt: skip
def test_a_small_object_is_kept_as_it_is(given: dict[str, Any]) -> None:
    assert json_metadata.clean(given) == given


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "JSON object"), ("text", "JSON object"), (5, "JSON object"), (True, "JSON object"),
        (nested(6), "deeper than 5"), ({"a": [[[[[1]]]]]}, "deeper than 5"), (nested(100_000), "deeper than 5"),
        ({str(number): 1 for number in range(51)}, "more than 50 keys"),
        ({"a": [{str(number): 1 for number in range(25)} for _ in range(2)]}, "more than 50 keys"),
        ({"a": "x" * 8 * 1024}, "larger than 8192 bytes"), ({"a": "ü" * 4092}, "larger than 8192 bytes"),
        ({"a": float("nan")}, "NaN"), ({"a": [float("inf")]}, "NaN"), ({"a": float("-inf")}, "NaN"),
        ({"a": "\ud800"}, "broken character"), ({"\udfff": 1}, "broken character"), ({"a": "x\x00y"}, "NUL"),
        ({"x\x00y": 1}, "NUL"), ({"a": ["\x00"]}, "NUL"),
    ],
)  # fmt: skip
def test_values_that_databases_or_readers_cannot_handle_are_refused(given: object, message: str) -> None:
    with pytest.raises(InvalidMetadata, match=message) as refusal:
        json_metadata.clean(given, field=("files", "0", "metadata"))
    assert refusal.value.field == ("files", "0", "metadata")


def test_metadata_that_is_too_large_together_is_refused(user: User, manager: FileManager) -> None:
    half = {"a": "x" * 5000}
    (ticket,) = initiate(user, declared(metadata={"b": "x" * 5000}), metadata=half).tickets
    assert [error.code for error in ticket.errors] == ["INVALID_METADATA"]
    assert ticket.file is None


def test_metadata_that_is_replaced_while_finalize_works_is_kept(user: User, manager: FileManager) -> None:
    """Finalize got no metadata, so it writes none."""
    ticket = start(user, metadata={"step": 1})
    send(ticket)
    metadata = {"step": 2}
    replace = partial(files.update, caller=caller_of(user), file_id=file_of(ticket).pk, metadata=metadata, now=NOW)
    at_first("publish", "before", replace)
    outcome = finish(user, ticket)
    assert (outcome.error, outcome.file.metadata) == (None, {"step": 2})


def test_refused_metadata_at_finalize_changes_nothing(user: User, sent: Ticket) -> None:
    with pytest.raises(InvalidMetadata):
        finish(user, sent, metadata={"a": float("nan")})
    assert finish(user, sent).file.upload_status == "completed"
