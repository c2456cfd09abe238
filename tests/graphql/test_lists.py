"""Lists: pages, cursors, orders and filters."""

from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User

from fileman.graphql.ids import to_global_id, to_uuid
from fileman.models import File, FileManager
from tests.api import Api
from tests.graphql.rows import NOON, file_row, save_file, save_files

PAGE = """
  query (
    $filters: FileFilter, $ordering: [FileOrder!]! = [], $first: Int, $after: String, $last: Int, $before: String
  ) {
    files(filters: $filters, ordering: $ordering, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { originalFilename fileSize } }
    }
  }
"""


def page(api: Api, **variables: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.call(PAGE, variables)["files"]
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["originalFilename"] for edge in found["edges"]]


def refusal(api: Api, **variables: Any) -> tuple[str, str]:
    body = api.post(PAGE, variables).json()
    assert body["data"] is None
    (error,) = body["errors"]
    return error["extensions"]["code"], error["message"]


def save_named(manager: FileManager, user: User, *named: str, **over: Any) -> None:
    """Save one file per name, the newest first."""
    rows = [file_row(manager, user, age=age, original_filename=name, **over) for age, name in enumerate(named)]
    File.objects.bulk_create(rows)


class TestPages:
    def test_without_arguments_a_page_has_fifty_of_the_newest(self, api: Api, user: User, manager: FileManager) -> None:
        save_named(manager, user, *[f"{n}.txt" for n in range(120)])

        found = page(api)

        assert names(found) == [f"{n}.txt" for n in range(50)]
        assert found["totalCount"] == 120
        assert found["pageInfo"]["hasNextPage"] is True
        assert found["pageInfo"]["hasPreviousPage"] is False

    @pytest.mark.parametrize("over", [{}, {"created": NOON}], ids=["newest first", "equal values"])
    def test_pages_are_seamless(self, over: dict[str, Any], api: Api, user: User, manager: FileManager) -> None:
        save_named(manager, user, *[f"{n}.txt" for n in range(7)], **over)
        seen: list[str] = []
        after = None
        for _ in range(3):
            found = page(api, first=3, after=after)
            seen += names(found)
            after = found["pageInfo"]["endCursor"]

        assert (sorted(seen) if over else seen) == [f"{n}.txt" for n in range(7)]
        assert found["pageInfo"]["hasNextPage"] is False

    def test_ties_run_in_the_direction_of_the_index(self, api: Api, user: User, manager: FileManager) -> None:
        """Newest first has the greatest id first, as the index has; oldest first is the exact reverse."""
        keys = sorted(row.pk for row in save_files(manager, user, 9, created=NOON))
        query = "query ($by: FileOrdering!) { files(ordering: [{created: $by}]) { edges { node { id } } } }"

        def found(by: str) -> list[UUID]:
            return [to_uuid("File", edge["node"]["id"]) for edge in api.call(query, {"by": by})["files"]["edges"]]

        assert found("ASC") == keys
        assert found("DESC") == keys[::-1]

    def test_a_new_file_does_not_shift_later_pages(self, api: Api, user: User, manager: FileManager) -> None:
        save_named(manager, user, "0.txt", "1.txt", "2.txt")
        first = page(api, first=2)
        save_file(manager, user, age=-1, original_filename="new.txt")

        assert names(page(api, first=2, after=first["pageInfo"]["endCursor"])) == ["2.txt"]

    def test_backwards_from_the_end_and_from_a_cursor(self, api: Api, user: User, manager: FileManager) -> None:
        save_named(manager, user, *[f"{n}.txt" for n in range(5)])

        end = page(api, last=2)
        before = page(api, last=2, before=end["pageInfo"]["startCursor"])

        assert names(end) == ["3.txt", "4.txt"]
        assert end["pageInfo"]["hasPreviousPage"] is True
        assert names(before) == ["1.txt", "2.txt"]

    def test_first_zero_is_empty_and_counts(self, api: Api, user: User, manager: FileManager) -> None:
        save_files(manager, user, 2)

        found = page(api, first=0)

        assert found["edges"] == []
        assert found["totalCount"] == 2

    @pytest.mark.parametrize("argument", ["first", "last"])
    @pytest.mark.parametrize("size", [-1, 101])
    def test_impossible_sizes_are_refused(self, argument: str, size: int, api: Api) -> None:
        assert refusal(api, **{argument: size}) == ("INVALID_INPUT", f"{argument} must be from 0 to 100.")

    def test_first_and_last_exclude_each_other(self, api: Api) -> None:
        assert refusal(api, first=5, last=5) == ("INVALID_INPUT", "Pass either first or last, not both.")

    def test_file_managers_have_pages_too(self, api: Api, db: None) -> None:
        for name in "cab":
            FileManager.objects.create(name=name, backend_type="memory")
        query = """query ($after: String) {
          fileManagers(first: 2, after: $after) { edges { node { name } } pageInfo { endCursor } totalCount }
        }"""

        first = api.call(query)["fileManagers"]
        second = api.call(query, {"after": first["pageInfo"]["endCursor"]})["fileManagers"]

        assert [edge["node"]["name"] for edge in first["edges"]] == ["a", "b"]
        assert [edge["node"]["name"] for edge in second["edges"]] == ["c"]
        assert first["totalCount"] == 3


