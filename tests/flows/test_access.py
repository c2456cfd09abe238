"""Who may do what through GraphQL and the links: each kind of viewer against each query and mutation."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings
from strawberry.relay import from_base64, to_base64

from fileman.backends import get_backend
from fileman.models import File, FileManager
from tests.api import Api
from tests.conftest import api_of, grant
from tests.flows.http_client import Json
from tests.graphql.rows import save_file
from tests.uploads.faults import note_calls

DATA = b"hello"
NOBODY = {"anonymous", "inactive owner"}
VIEWERS = (*sorted(NOBODY), "owner", "member", "other group", "stranger", "may view", "may change", "may delete")
VIEWERS += ("owner who left", "may change unseen", "staff", "superuser")
OWNERS = {"owner", "owner who left"}
SEE_PRIVATE = {*OWNERS, "may view", "may change", "may delete", "superuser"}
SEE_GROUP = SEE_PRIVATE - {"owner who left"} | {"member"}
SEE = {"private": SEE_PRIVATE, "group": SEE_GROUP, "pending": SEE_PRIVATE, "public": set(VIEWERS)}
SEE["public pending"] = SEE_PRIVATE
CHANGE = {*OWNERS, "may change", "may change unseen", "superuser"}
DELETE = {*OWNERS, "may delete", "superuser"}


@dataclass(frozen=True, kw_only=True)
class World:
    """Ann is in "editors" and has a private, a group's, a public and an unfinished file."""

    owner: Api
    ids: dict[str, str]
    token: str
    """Of the unfinished upload."""
    group: Group
    managers: dict[str, str]

    def viewer(self, who: str) -> Api:
        """The API as one of VIEWERS sees it. The inactive owner's session is older than the deactivation."""
        if who == "anonymous":
            return Api(Client())
        if who == "inactive owner":
            User.objects.filter(username="ann").update(is_active=False)
        if who == "owner who left":
            self.group.user_set.clear()
        if who in {"inactive owner", *OWNERS}:
            return self.owner
        made = User.objects.create_user(who, is_staff=who == "staff", is_superuser=who == "superuser")
        made.groups.set({"member": [self.group], "other group": [Group.objects.create(name="readers")]}.get(who, []))
        if who.startswith("may "):
            grant(made, f"{who.split()[1]}_file", *(() if who.endswith("unseen") else ("view_file",)))
        return api_of(made)


@pytest.fixture
def world(user: User, group: Group, manager: FileManager) -> World:
    user.groups.add(group)
    owner = api_of(user)
    of_group = FileManager.objects.create(name="Editors", backend_type="memory", group=group)
    managers = {m.name: to_base64("FileManager", str(m.pk)) for m in (manager, of_group)}
    pending, begun = owner.start(DATA, "pending.txt"), owner.start(DATA, "begun.txt")
    File.objects.filter(original_filename="begun.txt").update(is_public=True)
    rows = {
        "group": save_file(of_group, user, original_filename="group.txt", group=group),
        "public": save_file(manager, user, original_filename="public.txt", is_public=True),
    }
    ids = {
        "private": owner.upload(DATA, "private.txt")["id"],
        **{name: to_base64("File", str(row.pk)) for name, row in rows.items()},
        "pending": pending["file"]["id"],
        "public pending": begun["file"]["id"],
    }
    return World(owner=owner, ids=ids, token=pending["uploadToken"], group=group, managers=managers)


def snapshot() -> list[Any]:
    """Every column of every file, to see that nothing changed."""
    return list(File.objects.order_by("pk").values_list())


def names(api: Api, **filters: Any) -> list[str]:
    query = "query ($f: FileFilter) { files(filters: $f) { edges { node { originalFilename } } } }"
    data = api.call(query, {"f": filters})
    return sorted(edge["node"]["originalFilename"] for edge in data["files"]["edges"])


def code(payload: Json) -> str:
    """The code of the one error, or "" for success."""
    return "".join(error["code"] for error in payload["errors"])


