"""Choose the file manager of an upload and the group that will own it."""

from typing import Any

from fileman import access
from fileman.caller import Caller
from fileman.errors import FileManagerInactive, NoFileManager, NotFound
from fileman.models import FileManager


def choose(caller: Caller, *, file_manager_id: Any, group_id: Any, name: str = "") -> tuple[FileManager, Any]:
    """Return the file manager, by its name, id or default, and the key of the owning group (None: the uploader alone).

    Raises NotFound for a group or manager that is absent or out of reach, FileManagerInactive, NoFileManager.
    """
    if group_id is not None and group_id not in caller.group_ids:
        raise NotFound(field=("groupId",))
    wanted = {"name": name} if name else {"pk": file_manager_id}
    manager = _named(caller, wanted) if name or file_manager_id is not None else _default(caller, group_id)
    return manager, group_id if group_id is not None else manager.group_id


def _named(caller: Caller, wanted: dict[str, Any]) -> FileManager:
    found = access.policy().reachable_managers(caller).select_related("group").filter(**wanted).first()
    if found is None:
        raise NotFound(field=("fileManagerId",))
    if not found.is_active:
        raise FileManagerInactive(field=("fileManagerId",))
    return found


def _default(caller: Caller, group_id: Any | None) -> FileManager:
    """Return a group's default, else the site-wide one; without a group the site-wide one, else the only group's."""
    defaults = {
        manager.group_id: manager
        for manager in access.policy().open_managers(caller).select_related("group").filter(is_default=True)
    }
    scopes = [None] if group_id is None else [group_id, None]
    if group_id is None and None not in defaults and len(caller.group_ids) == 1:
        scopes = list(caller.group_ids)
    for scope in scopes:
        if scope in defaults:
            return defaults[scope]
    raise NoFileManager