def cursor(text: str) -> str:
    return b64encode(text.encode()).decode()


BAD_CURSORS = {
    "not base64": "%%%",
    "unsigned": cursor('orderedcursor:["2026-01-31T12:00:00Z","0d6ab2f0-4c88-4fb0-8d0d-bd1f2a3b4c5d"]'),
    "long": cursor('orderedcursor:["' + "9" * 5000 + '","x"]'),
    "surrogate": "\ud800",
    "NUL": "\0",
}


class TestCursors:
    @pytest.mark.parametrize("name", BAD_CURSORS)
    @pytest.mark.parametrize("argument", ["after", "before"])
    def test_no_forged_cursor_works(self, name: str, argument: str, api: Api, user: User, manager: FileManager) -> None:
        save_files(manager, user, 2)

        code, message = refusal(api, **{argument: BAD_CURSORS[name]})

        assert code == "INVALID_INPUT"
        assert message == "Unknown cursor. Pass a cursor of this list, with the same ordering."

    def test_a_cursor_works_only_for_its_ordering(self, api: Api, user: User, manager: FileManager) -> None:
        save_files(manager, user, 2)
        made = page(api, first=1, ordering=[{"fileSize": "ASC"}])["pageInfo"]["endCursor"]

        assert refusal(api, after=made, ordering=[{"fileSize": "DESC"}])[0] == "INVALID_INPUT"
        assert refusal(api, after=made)[0] == "INVALID_INPUT"
        assert len(names(page(api, after=made, ordering=[{"fileSize": "ASC"}]))) == 1

    def test_a_cursor_works_only_for_its_list(self, api: Api, user: User, manager: FileManager) -> None:
        save_files(manager, user, 1)
        made = page(api)["pageInfo"]["endCursor"]

        body = api.post("query ($after: String) { fileManagers(after: $after) { totalCount } }", {"after": made}).json()

        assert body["errors"][0]["extensions"] == {"code": "INVALID_INPUT"}

    def test_a_changed_cursor_is_refused(self, api: Api, user: User, manager: FileManager) -> None:
        """Its values go into a WHERE clause, where NUL and huge numbers are database errors."""
        save_files(manager, user, 2)
        signature = page(api, first=1)["pageInfo"]["endCursor"].rsplit(":", 1)[1]
        forged = cursor('orderedcursor:["2026-01-31T12:00:00+00:00","0d6ab2f0-4c88-4fb0-8d0d-bd1f2a3b4c5d"]')

        assert refusal(api, after=f"{forged}:{signature}")[0] == "INVALID_INPUT"