def expected(who: str, *, sees: set[str], may: set[str]) -> str:
    """The code of a mutation on a file: "" for who may, else as much as the viewer may know."""
    if who in NOBODY:
        return "UNAUTHENTICATED"
    if who not in sees:
        return "NOT_FOUND"
    return "" if who in may else "PERMISSION_DENIED"


@pytest.mark.parametrize("who", VIEWERS)
class TestReading:
    def test_a_file_by_its_id(self, who: str, world: World) -> None:
        viewer = world.viewer(who)
        user = User.objects.filter(username="ann" if "owner" in who else who).first()

        for kind, file_id in world.ids.items():
            found = viewer.file(file_id)
            node = viewer.call("query ($id: ID!) { node(id: $id) { id } }", {"id": file_id})["node"]

            assert (found is not None) == (who in SEE[kind]), kind
            assert node == ({"id": file_id} if who in SEE[kind] else None)
            row = File.objects.get(pk=from_base64(file_id)[1])
            assert row.can_be_accessed_by(user=user) is (who in SEE[kind]), "the rule for one file is that of queries"
            if found is not None:
                sees_details = who in SEE["private" if kind == "public" else kind]
                assert found["metadata"] == ({} if sees_details else None)
                assert (found["uploadedBy"] is not None) is sees_details
                self._check(found, who, is_completed="pending" not in kind)

    def _check(self, found: Json, who: str, *, is_completed: bool) -> None:
        """The parts of a visible file that not everybody gets."""
        assert (found["downloadUrl"] is not None, found["permalink"] is not None) == (is_completed, is_completed)
        assert (found["viewerCanUpdate"], found["viewerCanDelete"]) == (who in CHANGE, who in DELETE)
        assert (found["filePath"] is not None) == (is_completed and who in CHANGE)

    def test_the_stable_link(self, who: str, world: World) -> None:
        """It redirects who may see a completed file; for others there is nothing."""
        client = world.viewer(who).client
        absent = client.get(f"/fileman/download/{uuid4()}/")

        for kind, file_id in world.ids.items():
            answer = client.get(f"/fileman/download/{from_base64(file_id)[1]}/")
            assert answer.status_code == (302 if who in SEE[kind] and "pending" not in kind else 404), kind
            assert answer.status_code == 302 or answer.content == absent.content

    def test_the_lists(self, who: str, world: World) -> None:
        """One's own, one's group's, everyone's with the permission; public files are in no list of others."""
        viewer, group_id = world.viewer(who), to_base64("Group", str(world.group.pk))
        everything = ["begun.txt", "group.txt", "pending.txt", "private.txt", "public.txt"]
        own = {"owner": everything, "owner who left": [name for name in everything if name != "group.txt"]}

        assert names(viewer) == own.get(who, [])
        assert names(viewer, groupId=group_id) == (["group.txt"] if who in SEE_GROUP else [])
        assert names(viewer, groupId=group_id, all=True) == (["group.txt"] if who in SEE_PRIVATE - OWNERS else [])
        assert names(viewer, all=False) == names(viewer)
        assert names(viewer, all=True) == (everything if who in SEE_PRIVATE - OWNERS else [])

    def test_the_file_managers(self, who: str, world: World) -> None:
        """Those one may upload to; permissions on files give none."""
        viewer = world.viewer(who)
        reachable = [] if who in NOBODY else ["Memory"]
        reachable = ["Editors", "Memory"] if who in {"owner", "member"} else reachable

        listed = viewer.call("{ fileManagers { edges { node { name } } } }")["fileManagers"]["edges"]
        by_id = [
            viewer.call("query ($id: ID!) { fileManager(id: $id) { name } }", {"id": manager_id})["fileManager"]
            for manager_id in world.managers.values()
        ]

        assert sorted(edge["node"]["name"] for edge in listed) == reachable
        assert sorted(found["name"] for found in by_id if found) == reachable


