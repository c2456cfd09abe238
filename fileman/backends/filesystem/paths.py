"""Which paths the filesystem backend takes at all. `filesystem_tree.Tree.at` is where they are walked."""

from unicodedata import category

from fileman.errors import StorageMisconfigured

_GLOB_CHARACTERS = frozenset("*?[]")
_CONTROL_OR_SURROGATE = frozenset({"Cc", "Cs"})


def components(path: str) -> list[str]:
    """The names in a path. Raises StorageMisconfigured for one that could lead elsewhere, before any system call."""
    names = path.split("/")
    if not all(is_plain(name) for name in names):
        raise StorageMisconfigured("This path is not one of a stored file.")
    return names


def is_plain(name: str) -> bool:
    """Whether a name can only mean one file in one folder."""
    if name in {"", ".", ".."} or "\\" in name or _GLOB_CHARACTERS & set(name):
        return False
    return not any(category(character) in _CONTROL_OR_SURROGATE for character in name)
