"""New rows are the same whether they are inserted as JSON or by Django."""

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.models import File, FileManager
from fileman.models.insertion import insert
from tests.uploads.clock import NOW

ODD = "😀 \"quoted\" 'single' \\ \\u0041 \t\r\n\u2028 %s {} '); DROP TABLE fileman_file; --"
METADATA: dict[str, Any] = {
    ODD: [ODD, {"": None}],
    "numbers": [0, -1, 2**53 + 1, 10**30, 0.1, 1.0, 1e-300, -0.5, True, False],
    "nested": {"null": None, "list": [], "object": {}},
}
CASES: dict[str, dict[str, Any]] = {
    "least": {"group": None, "uploaded_by": None, "look_at": None},
    "odd text": {"original_filename": ODD, "metadata": METADATA, "slot": ODD, "idempotency_digest": ODD[:64]},
    "largest": {"file_size": 2**53 - 1, "tries": 2**31 - 1, "idempotency_index": 2**15 - 1, "is_public": True},
    "held": {
        "upload_status": File.VERIFYING,
        "attempt_id": UUID(int=1),
        "lease_until": datetime(2026, 3, 29, 2, 30, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    },
}


def read() -> list[dict[str, Any]]:
    """Return the columns as the database has them, the encrypted one decrypted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fileman_file ORDER BY id")
        names = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row, file in zip(rows, File.objects.order_by("pk"), strict=True):
        assert "single" not in row["upload_state"]
        row["upload_state"] = dict(file.upload_state)
    return rows


@pytest.mark.django_db
def test_both_ways_give_the_same_rows(user: User, group: Group, manager: FileManager) -> None:
    common = {"file_manager": manager, "group": group, "uploaded_by": user, "file_size": 1, "expires_at": NOW}
    common |= {"upload_state": {"strategy": "single"}, "created": NOW, "modified": NOW, "look_at": NOW}

    def build() -> list[File]:
        return [
            File(id=UUID(int=number), upload_token=name, token_nonce="nonce", **{**common, **values})
            for number, (name, values) in enumerate(CASES.items())
        ]

    File.objects.bulk_create(build())
    expected = read()
    File.objects.all()._raw_delete(File.objects.db)
    files = build()
    assert (insert(files, after=("UPDATE auth_user SET email = '' WHERE id = %s", [-1])), read()) == (False, [])
    with CaptureQueriesContext(connection) as statements:
        insert(files)

    assert read() == expected
    assert File.objects.get(original_filename=ODD).metadata == METADATA
    assert len(statements) == 1
    assert [(file._state.adding, file._state.db) for file in files] == [(False, "default")] * len(CASES)
    assert ("jsonb_to_recordset" in statements[0]["sql"]) is (connection.vendor == "postgresql")
