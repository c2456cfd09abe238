"""Who may do what: every kind of caller against every kind of file, and the lists against the single files."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from fileman import access, files, uploads
from fileman.backends.values import PartPlan, Strategy
from fileman.caller import ANONYMOUS, Caller
from fileman.errors import NoFileManager, NotFound
from fileman.models import File, FileManager
from fileman.uploads import Outcome, Ticket, destination
from fileman.uploads.state import UploadState
from tests.conftest import grant
from tests.uploads.driver import DEADLINE, NOW, caller_of, declared, file_of, finish, initiate, send, start, token_of

pytestmark = pytest.mark.django_db
CALLERS: tuple[str, ...] = ("anonymous", "inactive owner", "owner", "owner who left the group", "member", "stranger")
CALLERS += ("viewer", "changer", "deleter", "superuser")
FILES = ("personal", "personal pending", "of the group", "public", "public pending")
ALL = set(FILES)
SEE = {name: {"public"} for name in CALLERS} | {"member": {"of the group", "public"}}
SEE |= {"owner": ALL, "owner who left the group": ALL - {"of the group"}, "viewer": ALL, "superuser": ALL}
CHANGE = {"owner": ALL, "owner who left the group": ALL - {"of the group"}, "changer": ALL, "superuser": ALL}
DELETE = {**CHANGE, "changer": set[str](), "deleter": ALL}


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
def test_who_may_do_what_with_which_file(world: World, name: str) -> None:
    """A group gives reading only; the rule for one file and the one for lists say the same."""
    as_owned_by(world, name)
    caller, policy = world.caller(name), access.policy()
    listed = set(policy.visible_files(caller).values_list("pk", flat=True))
    sees: list[Callable[[File], bool]] = [
        lambda file: policy.may_see(caller, file),
        lambda file: file.pk in listed,
        lambda file: file.can_be_accessed_by(user=world.users[name]),
    ]
    assert [those(world, rule) for rule in sees] == [SEE[name]] * 3
    assert those(world, lambda file: policy.may_update(caller, file)) == CHANGE.get(name, set())
    assert those(world, lambda file: policy.may_delete(caller, file)) == DELETE.get(name, set())


def test_who_may_change_but_not_view_finds_nothing(world: World) -> None:
    with pytest.raises(NotFound):
        files.update(caller=world.caller("changer"), file_id=world.files["personal"].pk, metadata={}, now=NOW)


def test_updating_leaves_what_is_left_out(world: World) -> None:
    file, owner, later = world.files["personal"], world.caller("owner"), NOW + timedelta(hours=1)
    files.update(caller=owner, file_id=file.pk, metadata={"b": 3}, now=NOW)
    changed = files.update(caller=owner, file_id=file.pk, original_filename="new name.txt", now=later)
    assert (changed.original_filename, changed.metadata, changed.modified) == ("new name.txt", {"b": 3}, later)
    assert (changed.filename, changed.file_path) == (file.filename, file.file_path)


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