class TestOrders:
    @pytest.fixture(autouse=True)
    def _files(self, user: User, manager: FileManager) -> None:
        for age, (name, size) in enumerate([("b", 2), ("a", 3), ("c", 3)]):
            save_file(manager, user, age=age, original_filename=name, file_size=size)

    @pytest.mark.parametrize(
        ("ordering", "expected"),
        [
            ([], "bac"),
            ([{"created": "DESC"}], "bac"),
            ([{"created": "ASC"}], "cab"),
            ([{"originalFilename": "ASC"}], "abc"),
            ([{"originalFilename": "DESC"}], "cba"),
            ([{"fileSize": "ASC"}, {"originalFilename": "DESC"}], "bca"),
            ([{"fileSize": "DESC"}, {"created": "ASC"}], "cab"),
        ],
    )
    def test_files_are_sorted_by_given_fields(self, ordering: list[dict[str, str]], expected: str, api: Api) -> None:
        assert "".join(names(page(api, ordering=ordering))) == expected

    @pytest.mark.parametrize("ordering", [[{"fileSize": "ASC"}], [{"fileSize": "DESC"}, {"originalFilename": "ASC"}]])
    def test_pages_follow_the_order(self, ordering: list[dict[str, str]], api: Api) -> None:
        whole = names(page(api, ordering=ordering))
        first = page(api, ordering=ordering, first=2)
        second = page(api, ordering=ordering, first=2, after=first["pageInfo"]["endCursor"])

        assert names(first) + names(second) == whole

    def test_a_field_named_twice_is_refused(self, api: Api) -> None:
        refused = refusal(api, ordering=[{"created": "ASC"}, {"created": "DESC"}])

        assert refused == ("INVALID_INPUT", "Pass each field of ordering only once.")

    @pytest.mark.parametrize("order", [{}, {"created": "ASC", "fileSize": "ASC"}, {"created": None}, {"etag": "ASC"}])
    def test_an_order_names_exactly_one_known_field(self, order: dict[str, Any], api: Api) -> None:
        body = api.post(PAGE, {"ordering": [order]}).json()

        assert body["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


class TestFilters:
    @pytest.fixture
    def other_manager(self, db: None) -> FileManager:
        return FileManager.objects.create(name="Other", backend_type="memory")

    @pytest.fixture(autouse=True)
    def _files(self, user: User, manager: FileManager, other_manager: FileManager) -> None:
        save_file(manager, user, age=0, original_filename="Report 2026.pdf", content_type="application/pdf")
        save_file(manager, user, age=60, original_filename="photo.png", content_type="image/png", is_public=True)
        pending = {"upload_status": File.PENDING, "completed_at": None, "etag": ""}
        save_file(other_manager, user, age=120, original_filename="100%_report.txt", **pending)

    @pytest.mark.parametrize(
        ("filters", "expected"),
        [
            (None, ["Report 2026.pdf", "photo.png", "100%_report.txt"]),
            ({}, ["Report 2026.pdf", "photo.png", "100%_report.txt"]),
            ({"uploadStatus": "PENDING"}, ["100%_report.txt"]),
            ({"uploadStatus": None}, ["Report 2026.pdf", "photo.png", "100%_report.txt"]),
            ({"uploadStatusIn": ["PENDING", "FAILED"]}, ["100%_report.txt"]),
            ({"uploadStatusIn": ["PENDING", "COMPLETED"], "uploadStatus": "PENDING"}, ["100%_report.txt"]),
            ({"uploadStatusIn": []}, []),
            ({"contentType": "image/*"}, ["photo.png"]),
            ({"contentType": "image/png"}, ["photo.png"]),
            ({"contentType": "Image/X-PNG"}, ["photo.png"]),
            ({"contentType": "image"}, []),
            ({"originalFilename": {"contains": "REPORT"}}, ["Report 2026.pdf", "100%_report.txt"]),
            ({"originalFilename": {"contains": "\ufeffrepo\u200brt"}}, ["Report 2026.pdf", "100%_report.txt"]),
            ({"originalFilename": {"contains": "0%_r"}}, ["100%_report.txt"]),
            ({"originalFilename": {"contains": "%"}}, ["100%_report.txt"]),
            ({"isPublic": True}, ["photo.png"]),
            ({"isPublic": False}, ["Report 2026.pdf", "100%_report.txt"]),
            ({"isPublic": False, "uploadStatus": "COMPLETED"}, ["Report 2026.pdf"]),
            ({"created": {"gte": "2026-01-31T11:00:00Z"}}, ["Report 2026.pdf", "photo.png"]),
            ({"created": {"lt": "2026-01-31T11:00:00Z"}}, ["100%_report.txt"]),
            ({"created": {"gte": "2026-01-31T12:00:00+01:00", "lt": "2026-01-31T12:00:00"}}, ["photo.png"]),
            ({"created": {"gte": "0001-01-01T00:00:00Z", "lt": "9999-12-31T23:59:59Z"}}, 3),
        ],
    )
    def test_each_filter_narrows(self, filters: Any, expected: list[str] | int, api: Api) -> None:
        found = page(api, filters=filters)

        assert found["totalCount"] == (expected if isinstance(expected, int) else len(expected))
        assert isinstance(expected, int) or names(found) == expected

    def test_by_time_of_completion_only_completed_files_are_listed(self, api: Api) -> None:
        File.objects.filter(original_filename="photo.png").update(completed_at=NOON - timedelta(days=9))
        found = page(api, first=1, ordering=[{"completedAt": "ASC"}])
        rest = page(api, first=5, after=found["pageInfo"]["endCursor"], ordering=[{"completedAt": "ASC"}])

        assert [*names(found), *names(rest)] == ["photo.png", "Report 2026.pdf"]

    def test_by_file_manager(self, api: Api, other_manager: FileManager) -> None:
        manager_id = to_global_id("FileManager", other_manager.pk)
        assert names(page(api, filters={"fileManager": manager_id})) == ["100%_report.txt"]
        assert names(page(api, filters={"fileManager": "nonsense"})) == []

    @pytest.mark.parametrize(
        ("filters", "code"),
        [
            ({"originalFilename": {"contains": "a\0"}}, "INVALID_INPUT"),
            ({"originalFilename": {"contains": "\ud800"}}, "INVALID_INPUT"),
            ({"contentType": "x" * 256}, "INVALID_INPUT"),
            ({"contentType": "\0"}, "INVALID_INPUT"),
            ({"created": {"gte": "yesterday"}}, "GRAPHQL_VALIDATION_FAILED"),
            ({"created": {"gte": 5}}, "GRAPHQL_VALIDATION_FAILED"),
            ({"created": {"lt": "0001-01-01T00:00:00+23:59"}}, "GRAPHQL_VALIDATION_FAILED"),
            ({"created": {"lt": "9999-12-31T24:00:00"}}, "GRAPHQL_VALIDATION_FAILED"),
            ({"uploadStatus": "completed"}, "GRAPHQL_VALIDATION_FAILED"),
            ({"originalFilename": {"regex": ".*"}}, "GRAPHQL_VALIDATION_FAILED"),
            ({"NOT": {}}, "GRAPHQL_VALIDATION_FAILED"),
        ],
    )
    def test_impossible_filters_are_refused_with_a_code(self, filters: dict[str, Any], code: str, api: Api) -> None:
        body = api.post(PAGE, {"filters": filters}).json()

        assert body["errors"][0]["extensions"]["code"] == code

    def test_managers_by_type_default_name_and_group(self, api: Api, user: User, group: Group) -> None:
        user.groups.add(group)
        FileManager.objects.create(name="Editors", backend_type="memory", group=group)
        query = "query ($filters: FileManagerFilter) { fileManagers(filters: $filters) { edges { node { name } } } }"

        def found(**filters: Any) -> list[str]:
            edges = api.call(query, {"filters": filters})["fileManagers"]["edges"]
            return [edge["node"]["name"] for edge in edges]

        assert found() == ["Editors", "Memory", "Other"]
        assert found(isDefault=True) == ["Memory"]
        assert found(name={"contains": "OTH"}) == ["Other"]
        assert found(backendType="s3") == []
        assert found(backendType="memory", isDefault=False) == ["Editors", "Other"]
        assert found(groupId=to_global_id("Group", group.pk)) == ["Editors"]
        assert found(groupId="nonsense") == []
