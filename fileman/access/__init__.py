"""The access policy: who may do what. The single home of that rule.

A file that a group owns belongs to the group: its members see it, and its uploader only while still a member.
Membership gives reading only; changing takes the uploader or a permission. A file without a group is its uploader's.
"""

from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from fileman import conf
from fileman.caller import Caller
from fileman.errors import Unauthenticated
from fileman.models import File, FileManager

VIEW, CHANGE, DELETE, PUBLISH = (f"fileman.{verb}_file" for verb in ("view", "change", "delete", "publish"))


def require_signed_in(caller: Caller) -> None:
    """Raise Unauthenticated unless the caller is signed in."""
    if not caller.is_signed_in:
        raise Unauthenticated


def policy() -> "AccessPolicy":
    """Return the policy that ACCESS_POLICY of FILEMAN_SETTINGS names."""
    return _load(conf.settings().ACCESS_POLICY)


@lru_cache(maxsize=8)
def _load(path: str) -> "AccessPolicy":
    made: AccessPolicy = import_string(path)()
    return made


class AccessPolicy:
    """The default rule. A project with another one names a subclass in ACCESS_POLICY.

    Querysets and predicates of one rule stand side by side: a subclass that changes one changes the other too.
    """

    # Lists of files

    def own_files(self, caller: Caller) -> QuerySet[File]:
        """Return the caller's uploads: personal ones, and those of groups that the caller is still in."""
        return File.objects.filter(_own(caller)) if caller.is_signed_in else File.objects.none()

    def group_files(self, caller: Caller, group_id: Any) -> QuerySet[File]:
        """Return a group's files, for its members and for holders of the view permission."""
        if caller.has_perm(VIEW):
            return File.objects.filter(group=group_id)
        if not caller.is_signed_in:
            return File.objects.none()
        return File.objects.filter(group=group_id).filter(group__in=_group_subquery(caller))

    def all_files(self, caller: Caller) -> QuerySet[File]:
        """Return all files for holders of the view permission, none for others."""
        return File.objects.all() if caller.has_perm(VIEW) else File.objects.none()

    # One file by its id

    def visible_files(self, caller: Caller) -> QuerySet[File]:
        """Return the files that the caller may see when they know an id, public ones included."""
        public = Q(is_public=True, upload_status=File.COMPLETED)
        if not caller.is_signed_in:
            return File.objects.filter(public)
        if caller.has_perm(VIEW):
            return File.objects.all()
        return File.objects.filter(_own(caller) | Q(group__in=_group_subquery(caller)) | public)

    def may_see(self, caller: Caller, file: File, *, group_id: UUID | int | None = None) -> bool:
        """Apply the rule of `visible_files` to one file. `group_id` narrows it to a group's files, never widens it."""
        if group_id is not None and file.group_id != group_id:
            return False
        if file.is_public and file.upload_status == File.COMPLETED:
            return True
        return self.may_see_details(caller, file)

    def may_see_details(self, caller: Caller, file: File) -> bool:
        """Return True if the caller may see the uploader, the group and the metadata. Being public is no reason."""
        if self.is_uploader(caller, file) or (file.group_id is not None and file.group_id in caller.group_ids):
            return True
        return caller.has_perm(VIEW)

    def is_uploader(self, caller: Caller, file: File) -> bool:
        """Return True if the caller uploaded the file and still belongs to its group."""
        return caller.is_signed_in and file.uploaded_by_id == caller.user.pk and _in_scope(caller, file.group_id)

    def may_continue(self, caller: Caller, file: File) -> bool:
        """Return True if the caller may refresh, finalize or abort this upload.

        The uploader must still belong to the file's group and to the file manager's.
        """
        return self.is_uploader(caller, file) and _in_scope(caller, file.file_manager.group_id)

    def may_update(self, caller: Caller, file: File) -> bool:
        """Return True if the caller may rename the file, replace its metadata or publish it."""
        return self.is_uploader(caller, file) or caller.has_perm(CHANGE)

    def may_delete(self, caller: Caller, file: File) -> bool:
        """Return True if the caller may delete the file."""
        return self.is_uploader(caller, file) or caller.has_perm(DELETE)

    def may_publish(self, caller: Caller) -> bool:
        """Return True if the caller may make files public."""
        return caller.has_perm(PUBLISH)

    # File managers

    def open_managers(self, caller: Caller) -> QuerySet[FileManager]:
        """Return the file managers that the caller may upload to."""
        active = self.reachable_managers(caller).filter(is_active=True)
        return active if caller.is_signed_in else FileManager.objects.none()

    def reachable_managers(self, caller: Caller) -> QuerySet[FileManager]:
        """Return site-wide file managers and those of the caller's groups, active or not."""
        return FileManager.objects.filter(Q(group=None) | Q(group__in=_group_subquery(caller)))

    def may_use_manager(self, caller: Caller, manager: FileManager) -> bool:
        """Apply the rule of `open_managers` to one file manager; at most one statement, for the caller's groups."""
        return caller.is_signed_in and manager.is_active and _in_scope(caller, manager.group_id)


def _own(caller: Caller) -> Q:
    return Q(uploaded_by=caller.user) & (Q(group=None) | Q(group__in=_group_subquery(caller)))


def _group_subquery(caller: Caller) -> Any:
    """Return the caller's groups as a subquery, for filters that must not cost a statement."""
    return caller.groups.values("pk")


def _in_scope(caller: Caller, group_id: object) -> bool:
    return group_id is None or group_id in caller.group_ids
