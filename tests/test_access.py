"""Who may do what: every kind of caller against every kind of file, and the lists against the single files."""

import pytest
from django.contrib.auth.models import Group, User

from fileman.errors import NoFileManager
from fileman.models import FileManager
from fileman.uploads import destination
from tests.conftest import grant
from tests.graphql.rows import save_file
from tests.uploads.driver import caller_of

pytestmark = pytest.mark.django_db


def test_a_group_narrows_and_never_widens(user: User, other_user: User, manager: FileManager, group: Group) -> None:
    """tests/flows/test_access.py has who sees what without one."""
    other = Group.objects.create(name="others")
    viewer = grant(User.objects.create_user("viewer"), "view_file")
    user.groups.add(group)
    of_group, personal = save_file(manager, user, group=group), save_file(manager, user)
    public = save_file(manager, user, is_public=True)
    assert of_group.can_be_accessed_by(user=user, group=group)
    assert not of_group.can_be_accessed_by(user=user, group=other)
    assert not of_group.can_be_accessed_by(user=other_user, group=group)
    assert not personal.can_be_accessed_by(user=user, group=group)
    assert not public.can_be_accessed_by(user=other_user, group=group)
    assert of_group.can_be_accessed_by(user=viewer, group=group)
    assert not of_group.can_be_accessed_by(group=group)
    assert public.can_be_accessed_by()


# Which file manager


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