@pytest.mark.parametrize("who", VIEWERS)
class TestWriting:
    def test_update(self, who: str, world: World) -> None:
        viewer = world.viewer(who)

        for kind in ("private", "group", "public"):
            before = snapshot()
            payload = viewer.update(world.ids[kind], originalFilename="renamed.txt")

            assert code(payload) == expected(who, sees=SEE[kind], may=CHANGE), kind
            assert (payload["file"] is not None) == payload["success"] == (who in CHANGE & SEE[kind])
            assert (snapshot() == before) == (who not in CHANGE & SEE[kind])

    def test_delete(self, who: str, world: World) -> None:
        viewer = world.viewer(who)

        for kind, file_id in world.ids.items():
            before, calls = snapshot(), note_calls()
            payload = viewer.delete(file_id)

            assert code(payload) == expected(who, sees=SEE[kind], may=DELETE), kind
            assert payload["deletedFileId"] == (file_id if who in DELETE & SEE[kind] else None)
            assert (snapshot() == before) == (who not in DELETE & SEE[kind])
            assert who in DELETE & SEE[kind] or calls == []

    def test_publish(self, who: str, world: World) -> None:
        """Who may change a file may not yet publish it."""
        before = snapshot()

        payload = world.viewer(who).update(world.ids["private"], isPublic=True)

        assert code(payload) == (expected(who, sees=SEE_PRIVATE, may={"superuser"}))
        assert (snapshot() == before) == (who != "superuser")

    def test_an_upload_is_its_users_alone(self, who: str, world: World) -> None:
        """Not even a superuser goes on with another's upload."""
        viewer, before, calls = world.viewer(who), snapshot(), note_calls()

        payloads = [
            viewer.finalize(world.token),
            viewer.refresh(uploadToken=world.token),
            viewer.abort(world.token),
            viewer.refresh(fileId=world.ids["pending"]),
        ]

        if who in OWNERS:
            assert [code(payload) for payload in payloads] == ["NOT_UPLOADED", "", "", "UPLOAD_ABORTED"]
        else:
            assert [code(p) for p in payloads] == ["UNAUTHENTICATED" if who in NOBODY else "NOT_FOUND"] * 4
            assert [payload["file"] for payload in payloads] == [None] * 4
            assert (snapshot(), calls) == (before, [])

    def test_initiate_for_a_group_is_for_its_members(self, who: str, world: World) -> None:
        """Whether the group is named or its file manager."""
        viewer, before, calls = world.viewer(who), snapshot(), note_calls()
        targets = {"fileManagerId": world.managers["Editors"], "groupId": to_base64("Group", str(world.group.pk))}

        payloads = [viewer.initiate({"filename": "a.txt", "size": 1}, **{name: targets[name]}) for name in targets]

        if who in {"owner", "member"}:
            assert [payload["files"][0]["file"]["group"]["name"] for payload in payloads] == ["editors"] * 2
        else:
            assert [code(p) for p in payloads] == ["UNAUTHENTICATED" if who in NOBODY else "NOT_FOUND"] * 2
            assert [payload["files"] for payload in payloads] == [[], []]
            assert (snapshot(), calls) == (before, [])


def test_who_has_left_the_group_is_refused_on_the_next_call(world: World, user: User) -> None:
    """The upload that it takes, although the file belongs to another group; who comes back goes on."""
    owner, owners = world.owner, Group.objects.create(name="owners")
    user.groups.add(owners)
    of_owners = to_base64("Group", str(owners.pk))
    ticket = owner.start(DATA, fileManagerId=world.managers["Editors"], groupId=of_owners)
    owner.send(ticket["instructions"], DATA)
    user.groups.set([owners])
    before = snapshot()
    assert ticket["file"]["group"]["name"] == "owners"

    answers = [call(ticket["uploadToken"]) for call in (owner.finalize, owner.abort)]
    answers.append(owner.refresh(uploadToken=ticket["uploadToken"]))

    assert [code(answer) for answer in answers] == ["NOT_FOUND"] * 3
    assert snapshot() == before
    user.groups.add(world.group)
    assert owner.finalize(ticket["uploadToken"])["success"]


