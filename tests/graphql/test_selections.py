"""What a page with a list of files needs besides the list: deleting a selection, and what holds the quota."""

from django.contrib.auth.models import Group, User

from fileman.graphql.ids import to_global_id
from fileman.models import File, FileManager
from tests.api import Api
from tests.uploads.driver import configured, upload

DELETE = """mutation ($input: DeleteFilesInput!) {
  deleteFiles(input: $input) { success deletedFileIds errors { code field } }
}"""
FIELDS = "usedBytes quotaBytes unfinishedBytes unfinishedUploads maxUnfinishedUploads groups { id name }"
USAGE = f"{{ fileUsage {{ {FIELDS} }} }}"


def test_one_refusal_stops_no_other_deletion(api: Api, user: User, other_user: User, manager: FileManager) -> None:
    own, foreign = [upload(user, b"a"), upload(user, b"b")], upload(other_user, b"c")
    ids = [to_global_id("File", file.pk) for file in (own[0], foreign, own[1])]

    answer = api.mutate(DELETE, ids=[ids[0], ids[1], ids[2], "nonsense"])

    assert (answer["success"], answer["deletedFileIds"]) == (False, [ids[0], ids[2]])
    assert answer["errors"] == [{"code": "NOT_FOUND", "field": ["ids", number]} for number in ("1", "3")]
    assert list(File.objects.all()) == [foreign]
    assert api.mutate(DELETE, ids=[ids[0], ids[2]])["success"], "a repeated call succeeds"


def test_what_the_time_does_not_reach_is_asked_for_again(api: Api, user: User, manager: FileManager) -> None:
    """The first file always gets its turn, so that repeated calls make progress."""
    first, second = (to_global_id("File", upload(user, data).pk) for data in (b"a", b"b"))

    with configured(FINALIZE_BUDGET_SECONDS=0.0):
        answer = api.mutate(DELETE, ids=[first, second])

    assert answer["deletedFileIds"] == [first]
    assert answer["errors"] == [{"code": "STORAGE_UNAVAILABLE", "field": ["ids", "1"]}]
    assert api.mutate(DELETE, ids=[second])["deletedFileIds"] == [second]


def test_a_selection_has_a_size(api: Api, manager: FileManager) -> None:
    with configured(MAX_BATCH_FILES=2):
        for ids in ([], ["x"] * 3):
            answer = api.mutate(DELETE, ids=ids)
            assert answer["errors"] == [{"code": "INVALID_INPUT", "field": ["ids"]}]


def test_nobody_deletes_without_a_sign_in(anonymous: Api) -> None:
    assert anonymous.mutate(DELETE, ids=["x"])["errors"] == [{"code": "UNAUTHENTICATED", "field": None}]


@configured(USER_QUOTA_BYTES=10, MAX_PENDING_UPLOADS=7)
def test_the_viewer_learns_what_holds_the_quota(api: Api, user: User, group: Group, manager: FileManager) -> None:
    user.groups.add(group)
    upload(user, b"abcd")
    api.start(b"xyz")

    assert api.call(USAGE)["fileUsage"] == {
        "usedBytes": 7,
        "quotaBytes": 10,
        "unfinishedBytes": 3,
        "unfinishedUploads": 1,
        "maxUnfinishedUploads": 7,
        "groups": [{"id": to_global_id("Group", group.pk), "name": group.name}],
    }


def test_without_a_quota_and_a_file_everything_is_zero(api: Api, anonymous: Api, db: None) -> None:
    usage = api.call("{ fileUsage { usedBytes quotaBytes unfinishedUploads } }")["fileUsage"]
    assert usage == {"usedBytes": 0, "quotaBytes": None, "unfinishedUploads": 0}
    assert anonymous.call(USAGE)["fileUsage"] is None
