"""System checks. They make no network calls."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from fileman import conf


@register("fileman")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Return fileman.E001 for each unknown key and impossible value in FILEMAN_SETTINGS."""
    problems = conf.find_problems(getattr(django_settings, "FILEMAN_SETTINGS", {}))
    return [Error(problem, hint="See fileman.conf.FilemanSettings.", id="fileman.E001") for problem in problems]


@register("fileman")
def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    """Return fileman.E002 for no encryption key outside DEBUG, fileman.E003 for an invalid key or the SECRET_KEY."""
    given = getattr(django_settings, "FILEMAN_SETTINGS", {})
    if conf.find_problems(given):
        return []
    keys = list(given.get("ENCRYPTION_KEYS", ()))
    hint = "Create a key: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
    if not keys and not django_settings.DEBUG:
        return [Error("FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty.", hint=hint, id="fileman.E002")]
    bad = [n for n, key in enumerate(keys) if key == django_settings.SECRET_KEY or not _is_fernet_key(key)]
    problems = [f"ENCRYPTION_KEYS[{n}] must be a Fernet key other than SECRET_KEY." for n in bad]
    return [Error(problem, hint=hint, id="fileman.E003") for problem in problems]


@register("fileman")
def check_dotted_paths(**_: Any) -> list[CheckMessage]:
    """Return fileman.E004 for each validator or backend that cannot be imported, before the first upload fails."""
    given = getattr(django_settings, "FILEMAN_SETTINGS", {})
    if conf.find_problems(given):
        return []
    named = [(key, path) for key in ("UPLOAD_VALIDATORS", "CONTENT_VALIDATORS") for path in given.get(key, ())]
    named += [("BACKENDS", path) for path in given.get("BACKENDS", {}).values()]
    problems = [(key, path, _import_problem(path)) for key, path in named]
    return [
        Error(f"FILEMAN_SETTINGS[{key!r}]: {path!r} cannot be imported: {problem}", id="fileman.E004")
        for key, path, problem in problems
        if problem
    ]


def _import_problem(path: str) -> str:
    try:
        import_string(path)
    except ImportError as error:
        return str(error)
    return ""


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except (TypeError, ValueError):
        return False
    return True
