"""System checks. They make no network calls, except that W006 looks up the names of storages."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, router
from django.db.models import CASCADE, ForeignObjectRel
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from fileman import conf


@register("fileman")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Return fileman.E001 for each unknown key and impossible value in FILEMAN_SETTINGS, else its other problems."""
    given = getattr(django_settings, "FILEMAN_SETTINGS", {})
    problems = conf.find_problems(given)
    if problems:
        return [Error(problem, hint="See fileman.conf.FilemanSettings.", id="fileman.E001") for problem in problems]
    return [*check_lease(), *_check_encryption_keys(given), *_check_dotted_paths()]


def check_lease() -> list[CheckMessage]:
    """Return fileman.W005 if a finalize call can work longer than it owns its upload."""
    settings = conf.settings()
    longest = settings.FINALIZE_BUDGET_SECONDS + settings.full_timeout_seconds
    if settings.LEASE.total_seconds() >= longest:
        return []
    message = f"LEASE is shorter than a finalize call can work: {longest:g} seconds."
    hint = "Raise LEASE to FINALIZE_BUDGET_SECONDS plus both storage time-outs. Otherwise two calls do the same work."
    return [checks.Warning(message, hint=hint, id="fileman.W005")]


def _check_encryption_keys(given: Mapping[str, Any]) -> list[CheckMessage]:
    """Return fileman.E002 for no encryption key outside DEBUG, fileman.E003 for an invalid key or the SECRET_KEY."""
    keys = list(given.get("ENCRYPTION_KEYS", ()))
    hint = "Create a key: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
    if not keys and not django_settings.DEBUG:
        return [Error("FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty.", hint=hint, id="fileman.E002")]
    bad = [n for n, key in enumerate(keys) if key == django_settings.SECRET_KEY or not _is_fernet_key(key)]
    problems = [f"ENCRYPTION_KEYS[{n}] must be a Fernet key other than SECRET_KEY." for n in bad]
    return [Error(problem, hint=hint, id="fileman.E003") for problem in problems]


def _check_dotted_paths() -> Iterator[CheckMessage]:
    """Yield fileman.E004 for each validator, policy or backend that cannot be imported."""
    settings = conf.settings()
    named = [(key, path) for key in ("UPLOAD_VALIDATORS", "CONTENT_VALIDATORS") for path in getattr(settings, key)]
    named += [("ACCESS_POLICY", settings.ACCESS_POLICY), *(("BACKENDS", path) for path in settings.BACKENDS.values())]
    for key, path in named:
        try:
            import_string(path)
        except ImportError as error:
            yield Error(f"FILEMAN_SETTINGS[{key!r}]: {path!r} cannot be imported: {error}", id="fileman.E004")


def _is_fernet_key(key: str) -> bool:
    with suppress(TypeError, ValueError):
        return bool(Fernet(key))
    return False


@register("fileman")
def check_database(**_: Any) -> list[CheckMessage]:
    """Return fileman.E005 for a database that fileman cannot use, fileman.E006 if USE_TZ is off."""
    errors: list[CheckMessage] = []
    alias = router.db_for_write(apps.get_model("fileman", "File"))
    if alias != DEFAULT_DB_ALIAS:
        message = f"The models of fileman are routed to the database {alias!r}."
        errors.append(Error(message, hint="Keep them in the database 'default'.", id="fileman.E005"))
    elif connections[alias].vendor not in ("postgresql", "sqlite"):
        message = f"fileman does not run on {connections[alias].display_name}."
        hint = "Use PostgreSQL or SQLite. Uploads need conditional unique constraints and upserts on named columns."
        errors.append(Error(message, hint=hint, id="fileman.E005"))
    if not django_settings.USE_TZ:
        errors.append(Error("fileman needs USE_TZ = True: its API returns times with an offset.", id="fileman.E006"))
    return errors


@register(checks.Tags.database)
def check_file_managers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return fileman.W006 for each file manager that could not be saved today. `migrate` runs this check."""
    found: list[CheckMessage] = []
    with suppress(DatabaseError):  # of a database before its migrations
        for manager in apps.get_model("fileman", "FileManager").objects.all() if databases else ():
            try:
                manager.validate_configuration()
            except ValidationError as error:
                message = f"The file manager {manager} does not work: {' '.join(error.messages)}"
                found.append(checks.Warning(message, id="fileman.W006"))
    return found


@register("fileman")
def check_foreign_keys(**_: Any) -> list[CheckMessage]:
    """Return fileman.W001 for each foreign key of the host project that deletes its row together with a file."""
    relations = apps.get_model("fileman", "File")._meta.get_fields(include_hidden=True)  # noqa: SLF001
    keys = [one.field for one in relations if isinstance(one, ForeignObjectRel) and one.on_delete is CASCADE]
    hint = "Use PROTECT or RESTRICT, so that a file in use cannot be deleted, or SET_NULL."
    return [
        checks.Warning(f"Deleting a file deletes rows of {key}.", hint=hint, obj=key, id="fileman.W001") for key in keys
    ]


@register("fileman")
def check_graphql_views(**_: Any) -> list[CheckMessage]:
    """Return what a view lacks that serves fileman's fields in a host's own schema.

    fileman.W002: ATOMIC_REQUESTS, under which each mutation is refused. fileman.W003: no query optimizer.
    fileman.W004: no limits on documents.
    """
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    return [
        checks.Warning(f"The GraphQL view at {route!r} {problem}", hint=hint, id=f"fileman.{number}")
        for route, view in _walk_views(get_resolver(), "")
        for number, problem, hint in _find_view_problems(view)
    ]


def _walk_views(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from _walk_views(pattern, route)


def _find_view_problems(view: Any) -> Iterator[tuple[str, str, str]]:
    schema: Any = getattr(view, "view_initkwargs", {}).get("schema")
    if not _has_our_fields(schema):
        return
    atomic = connections[DEFAULT_DB_ALIAS].settings_dict["ATOMIC_REQUESTS"]
    if atomic and DEFAULT_DB_ALIAS not in getattr(view, "_non_atomic_requests", ()):
        hint = "Wrap the view in django.db.transaction.non_atomic_requests. Until then each mutation is refused."
        yield "W002", "runs in a transaction, because ATOMIC_REQUESTS is on.", hint
    names = [_get_extension_name(extension) for extension in schema.extensions]
    if not any(name.endswith("OptimizerExtension") for name in names):
        hint = "Add strawberry_django.optimizer.DjangoOptimizerExtension to the extensions of the schema."
        yield "W003", "has no query optimizer: each file of a list costs several SQL statements.", hint
    if not any(name.endswith("Limiter") or name == "LimitedValidation" for name in names):
        hint = "Use fileman.graphql.Schema, or strawberry's QueryDepthLimiter, MaxAliasesLimiter and MaxTokensLimiter."
        yield "W004", "has no limits on the size of a document.", hint


def _has_our_fields(schema: Any) -> bool:
    """Return True for a schema with a query or mutation of fileman, judged without importing the GraphQL API."""
    types = [getattr(schema, name, None) for name in ("query", "mutation")]
    resolvers = [field.base_resolver for one in types if one for field in one.__strawberry_definition__.fields]
    return any(getattr(one.wrapped_func, "__module__", "").startswith("fileman.graphql.") for one in resolvers if one)


def _get_extension_name(extension: Any) -> str:
    """Return the name of the class. An extension is a class, an instance, or a function that makes one."""
    if isinstance(extension, type):
        return extension.__name__
    return type(extension() if callable(extension) else extension).__name__
