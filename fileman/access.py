"""Who may do what. The single home of that rule.

A file that a group owns belongs to the group: its members see it, and its uploader only while still a member. Seeing is
all that membership gives; changing takes the uploader or a permission. A file without a group is its uploader's.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, Group
from django.db.models import Q
from django.http import HttpRequest

from fileman import conf
from fileman.errors import Unauthenticated

if TYPE_CHECKING:
    from fileman.models import File, FileManager

VIEW, CHANGE, DELETE, PUBLISH = (f"fileman.{verb}_file" for verb in ("view", "change", "delete", "publish"))


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls, and from where. Validators of host projects get it as their `request`."""

    user: Any
    """A user of the project, or AnonymousUser."""
    origin: str | None = None
    """The browser's Origin, as sent."""
    site_url: str = "/"
    """What addresses of this server are relative to: "https://host/"."""

    @property
    def is_signed_in(self) -> bool:
        return bool(self.user.is_authenticated and self.user.is_active)

    @cached_property
    def group_ids(self) -> frozenset[Any]:
        """Primary keys of the groups that the user is in; one statement, once."""
        return frozenset(self.user.groups.values_list("pk", flat=True)) if self.is_signed_in else frozenset()

    def has_perm(self, permission: str) -> bool:
        return self.is_signed_in and self.user.has_perm(permission)


ANONYMOUS = Caller(user=AnonymousUser())


def caller_from_request(request: HttpRequest) -> Caller:
    """Who sends this request, and the site that answers it."""
    site_url = conf.settings().PUBLIC_URL or request.build_absolute_uri("/")
    return Caller(user=request.user, origin=request.headers.get("Origin"), site_url=site_url)


def require_signed_in(caller: Caller) -> None:
    """Raises Unauthenticated."""
    if not caller.is_signed_in:
        raise Unauthenticated


def groups_of(caller: Caller) -> Any:
    """The caller's groups as a subquery, for filters that must not cost a statement."""
    return Group.objects.filter(user=caller.user).values("pk")


def own_files(caller: Caller) -> Q:
    """What the caller uploaded and still has: personal, or of a group they are in."""
    if not caller.is_signed_in:
        return Q(pk__in=[])
    return Q(uploaded_by=caller.user) & (Q(group=None) | Q(group__in=groups_of(caller)))


def files_of_group(caller: Caller, group_id: object) -> Q:
    """A group's files, for its members and for who may view all."""
    if caller.has_perm(VIEW):
        return Q(group=group_id)
    return Q(group=group_id) & Q(group__in=groups_of(caller)) if caller.is_signed_in else Q(pk__in=[])


def all_files(caller: Caller) -> Q:
    """Everything, for who may view all; nothing for others."""
    return Q() if caller.has_perm(VIEW) else Q(pk__in=[])


def visible_files(caller: Caller) -> Q:
    """What the caller may see when they know its id: public files too."""
    public = Q(is_public=True, upload_status="completed")
    if not caller.is_signed_in:
        return public
    if caller.has_perm(VIEW):
        return Q()
    return own_files(caller) | Q(group__in=groups_of(caller)) | public


def open_managers(caller: Caller) -> Q:
    """The file managers that the caller may upload to."""
    if not caller.is_signed_in:
        return Q(pk__in=[])
    return Q(is_active=True) & reachable_managers(caller)


def reachable_managers(caller: Caller) -> Q:
    """Site-wide file managers and those of the caller's groups, active or not."""
    return Q(group=None) | Q(group__in=groups_of(caller))


def may_use_manager(caller: Caller, manager: "FileManager") -> bool:
    """Whether `open_managers` holds this one; no statement beyond the caller's groups."""
    return caller.is_signed_in and manager.is_active and _in_scope(caller, manager.group_id)


def is_uploader(caller: Caller, file: "File") -> bool:
    """Whether the caller uploaded the file and still is of its group."""
    return caller.is_signed_in and file.uploaded_by_id == caller.user.pk and _in_scope(caller, file.group_id)


def may_go_on(caller: Caller, file: "File") -> bool:
    """Whether the caller may refresh, finalize or abort this upload: still of its group and of its manager's."""
    return is_uploader(caller, file) and _in_scope(caller, file.file_manager.group_id)


def may_update(caller: Caller, file: "File") -> bool:
    return is_uploader(caller, file) or caller.has_perm(CHANGE)


def may_delete(caller: Caller, file: "File") -> bool:
    return is_uploader(caller, file) or caller.has_perm(DELETE)


def may_publish(caller: Caller) -> bool:
    """Whether the caller may make files public of their own accord."""
    return caller.has_perm(PUBLISH)


def may_see(caller: Caller, file: "File", *, group_id: UUID | int | None = None) -> bool:
    """The rule of `visible_files` for one file in hand. `group_id` narrows it to that group's files; never widens."""
    if group_id is not None and file.group_id != group_id:
        return False
    if file.is_public and file.upload_status == file.COMPLETED:
        return True
    if is_uploader(caller, file) or (file.group_id is not None and file.group_id in caller.group_ids):
        return True
    return caller.has_perm(VIEW)


def _in_scope(caller: Caller, group_id: object) -> bool:
    return group_id is None or group_id in caller.group_ids
