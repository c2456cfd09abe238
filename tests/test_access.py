"""Who may do what: every kind of caller against every kind of file, and the lists against the single files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from fileman import access, files, uploads
from fileman.backends.values import PartPlan, Strategy
from fileman.caller import ANONYMOUS, Caller
from fileman.errors import FileManagerInactive, NoFileManager, NotFound, PermissionDenied, Unauthenticated
from fileman.models import File, FileManager
from fileman.uploads import Outcome, Ticket, destination
from fileman.uploads.state import UploadState
from tests.conftest import grant
from tests.uploads.driver import (
    DEADLINE,
    NOW,
    caller_of,
    declared,
    file_of,
    finish,
    initiate,
    send,
    start,
    token_of,
)

pytestmark = pytest.mark.django_db
CALLERS = (
    "anonymous",
    "inactive owner",
    "owner",
    "owner who left the group",
    "member",
    "stranger",
    "viewer",
    "changer",
    "deleter",
    "superuser",
)
FILES = ("personal", "personal pending", "of the group", "public", "public pending")
SEE = {
    "anonymous": {"public"},
    "inactive owner": {"public"},
    "owner": set(FILES),
    "owner who left the group": set(FILES) - {"of the group"},
    "member": {"of the group", "public"},
    "stranger": {"public"},
    "viewer": set(FILES),
    "changer": {"public"},
    "deleter": {"public"},
    "superuser": set(FILES),
}
CHANGE = {
    "owner": set(FILES),
    "owner who left the group": set(FILES) - {"of the group"},
    "changer": set(FILES),
    "superuser": set(FILES),
}
DELETE = {**CHANGE, "changer": set[str](), "deleter": set(FILES)}


@dataclass(frozen=True, kw_only=True)
class World:
    files: dict[str, File]
    users: dict[str, Any]
    group: Group

    def caller(self, name: str) -> Caller:
        return Caller(user=self.users[name])


@pytest.fixture
def world(manager: FileManager, group: Group) -> World:
    names = [name for name in CALLERS if name != "anonymous"]
    made = User.objects.bulk_create(User(username=name, is_superuser=name == "superuser") for name in names)
    users: dict[str, Any] = {user.username: user for user in made} | {"anonymous": AnonymousUser()}
    for name, permission in (("viewer", "view_file"), ("changer", "change_file"), ("deleter", "delete_file")):
        users[name] = grant(users[name], permission)
    group.user_set.add(users["owner"], users["member"])
    rows = [_file(manager, users["owner"], group if name == "of the group" else None, name) for name in FILES]
    File.objects.bulk_create(rows)
    return World(files=dict(zip(FILES, rows, strict=True)), users=users, group=group)


def _file(manager: FileManager, owner: User, group: Group | None, name: str) -> File:
    done = {} if "pending" in name else {"upload_status": "completed", "completed_at": NOW, "etag": "e"}
    return File(
        file_manager=manager,
        uploaded_by=owner,
        group=group,
        original_filename="notes.txt",
        filename=name,
        file_path=f"uploads/{name}",
        content_type="text/plain",
        file_size=5,
        is_public="public" in name,
        upload_token=name,
        upload_state=UploadState(plan=PartPlan(strategy=Strategy.SINGLE, part_size=5, total_parts=1)).to_json(),
        expires_at=DEADLINE,
        **done,
    )


def as_owned_by(world: World, name: str) -> None:
    """The files belong to this caller now, whose membership or activity has ended since."""
    if name.startswith(("inactive", "owner who")):
        File.objects.update(uploaded_by=world.users[name])
        world.users[name].is_active = name != "inactive owner"
        world.users[name].save()
        for key, file in world.files.items():
            world.files[key] = File.objects.select_related("file_manager").get(pk=file.pk)


def those(world: World, rule: Callable[[File], bool]) -> set[str]:
    return {name for name, file in world.files.items() if rule(file)}


@pytest.mark.parametrize("name", CALLERS)
def test_who_sees_which_file(world: World, name: str) -> None:
    """The rule for one file and the one for lists say the same."""
    as_owned_by(world, name)
    caller = world.caller(name)
    assert those(world, lambda file: access.policy().may_see(caller, file)) == SEE[name]
    listed = set(access.policy().visible_files(caller).values_list("pk", flat=True))
    assert those(world, lambda file: file.pk in listed) == SEE[name]
    assert those(world, lambda file: file.can_be_accessed_by(user=world.users[name])) == SEE[name]


@pytest.mark.parametrize("name", CALLERS)
def test_who_changes_which_file(world: World, name: str) -> None:
    """A group gives reading only."""
    as_owned_by(world, name)
    caller = world.caller(name)
    assert those(world, lambda file: access.policy().may_update(caller, file)) == CHANGE.get(name, set())
    assert those(world, lambda file: access.policy().may_delete(caller, file)) == DELETE.get(name, set())


@pytest.mark.parametrize("name", CALLERS)
def test_updating_and_deleting_obey_the_rule(world: World, name: str) -> None:
    """What is not seen looks absent, what is only seen is forbidden; neither changes anything."""
    as_owned_by(world, name)
    caller = world.caller(name)
    for key, file in world.files.items():
        for act, allowed in ((_rename, CHANGE), (_delete, DELETE)):
            expected = _refusal(name, key, allowed)
            if expected is None:
                continue
            before = File.objects.filter(pk=file.pk).values().get()
            with pytest.raises(expected):
                act(caller, file)
            assert File.objects.filter(pk=file.pk).values().get() == before


def _refusal(name: str, key: str, allowed: dict[str, set[str]]) -> type[Exception] | None:
    if name in ("anonymous", "inactive owner"):
        return Unauthenticated
    if key not in SEE[name]:
        return NotFound
    return None if key in allowed.get(name, set()) else PermissionDenied


def _rename(caller: Caller, file: File) -> None:
    files.update(caller=caller, file_id=file.pk, original_filename="renamed.txt", now=NOW)


def _delete(caller: Caller, file: File) -> None:
    files.delete(caller=caller, file_id=file.pk, now=NOW)


def test_foreign_and_absent_look_the_same(world: World) -> None:
    caller = world.caller("stranger")
    told = []
    for file_id in (world.files["personal"].pk, uuid4()):
        with pytest.raises(NotFound) as caught:
            files.delete(caller=caller, file_id=file_id, now=NOW)
        told.append((caught.value.code, caught.value.message, caught.value.field))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("owner", {"personal", "personal pending", "of the group", "public", "public pending"}),
        ("member", set()),
        ("viewer", set()),
        ("superuser", set()),
        ("anonymous", set()),
    ],
)
def test_own_files_are_those_one_has_uploaded(world: World, name: str, listed: set[str]) -> None:
    """Public files of others are never in a list."""
    found = set(access.policy().own_files(world.caller(name)).values_list("pk", flat=True))
    assert those(world, lambda file: file.pk in found) == listed


@pytest.mark.parametrize("name", CALLERS)
def test_a_groups_files_are_for_members_and_for_who_may_view_all(world: World, name: str) -> None:
    as_owned_by(world, name)
    found = set(access.policy().group_files(world.caller(name), world.group.pk).values_list("pk", flat=True))
    sees = name in ("owner", "member", "viewer", "superuser")
    assert those(world, lambda file: file.pk in found) == ({"of the group"} if sees else set())
    all_files = access.policy().all_files(world.caller(name)).count()
    assert all_files == (5 if name in ("viewer", "superuser") else 0)


def test_a_group_narrows_and_never_widens(world: World) -> None:
    other = Group.objects.create(name="others")
    owner, stranger, viewer = (world.users[name] for name in ("owner", "stranger", "viewer"))
    of_group, personal, public = (world.files[name] for name in ("of the group", "personal", "public"))
    assert of_group.can_be_accessed_by(user=owner, group=world.group)
    assert not of_group.can_be_accessed_by(user=owner, group=other)
    assert not of_group.can_be_accessed_by(user=stranger, group=world.group)
    assert not personal.can_be_accessed_by(user=owner, group=world.group)
    assert not public.can_be_accessed_by(user=stranger, group=world.group)
    assert of_group.can_be_accessed_by(user=viewer, group=world.group)
    assert not of_group.can_be_accessed_by(group=world.group)
    assert public.can_be_accessed_by()


def test_leaving_the_group_ends_finalize_and_download_at_once(user: User, manager: FileManager, group: Group) -> None:
    user.groups.add(group)
    (ticket,) = initiate(user, declared(), group_id=group.pk).tickets
    (done,) = initiate(user, declared(), group_id=group.pk).tickets
    for each in (ticket, done):
        send(each)
    finish(user, done)
    user.groups.remove(group)
    with pytest.raises(NotFound):
        finish(user, ticket)
    assert _url(user, file_of(done)) is None
    user.groups.add(group)
    assert finish(user, ticket).file.upload_status == "completed"
    assert _url(user, file_of(done)) is not None


def test_leaving_the_group_of_the_file_manager_ends_the_upload_too(
    user: User, manager: FileManager, group: Group
) -> None:
    """Although the file belongs to another group, which the uploader is still in."""
    FileManager.objects.filter(pk=manager.pk).update(group=group)
    owners = Group.objects.create(name="owners")
    user.groups.add(group, owners)
    (ticket,) = initiate(user, declared(), file_manager_id=manager.pk, group_id=owners.pk).tickets
    send(ticket)
    user.groups.remove(group)
    before = File.objects.values().get()
    for call in (finish, _refresh, _abort):
        with pytest.raises(NotFound):
            call(user, ticket)
    assert File.objects.values().get() == before
    user.groups.add(group)
    assert finish(user, ticket).file.upload_status == "completed"


def _refresh(user: User, ticket: Ticket) -> Outcome:
    return uploads.refresh(caller=caller_of(user), file_id=file_of(ticket).pk, now=NOW)


def _abort(user: User, ticket: Ticket) -> Outcome:
    return uploads.abort(caller=caller_of(user), upload_token=token_of(ticket), now=NOW)


def _url(user: Any, file: File) -> str | None:
    return files.download_url(caller=caller_of(user), file=file, disposition="attachment", now=NOW)


@pytest.mark.parametrize("status", ["pending", "failed", "aborted", "expired"])
def test_only_completed_files_have_addresses(user: User, manager: FileManager, status: str) -> None:
    file = file_of(start(user))
    File.objects.filter(pk=file.pk).update(upload_status=status, failure_reason="x")
    file.refresh_from_db()
    assert _url(user, file) is None
    assert files.permalink(caller=caller_of(user), file=file) is None


def test_withdrawing_a_public_file_stops_new_addresses_at_once(world: World) -> None:
    file = world.files["public"]
    assert _url(AnonymousUser(), file) is not None
    files.update(caller=world.caller("owner"), file_id=file.pk, is_public=False, now=NOW)
    file.refresh_from_db()
    assert _url(AnonymousUser(), file) is None


def test_publishing_takes_its_permission_or_a_public_manager(world: World) -> None:
    file = world.files["personal"]
    with pytest.raises(PermissionDenied):
        files.update(caller=world.caller("owner"), file_id=file.pk, is_public=True, now=NOW)
    assert not File.objects.get(pk=file.pk).is_public
    grant(world.users["owner"], "publish_file")
    owner = caller_of(User.objects.get(pk=world.users["owner"].pk))
    assert files.update(caller=owner, file_id=file.pk, is_public=True, now=NOW).is_public


def test_updating_replaces_metadata_and_leaves_what_is_left_out(world: World) -> None:
    file, owner = world.files["personal"], world.caller("owner")
    files.update(caller=owner, file_id=file.pk, metadata={"a": 1, "b": 2}, now=NOW)
    files.update(caller=owner, file_id=file.pk, metadata={"b": 3}, now=NOW)
    later = NOW + timedelta(hours=1)
    changed = files.update(caller=owner, file_id=file.pk, original_filename="new name.txt", now=later)
    assert (changed.original_filename, changed.metadata, changed.modified) == ("new name.txt", {"b": 3}, later)
    assert (changed.filename, changed.file_path) == (file.filename, file.file_path)


# Which file manager


def test_a_manager_is_open_to_everybody_or_to_the_members_of_its_group(
    user: User, other_user: User, group: Group
) -> None:
    user.groups.add(group)
    site_wide = FileManager.objects.create(name="Site", backend_type="memory")
    of_group = FileManager.objects.create(name="Group", backend_type="memory", group=group)
    FileManager.objects.create(name="Off", backend_type="memory", is_active=False)
    assert set(access.policy().open_managers(caller_of(user))) == {site_wide, of_group}
    assert set(access.policy().open_managers(caller_of(other_user))) == {site_wide}
    assert set(access.policy().open_managers(ANONYMOUS)) == set()
    for one in FileManager.objects.all():
        for each in (user, other_user):
            is_open = access.policy().open_managers(caller_of(each)).filter(pk=one.pk).exists()
            assert access.policy().may_use_manager(caller_of(each), one) is is_open


def test_a_foreign_manager_or_group_looks_absent(user: User, group: Group) -> None:
    foreign = FileManager.objects.create(name="Group", backend_type="memory", group=group)
    for given in ({"file_manager_id": foreign.pk, "group_id": None}, {"file_manager_id": None, "group_id": group.pk}):
        with pytest.raises(NotFound):
            destination.choose(caller_of(user), **given)
        with pytest.raises(NotFound):
            initiate(user, declared(), **given)
    assert not File.objects.exists()


def test_an_inactive_manager_of_ones_own_is_told_to_be_so(user: User) -> None:
    off = FileManager.objects.create(name="Off", backend_type="memory", is_active=False, is_default=True)
    with pytest.raises(FileManagerInactive):
        destination.choose(caller_of(user), file_manager_id=off.pk, group_id=None)
    with pytest.raises(NoFileManager):
        destination.choose(caller_of(user), file_manager_id=None, group_id=None)


def test_with_two_groups_and_no_site_wide_default_one_must_be_named(user: User, group: Group) -> None:
    other = Group.objects.create(name="others")
    for one in (group, other):
        user.groups.add(one)
        FileManager.objects.create(name="Default", backend_type="memory", group=one, is_default=True)
    with pytest.raises(NoFileManager):
        destination.choose(caller_of(user), file_manager_id=None, group_id=None)
    manager, owner = destination.choose(caller_of(user), file_manager_id=None, group_id=other.pk)
    assert (manager.group, owner) == (other, other.pk)


def test_a_named_group_has_its_own_default_before_the_site_wide_one(user: User, group: Group) -> None:
    """And without a name the site-wide one counts."""
    other = Group.objects.create(name="others")
    user.groups.add(group, other)
    site_wide = FileManager.objects.create(name="Site", backend_type="memory", is_default=True)
    of_group = FileManager.objects.create(name="Group", backend_type="memory", group=group, is_default=True)
    for group_id, chosen in ((group.pk, of_group), (other.pk, site_wide), (None, site_wide)):
        manager, owner = destination.choose(caller_of(user), file_manager_id=None, group_id=group_id)
        assert (manager, owner) == (chosen, group_id)


def test_a_file_belongs_to_the_named_group_else_to_the_managers(user: User, group: Group) -> None:
    other = Group.objects.create(name="others")
    user.groups.add(group, other)
    of_group = FileManager.objects.create(name="Group", backend_type="memory", group=group)
    for group_id, owner in ((None, group), (other.pk, other)):
        (ticket,) = initiate(user, declared(), file_manager_id=of_group.pk, group_id=group_id).tickets
        assert file_of(ticket).group == owner


def test_without_signing_in_nothing_begins(manager: FileManager) -> None:
    inactive = User.objects.create_user("gone", is_active=False)
    for user in (AnonymousUser(), inactive):
        with pytest.raises(Unauthenticated):
            initiate(user, declared())
    assert not File.objects.exists()


def test_another_user_cannot_go_on_with_an_upload(user: User, manager: FileManager) -> None:
    """Not even who may do everything else."""
    ticket = start(user)
    root = User.objects.create_superuser("root")
    with pytest.raises(NotFound):
        uploads.finalize(caller=caller_of(root), upload_token=token_of(ticket), now=NOW)
