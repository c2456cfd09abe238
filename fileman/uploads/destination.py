"""Choose the file manager of an upload and the group that will own it."""

from typing import Any

from django.contrib.auth.models import Group

from fileman import access
from fileman.caller import Caller
from fileman.errors import FileManagerInactive, NoFileManager, NotFound
from fileman.models import FileManager
from fileman.models.reading import read_file_manager

_RULES = ("open_managers", "reachable_managers")
"""Methods of the policy. While both are the default ones, plain columns find a default file manager faster."""


def choose(caller: Caller, *, file_manager_id: Any, group_id: Any, name: str = "") -> tuple[FileManager, Group | None]:
    """Return the file manager, by its name, id or default, and the owning group (None: the uploader alone).

    Raises NotFound for a group or manager that is absent or out of reach, FileManagerInactive, NoFileManager.
    """
    if group_id is not None and group_id not in caller.group_ids:
        raise NotFound(field=("groupId",))
    wanted = {"name": name} if name else {"pk": file_manager_id}
    manager = _named(caller, wanted) if name or file_manager_id is not None else _default(caller, group_id)
    return manager, caller.groups_by_id[group_id] if group_id is not None else manager.group


def _named(caller: Caller, wanted: dict[str, Any]) -> FileManager:
    found = access.policy().reachable_managers(caller).select_related("group").filter(**wanted).first()
    if found is None:
        raise NotFound(field=("fileManagerId",))
    if not found.is_active:
        raise FileManagerInactive(field=("fileManagerId",))
    return found


def _default(caller: Caller, group_id: Any | None) -> FileManager:
    """Return a group's default, else the site-wide one; without a group the site-wide one, else the only group's."""
    found = _find_default(caller, group_id)
    if found is None and group_id is not None:
        found = _find_default(caller, None)
    elif found is None and len(caller.group_ids) == 1:
        found = _find_default(caller, *caller.group_ids)
    if found is None:
        raise NoFileManager
    return found


def _find_default(caller: Caller, group_id: Any | None) -> FileManager | None:
    """Return the default of a group of the caller's, or the site-wide one, if it is among their open managers."""
    policy = access.policy()
    if any(getattr(type(policy), name) is not getattr(access.AccessPolicy, name) for name in _RULES):
        return policy.open_managers(caller).filter(group=group_id, is_default=True).first()
    where, params = ("= %s", [group_id]) if group_id is not None else ("IS NULL", [])
    return read_file_manager(f"is_active AND is_default AND group_id {where}", params)
