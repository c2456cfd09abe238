"""The number of SQL statements does not depend on the size of a page or batch."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fileman.graphql.ids import to_global_id
from fileman.models import FileManager
from tests.api import FINALIZE, INITIATE, Api
from tests.graphql.rows import save_file, save_files
from tests.uploads.driver import configured, extra_inserts


@pytest.fixture(autouse=True)
def _compared_executors() -> None:
    """Execute nothing twice, because statements are counted."""


NODE = """
  id originalFilename fileSize metadata checksum detectedContentType failureReason expiresAt modified
  fileManager { id name maxFileSize checksumAlgorithms allowedExtensions group { id name } }
  group { id name } uploadedBy { id username } permalink
  downloadUrl inline: downloadUrl(disposition: INLINE, expiresIn: 60)
"""
WRITES = 1 if connection.vendor == "postgresql" else 2  # of initiate: the usage and the insert
RIGHTS = "filePath viewerCanUpdate viewerCanDelete"


def statements(api: Api, document: str, variables: dict[str, Any] | None = None) -> int:
    """Return the number of statements, without savepoints and the two that find the session and its user."""
    with CaptureQueriesContext(connection) as captured:
        api.call(document, variables)
    left_out = ('FROM "django_session"', 'FROM "auth_user" WHERE', "SAVEPOINT")
    return len([one for one in captured.captured_queries if not any(part in one["sql"] for part in left_out)])


def build_page(count: int, node: str = NODE, beside: str = "") -> str:
    return f"{{ files(first: {count}) {{ {beside} edges {{ node {{ {node} }} }} }} }}"


@pytest.fixture
def editors_manager(user: User, group: Group) -> FileManager:
    user.groups.add(group)
    return FileManager.objects.create(name="Editors", backend_type="memory", group=group, is_default=True)


SMALL = ("id", "downloadUrl", "fileManager { name }", "uploadedBy { id }", "group { id }", "permalink")


def test_a_page_takes_one_statement_and_one_more_for_the_total(api: Api, user: User, manager: FileManager) -> None:
    """Whatever it selects, the rights of the uploader too."""
    save_files(manager, user, 100)

    for count in (1, 100):
        assert statements(api, build_page(count, beside="totalCount")) == 2
        for node in (NODE, NODE + RIGHTS, *SMALL):
            assert (node, statements(api, build_page(count, node=node))) == (node, 1)


@pytest.mark.parametrize("count", [1, 100])
def test_a_groups_page_takes_one_more_for_the_viewers_groups(
    count: int, api: Api, user: User, group: Group, editors_manager: FileManager
) -> None:
    save_files(editors_manager, user, 100, group=group)

    assert statements(api, build_page(count, node=NODE + RIGHTS)) == 2


@pytest.mark.parametrize("count", [1, 100])
def test_files_of_others_take_the_permissions_once(
    count: int, api: Api, user: User, other_user: User, group: Group, editors_manager: FileManager
) -> None:
    """Next to the page: the viewer's groups, own permissions and group permissions, once each."""
    save_files(editors_manager, other_user, 100, group=group)
    filters = f'filters: {{groupId: "{to_global_id("Group", group.pk)}"}}'
    query = build_page(count, node=NODE + RIGHTS).replace("files(", f"files({filters}, ")

    assert statements(api, query) == 4


@pytest.mark.parametrize("count", [1, 50])
def test_managers_take_one_statement(count: int, api: Api, db: None) -> None:
    for number in range(50):
        FileManager.objects.create(name=f"{number}", backend_type="memory")
    query = f"{{ fileManagers(first: {count}) {{ edges {{ node {{ id name maxFileSize group {{ name }} }} }} }} }}"

    assert statements(api, query) == 1


def test_one_file_takes_one_statement_beside_the_permissions(api: Api, user: User, manager: FileManager) -> None:
    file = save_file(manager, user)

    assert statements(api, f'{{ file(id: "{to_global_id("File", file.pk)}") {{ {NODE} }} }}') == 3


def test_a_public_file_takes_one_statement_signed_out(anonymous: Api, user: User, manager: FileManager) -> None:
    file = save_file(manager, user, is_public=True)

    assert statements(anonymous, f'{{ file(id: "{to_global_id("File", file.pk)}") {{ {NODE + RIGHTS} }} }}') == 1


@pytest.mark.parametrize("count", [1, 50])
def test_initiate_takes_as_few_statements_for_many_files_as_for_one(count: int, api: Api, manager: FileManager) -> None:
    """The file manager, the usage and the insert. On PostgreSQL the last two are one."""
    document = "mutation ($files: [UploadFileInput!]!) { initiateUpload(input: {files: $files}) { success } }"
    variables = {"files": [{"filename": "a.png", "size": 10, "contentType": "image/png"}] * count}
    api.call(document, variables)  # which makes the row of the usage

    assert statements(api, document, variables) == WRITES + 1 + extra_inserts(count)


@pytest.mark.parametrize("is_named", [True, False])
def test_initiate_for_a_group_takes_one_more_for_the_viewers_groups(
    is_named: bool, api: Api, group: Group, editors_manager: FileManager
) -> None:
    """Without its id another one looks for a site-wide file manager, and one for the group of the file manager."""
    files = [{"filename": "a.png", "size": 10}] * 20
    variables = {"input": {"files": files, **({"groupId": to_global_id("Group", group.pk)} if is_named else {})}}
    api.call(INITIATE, variables)

    assert statements(api, INITIATE, variables) == WRITES + (2 if is_named else 4)


@pytest.mark.parametrize("part_size", [100, 50, 2], ids=["one request", "two parts", "fifty parts"])
def test_finalize_takes_six_statements(part_size: int, api: Api, manager: FileManager) -> None:
    """The upload, the claim, the progress, the commit, the deletion queue, and the upload again."""
    with configured(SINGLE_REQUEST_MAX_BYTES=part_size, PART_SIZE_BYTES=part_size):
        ticket = api.start(bytes(100))
        api.send(ticket["instructions"], bytes(100))

    assert statements(api, FINALIZE, {"input": {"uploadToken": ticket["uploadToken"]}}) == 6