def test_an_inactive_manager_takes_no_upload_and_keeps_what_it_has(world: World) -> None:
    owner = world.owner
    FileManager.objects.filter(name="Memory").update(is_active=False)
    count = File.objects.count()

    named = owner.initiate({"filename": "a.txt", "size": 1}, fileManagerId=world.managers["Memory"])
    by_default = owner.initiate({"filename": "a.txt", "size": 1})

    assert [(e["code"], e["field"]) for e in named["errors"]] == [("FILE_MANAGER_INACTIVE", ["fileManagerId"])]
    assert (code(by_default), File.objects.count()) == ("NO_FILE_MANAGER", count)
    listed = owner.call("{ fileManagers { edges { node { name } } } }")["fileManagers"]["edges"]
    assert listed == [{"node": {"name": "Editors"}}]
    found = owner.file(world.ids["private"])
    assert found is not None
    assert b"".join(owner.download(found["downloadUrl"])) == DATA
    assert owner.abort(world.token)["success"]


def test_a_public_file_is_for_everybody_until_it_is_withdrawn(user: User, group: Group, manager: FileManager) -> None:
    """Private unless said otherwise; the publisher's word counts at once, both ways."""
    user.groups.add(group)
    publisher = api_of(grant(user, "publish_file"))
    nobody = Api(Client())
    file = publisher.upload(DATA, groupId=to_base64("Group", str(group.pk)))
    assert (file["isPublic"], nobody.file(file["id"])) == (False, None)

    assert publisher.update(file["id"], isPublic=True)["file"]["isPublic"] is True

    seen = nobody.file(file["id"])
    assert seen is not None
    assert b"".join(nobody.download(seen["downloadUrl"])) == DATA
    link = nobody.client.get("/" + seen["permalink"].split("/", 3)[3])
    assert link.status_code == 302
    assert b"".join(Client().get(link["Location"])) == DATA
    hidden = ("filePath", "metadata", "uploadedBy", "group", "fileManager")
    assert {name: seen[name] for name in hidden} == dict.fromkeys(hidden)
    assert (seen["originalFilename"], file["group"]["name"]) == ("notes.txt", "editors")

    assert publisher.update(file["id"], isPublic=False)["success"]

    assert nobody.file(file["id"]) is None
    assert nobody.client.get("/" + seen["permalink"].split("/", 3)[3]).status_code == 404


@pytest.mark.parametrize("is_rechecked", [False, True])
@pytest.mark.parametrize("happened", ["nothing", "left the group", "deactivated", "withdrawn", "row deleted"])
def test_a_download_url_and_what_has_happened_since(
    happened: str, is_rechecked: bool, user: User, stranger: Api, group: Group, manager: FileManager, settings: Settings
) -> None:
    """With RECHECK_DOWNLOADS it ends with the access of its reader. One that the server signed itself needs no row."""
    settings.FILEMAN_SETTINGS = {**settings.FILEMAN_SETTINGS, "RECHECK_DOWNLOADS": is_rechecked}
    reader, owner = User.objects.get(username="bob"), api_of(user)
    user.groups.add(group)
    reader.groups.add(group)
    file_id = owner.upload(DATA)["id"]
    row = File.objects.get()
    File.objects.update(group=group, is_public=happened == "withdrawn")
    by_server = get_backend(manager).get_url(row.stored_path)
    url = (Api(Client()) if happened == "withdrawn" else stranger).file(file_id)["downloadUrl"]  # type: ignore[index]
    if happened == "left the group":
        reader.groups.clear()
    elif happened == "deactivated":
        User.objects.filter(pk=reader.pk).update(is_active=False)
    elif happened == "withdrawn":
        owner.update(file_id, isPublic=False)
    elif happened == "row deleted":
        File.objects.all()._raw_delete("default")

    served = {path: Client().get(urlsplit(path).path).status_code for path in (url, by_server)}

    assert served == {url: 404 if is_rechecked and happened != "nothing" else 200, by_server: 200}
