"""Who may do what: every kind of caller against every kind of file, and the lists against the single files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User

from fileman import access, files
from fileman.backends.values import PartPlan, Strategy
from fileman.caller import ANONYMOUS, Caller
from fileman.errors import NoFileManager, NotFound
from fileman.models import File, FileManager
from fileman.uploads import destination
from fileman.uploads.state import UploadState
from tests.conftest import grant
from tests.graphql.rows import file_row
from tests.uploads.clock import DEADLINE, NOW
from tests.uploads.driver import abort, caller_of, declared, file_of, finish, initiate, refresh, send

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
    pending: dict[str, Any] = (
        {"upload_status": File.PENDING, "completed_at": None, "etag": ""} if "pending" in name else {}
    )
    state = UploadState(plan=PartPlan(strategy=Strategy.SINGLE, part_size=5, total_parts=1)).to_json()
    public = "public" in name
    return file_row(manager, owner, group=group, is_public=public, upload_state=state, expires_at=DEADLINE, **pending)


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


def test_leaving_the_group_of_the_file_manager_ends_the_upload(user: User, manager: FileManager, group: Group) -> None:
    """Although the file belongs to another group, which the uploader is still in."""
    FileManager.objects.filter(pk=manager.pk).update(group=group)
    owners = Group.objects.create(name="owners")
    user.groups.add(group, owners)
    (ticket,) = initiate(user, declared(), file_manager_id=manager.pk, group_id=owners.pk).tickets
    send(ticket)
    user.groups.remove(group)
    before = File.objects.values().get()
    for call in (finish, refresh, abort):
        with pytest.raises(NotFound):
            call(user, ticket)
    assert File.objects.values().get() == before
    user.groups.add(group)
    assert finish(user, ticket).file.upload_status == "completed"


# Which file manager


def test_a_manager_is_open_to_everybody_or_to_its_groups_members(user: User, other_user: User, group: Group) -> None:
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
    assert (manager.group, owner) == (other, other)


def test_a_named_group_has_its_own_default_before_the_site_wide_one(user: User, group: Group) -> None:
    """And without a name the site-wide one counts."""
    other = Group.objects.create(name="others")
    user.groups.add(group, other)
    site_wide = FileManager.objects.create(name="Site", backend_type="memory", is_default=True)
    of_group = FileManager.objects.create(name="Group", backend_type="memory", group=group, is_default=True)
    for owning, chosen in ((group, of_group), (other, site_wide), (None, site_wide)):
        group_id = owning.pk if owning else None
        chosen_with = destination.choose(caller_of(user), file_manager_id=None, group_id=group_id)
        assert chosen_with == (chosen, owning)
    FileManager.objects.filter(pk=site_wide.pk).update(is_default=False)
    user.groups.remove(other)
    assert destination.choose(caller_of(user), file_manager_id=None, group_id=None)[0] == of_group


def test_a_file_belongs_to_the_named_group_else_to_the_managers(user: User, group: Group) -> None:
    other = Group.objects.create(name="others")
    user.groups.add(group, other)
    of_group = FileManager.objects.create(name="Group", backend_type="memory", group=group)
    for group_id, owner in ((None, group), (other.pk, other)):
        (ticket,) = initiate(user, declared(), file_manager_id=of_group.pk, group_id=group_id).tickets
        assert file_of(ticket).group == owner
