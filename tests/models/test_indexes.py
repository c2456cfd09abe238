"""Lists, searches and claims of workers find their rows by an index, in a table of 100,000 files."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from fileman import cleanup, deletion_queue, uploads
from fileman.graphql.ids import to_global_id
from fileman.models import FileManager
from fileman.uploads import quota
from tests.conftest import api_of, grant
from tests.graphql.rows import save_file
from tests.uploads.clock import DAY, NOW
from tests.uploads.driver import declared, finish, initiate, start

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="the plans are those of PostgreSQL")
# Copies of one file and one deletion. One in a hundred is the group's, one the user's; half of those are pending.
FILL = """
INSERT INTO fileman_file SELECT filled.* FROM fileman_file AS one, generate_series(1, 100000) AS n,
    LATERAL (SELECT n * interval '1 minute' AS age, n %% 100 AS of_100, n %% 200 AS of_200) AS by_number,
    LATERAL jsonb_populate_record(one, jsonb_build_object(
        'id', gen_random_uuid(), 'upload_token', md5(n::text), 'original_filename', md5(n::text), 'file_path', n,
        'group_id', CASE of_100 WHEN 3 THEN %(group)s END, 'failure_reason', 'x', 'file_size', n,
        'uploaded_by_id', CASE of_100 WHEN 1 THEN %(user)s ELSE %(other)s END, 'is_public', of_100 = 0,
        'content_type', CASE n %% 500 WHEN 5 THEN 'audio/ogg' ELSE 'image/png' END,
        'upload_status', CASE of_200 WHEN 1 THEN 'pending' WHEN 2 THEN 'failed' ELSE 'completed' END,
        'completed_at', CASE WHEN of_200 NOT IN (1, 2) THEN %(now)s - age END, 'created', %(now)s - age,
        'idempotency_digest', CASE n %% 3 WHEN 0 THEN md5(n::text) ELSE '' END,
        'modified', %(now)s + age, 'look_at', %(now)s + age, 'expires_at', %(now)s + age)) AS filled;
INSERT INTO fileman_storagedeletion
    (file_manager_id, path, version, file_id, due_at, watch_until, attempts, last_error, created)
SELECT %(manager)s, n::text, '', gen_random_uuid(), %(now)s + n * interval '1 minute', %(now)s, 0, '', %(now)s
FROM generate_series(-100, 20000) AS n;
"""
LIST = """query ($filters: FileFilter, $ordering: [FileOrder!]! = [], $after: String) {
  files(filters: $filters, ordering: $ordering, first: 50, after: $after) {
    edges { node { originalFilename } } pageInfo { endCursor }
  }
}"""
FILTERS: list[dict[str, Any]] = [
    {}, {"uploadStatusIn": ["PENDING", "FAILED"]}, {"uploadStatus": "FAILED"}, {"contentType": "audio/*"},
    {"contentType": "audio/ogg"}, {"isPublic": True}, {"originalFilename": {"contains": "abc"}},
    {"created": {"gte": "2026-11-23T00:00:00Z"}}, {"created": {"lt": "2026-10-23T00:00:00Z"}},
]  # fmt: skip
COLUMNS = ("created", "completedAt", "fileSize", "originalFilename")
MOST_SORTED = 2_000  # rows; those of one user or group


@contextmanager
def plans() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Collect the statements of the block about files and deletions, with their plans."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("SELECT", "UPDATE", "DELETE")) and "fileman_" in sql:
            seen.append((sql, params))
        return execute(sql, params, many, context)

    found: list[tuple[str, dict[str, Any]]] = []
    with connection.execute_wrapper(note):
        yield found
    with connection.cursor() as cursor:
        for sql, params in seen:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            (answer,) = cursor.fetchone()
            found.append((sql, (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]))


def problems(plan: dict[str, Any]) -> list[str]:
    """Name every node that reads a whole table or sorts much of it."""
    inner = plan.get("Plans", [])
    found = [problem for node in inner for problem in problems(node)]
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] in ("fileman_file", "fileman_storagedeletion"):
        found.append(f"reads all of {plan['Relation Name']}")
    if "Sort" in plan["Node Type"] and inner[0]["Plan Rows"] > MOST_SORTED:
        found.append(f"sorts {inner[0]['Plan Rows']} rows")
    at_cursor = re.search(r"\((created|completed_at|file_size) [<>] .* \(id [<>] ", plan.get("Filter", ""))
    if at_cursor and not re.search(f"{at_cursor[1]} [<>]= ", plan.get("Index Cond", "")):
        found.append("reads the index up to the cursor")
    return found


@pytest.mark.django_db
def test_no_list_or_claim_reads_a_whole_table(user: User, other_user: User, group: Group, manager: FileManager) -> None:
    user.groups.add(group)
    save_file(manager, other_user)
    values: Any = {"manager": manager.pk, "group": group.pk, "user": user.pk, "other": other_user.pk, "now": NOW}
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        ticket = start(user, now=NOW - 3 * DAY)
        cursor.execute("ANALYZE fileman_file, fileman_storagedeletion, auth_user, auth_user_groups")
    own, staff = api_of(user), api_of(grant(other_user, "view_file"))
    scopes: list[Any] = [(own, {}), (own, {"groupId": to_global_id("Group", group.pk)}), (staff, {"all": True})]
    scopes.append((staff, {"all": True, "fileManager": to_global_id("FileManager", manager.pk)}))

    with plans() as found:
        for api, scope in scopes:
            for filters in FILTERS:
                api.call(LIST, {"filters": {**scope, **filters}})
            for column in COLUMNS:
                for direction in ("ASC", "DESC"):
                    ordered = {"filters": scope, "ordering": [{column: direction}]}
                    page = api.call(LIST, ordered)["files"]["pageInfo"]
                    api.call(LIST, {**ordered, "after": page["endCursor"]})
        quota.get_usage(user)
        initiate(user, declared(), idempotency_key="k")
        finish(user, ticket)
        uploads.sweep(now=NOW)
        deletion_queue.work(now=NOW)
        cleanup.run(cleanup.Request(), now=NOW)

    bad = {sql: problem for sql, plan in found if (problem := problems(plan))}
    assert bad == {}
    assert len(found) > 4 * (len(FILTERS) + 4 * len(COLUMNS))
