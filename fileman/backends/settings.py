"""The settings of a file manager's storage: typed, with defaults, unknown keys refused by name."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fileman import conf


@dataclass(frozen=True, kw_only=True)
class BackendSettings:
    """The keys that every file manager's `settings` takes. Backends add their own as fields."""

    upload_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_UPLOAD_EXPIRES_IN)
    """Seconds that signed upload requests live, 1 to 604,800."""
    download_expires_in: int = field(default_factory=lambda: conf.settings().DEFAULT_DOWNLOAD_EXPIRES_IN)
    """Seconds that signed download addresses live when the caller names no time, 1 to 604,800."""

    def problems(self) -> list[str]:
        """What is wrong with the values, one sentence each. Subclasses add to it."""
        return [
            f"{key} must be from 1 to {conf.URL_LIFETIME_CAP_SECONDS} seconds."
            for key in ("upload_expires_in", "download_expires_in")
            if not 0 < getattr(self, key) <= conf.URL_LIFETIME_CAP_SECONDS
        ]


def setting_problems(settings_class: type[BackendSettings], given: Mapping[str, Any]) -> list[str]:
    """Unknown keys, missing keys and wrong types, one sentence each."""
    known = {f.name: f for f in fields(settings_class)}
    hints = get_type_hints(settings_class)
    problems = [f"Unknown setting {key!r}; known are {', '.join(sorted(known))}." for key in given if key not in known]
    for name, spec in known.items():
        if name in given:
            if not _fits(given[name], hints[name]):
                problems.append(f"Setting {name!r} must be {_type_name(hints[name])}.")
        elif not _has_default(spec):
            problems.append(f"Setting {name!r} is missing.")
    return problems


def _has_default(spec: Field[Any]) -> bool:
    return spec.default is not MISSING or spec.default_factory is not MISSING


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def _fits(value: object, hint: Any) -> bool:
    for option in _options(hint):
        if get_origin(option) is Literal:
            if value in get_args(option):
                return True
        elif isinstance(value, get_origin(option) or option) and not (isinstance(value, bool) and option is int):
            return True
    return False


def _type_name(hint: Any) -> str:
    names = {str: "text", int: "a whole number", bool: "true or false", dict: "an object", type(None): "null"}
    parts = []
    for option in _options(hint):
        if get_origin(option) is Literal:
            parts += [repr(choice) for choice in get_args(option)]
        else:
            parts.append(names.get(get_origin(option) or option, str(option)))
    return " or ".join(parts)
