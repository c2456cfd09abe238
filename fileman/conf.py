"""FILEMAN_SETTINGS: every key, its default and its unit. Unknown keys are refused by name.

    FILEMAN_SETTINGS = {"DEFAULT_MAX_FILE_SIZE": 500 * 1024**2, "ENCRYPTION_KEYS": [os.environ["FILEMAN_KEY"]]}

Read them as `conf.settings().MAX_BATCH_FILES`; the value follows Django's settings, also under override_settings.
`find_type_problems` checks these settings and those of a file manager's storage.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from itertools import zip_longest
from textwrap import dedent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

MIB = 1024**2
# Seven days, the longest that S3 and GCS sign (AWS: "Sharing objects with presigned URLs"; GCS: "Signed URLs").
URL_LIFETIME_CAP_SECONDS = 604_800
BATCH_CAP = 100
_ENDPOINT = re.compile(r"(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?")
INLINE_CHOICES = ("application/pdf", "audio/*", "video/*", "text/plain", "image/svg+xml")


@dataclass(frozen=True, kw_only=True)
class FilemanSettings:
    DEFAULT_MAX_FILE_SIZE: int = 100 * MIB
    """Bytes. The limit of file managers without a limit of their own; 0 is no limit."""
    DEFAULT_UPLOAD_EXPIRES_IN: int = 3600
    """Seconds that signed upload requests live unless the file manager's settings say otherwise, 1 to 604,800."""
    DEFAULT_DOWNLOAD_EXPIRES_IN: int = 300
    """The same for signed download URLs. Clients may ask for less, not for more."""
    RECHECK_DOWNLOADS: bool = False
    """True: downloads through this server need a file that its reader may still see, not only a valid URL."""
    SENDFILE: Literal["", "X-Accel-Redirect", "X-Sendfile"] = ""
    """Header by which the proxy sends downloads from the local disk. See docs/backends/filesystem.md."""
    INLINE_TYPES: Sequence[str] = ()
    """Types that browsers may show on request, besides raster images: INLINE_CHOICES or some of them."""
    CLEANUP_EXPIRED_UPLOADS: bool = True
    """False: `cleanup.run_scheduled()` does nothing. The management command works either way."""
    SWEEP_UPLOADS: bool = True
    """False: cleanup does not complete uploads whose bytes have arrived and whose client is gone."""
    BACKENDS: Mapping[str, str] = field(default_factory=dict)
    """More backends: type -> dotted path of a Backend class. Added to file, s3, azure, gcs and memory."""
    ENCRYPTION_KEYS: Sequence[str] = ()
    """Fernet keys for the encrypted columns: the first encrypts, all decrypt. Required unless DEBUG."""
    PUBLIC_URL: str = ""
    """Base of absolute URLs ("https://files.example.com/"), if it is not the host of the request."""
    SINGLE_REQUEST_MAX_BYTES: int = 64 * MIB
    """Larger files are sent in parts."""
    PART_SIZE_BYTES: int = 16 * MIB
    """Smallest part. Parts grow with the file, to respect the storage's limit on their number."""
    REQUEST_WINDOW: int = 100
    """Signed requests returned at once for one file; a batch of files shares twice as many."""
    MAX_CONCURRENCY: int = 4
    """Requests that a client should send in parallel for one file."""
    UPLOAD_DEADLINE: timedelta = timedelta(hours=24)
    """From initiate to the last moment of finalize."""
    PARTS_UPLOAD_DEADLINE: timedelta = timedelta(days=7)
    """The same, for files sent in parts."""
    FINALIZE_GRACE: timedelta = timedelta(seconds=900)
    """Time after its deadline in which a completely sent upload can still be finalized."""
    SWEEP_GRACE: timedelta = timedelta(seconds=1800)
    """Time after its deadline before cleanup deletes an unfinished upload. At least FINALIZE_GRACE."""
    UNCLAIMED_LIFETIME: timedelta = timedelta(hours=24)
    """Time before cleanup deletes a file that was uploaded for a model field and belongs to no row."""
    LEASE: timedelta = timedelta(seconds=60)
    """Time that one finalize call owns an upload. Another may take over afterwards."""
    FINALIZE_BUDGET_SECONDS: float = 20.0
    """Time for the storage calls of one call of the API: initiate, refresh, finalize, abort or delete.

    A storage call starts only if its full time-out fits into what is left; the first one always starts. What finalize
    does not reach continues in the next call.
    """
    HASH_READ_MAX_BYTES: int = 100 * MIB
    """Largest object that the server reads to verify a checksum that the storage did not compute."""
    STORAGE_CONNECT_TIMEOUT_SECONDS: float = 3.0
    STORAGE_READ_TIMEOUT_SECONDS: float = 9.0
    """Seconds of silence. A storage that sends a byte now and then holds a call longer."""
    MAX_BATCH_FILES: int = 50
    """Files in one initiateUpload, at most 100."""
    MAX_PENDING_UPLOADS: int = 1000
    """Unfinished uploads of one user. Ten times as many may fail, expire or be aborted within 24 hours."""
    RATE_CACHE: str = "default"
    """Alias of the cache that counts the rates of a user below; an address has ten times as much. Empty: no rates."""
    INITIATED_FILES_PER_MINUTE: int = 600
    REFRESHES_PER_MINUTE: int = 1200
    FINALIZES_PER_MINUTE: int = 1200
    CHANGES_PER_MINUTE: int = 1200
    DOWNLOAD_URLS_PER_MINUTE: int = 6000
    SIGN_INS_PER_MINUTE: int = 10
    """Attempts of one name from one address."""
    TRUSTED_PROXIES: int = 0
    """Proxies before this server that append to X-Forwarded-For; 0 ignores the header."""
    USER_QUOTA_BYTES: int | None = None
    """Bytes that the files and unfinished uploads of one user may have; None is no quota."""
    ACCESS_POLICY: str = "fileman.access.AccessPolicy"
    """Dotted path of the AccessPolicy that says who may see, change and upload what."""
    UPLOAD_VALIDATORS: Sequence[str] = ()
    """Dotted paths of `validate(request, file_data)`, run at initiate. They raise ValidationError to refuse."""
    CONTENT_VALIDATORS: Sequence[str] = ()
    """Dotted paths of `validate(file, content)`, run at finalize over the stored bytes before they are published."""
    KMS_KEY_ID: str = ""
    """Key for S3 file managers that encrypt with "aws:kms" and have no kms_key_id."""
    ALLOWED_ORIGINS: Sequence[str] = ()
    """Origins of the pages that may upload ("https://app.example.com"), in addition to PUBLIC_URL's. Empty: any."""
    GRAPHQL_USER_TYPE: str = "fileman.graphql.users.User"
    """Dotted path of the strawberry type that the API shows for users. Read once, when Django starts."""
    GRAPHQL_GROUP_TYPE: str = "fileman.graphql.users.Group"
    """The same, for groups."""
    GRAPHQL_URL: str = "/graphql"
    """URL of the API, for the form widget of attachments."""
    GRAPHQL_PREFIX: str = ""
    """Put before the names of fileman's types in the schema, except inputs of mutations. Read once, as those are."""
    ALLOW_INSECURE_ENDPOINTS: bool | None = None
    """Accept plain http in endpoints of storages. None: only under DEBUG."""
    TRUSTED_ENDPOINTS: Sequence[str] = ()
    """Hosts that may have private addresses, get this server's own credentials and mount the content view.

    "minio.internal" (each port), "10.0.0.5:9000", "[fd00::5]:9000", or an origin, which also allows http if it is one:
    "http://minio.internal:9000". No wildcards.
    """
    CREDENTIALS_FOLDERS: Sequence[str] = ()
    """Absolute paths of the folders whose files the settings of GCS may name as `credentials`."""

    @property
    def full_timeout_seconds(self) -> float:
        """The longest that a silent storage holds one request."""
        return sum(self.timeouts)

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect to a storage, and of its silence while reading."""
        return self.STORAGE_CONNECT_TIMEOUT_SECONDS, self.STORAGE_READ_TIMEOUT_SECONDS


_NONE_GIVEN: dict[str, Any] = {}
# Read while Django loads the app: a schema is built once, so a later override_settings must not change them.
_at_start: Mapping[str, Any] = getattr(django_settings, "FILEMAN_SETTINGS", _NONE_GIVEN)
GRAPHQL_USER_TYPE: str = _at_start.get("GRAPHQL_USER_TYPE", FilemanSettings.GRAPHQL_USER_TYPE)
GRAPHQL_GROUP_TYPE: str = _at_start.get("GRAPHQL_GROUP_TYPE", FilemanSettings.GRAPHQL_GROUP_TYPE)
GRAPHQL_PREFIX: str = _at_start.get("GRAPHQL_PREFIX", FilemanSettings.GRAPHQL_PREFIX)
# The dictionary that was read last, and the settings made from it.
_read: tuple[Mapping[str, Any], FilemanSettings] | None = None


def settings() -> FilemanSettings:
    """Return the settings in force. Raises ImproperlyConfigured for unknown keys and impossible values."""
    global _read
    given: Mapping[str, Any] = getattr(django_settings, "FILEMAN_SETTINGS", _NONE_GIVEN)
    last = _read
    if last is None or last[0] is not given:
        if problems := find_problems(given):
            raise ImproperlyConfigured("FILEMAN_SETTINGS: " + " ".join(problems))
        _read = last = (given, FilemanSettings(**given))
    return last[1]


def find_problems(given: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each problem of a FILEMAN_SETTINGS dictionary."""
    return find_type_problems(FilemanSettings, given) or _value_problems(FilemanSettings(**given))


def _value_problems(values: FilemanSettings) -> list[str]:
    lifetimes = ("DEFAULT_UPLOAD_EXPIRES_IN", "DEFAULT_DOWNLOAD_EXPIRES_IN")
    wrong = [key for key in lifetimes if not 0 < getattr(values, key) <= URL_LIFETIME_CAP_SECONDS]
    problems = [f"{key} must be from 1 to {URL_LIFETIME_CAP_SECONDS} seconds." for key in wrong]
    if not 1 <= values.MAX_BATCH_FILES <= BATCH_CAP:
        problems.append(f"MAX_BATCH_FILES must be from 1 to {BATCH_CAP}.")
    rates = [spec.name for spec in fields(values) if spec.name.endswith("_PER_MINUTE")]
    least = dict.fromkeys(("PART_SIZE_BYTES", "REQUEST_WINDOW", "MAX_CONCURRENCY", *rates), 1)
    least["INITIATED_FILES_PER_MINUTE"] = max(1, values.MAX_BATCH_FILES)  # a batch above the rate would never pass
    problems += [f"{key} must be {number} or more." for key, number in least.items() if getattr(values, key) < number]
    if values.DEFAULT_MAX_FILE_SIZE < 0:
        problems.append("DEFAULT_MAX_FILE_SIZE must not be negative; 0 is no limit.")
    if not set(values.INLINE_TYPES) <= set(INLINE_CHOICES):
        problems.append(f"INLINE_TYPES may have {', '.join(INLINE_CHOICES)}.")
    if values.SWEEP_GRACE < values.FINALIZE_GRACE:
        problems.append("SWEEP_GRACE must not be shorter than FINALIZE_GRACE.")
    if not re.fullmatch("[A-Za-z0-9_]*", values.GRAPHQL_PREFIX) or values.GRAPHQL_PREFIX[:1].isdigit():
        problems.append("GRAPHQL_PREFIX must be letters, digits and underscores, and must not begin with a digit.")
    if values.PUBLIC_URL and not values.PUBLIC_URL.startswith(("https://", "http://")):
        problems.append("PUBLIC_URL must begin with https:// or http://.")
    elif urlsplit(values.PUBLIC_URL).path not in {"", "/"}:
        problems.append("PUBLIC_URL must not have a path. Set FORCE_SCRIPT_NAME in Django's settings for that.")
    unknown = [entry for entry in map(str, values.TRUSTED_ENDPOINTS) if not _ENDPOINT.fullmatch(entry)]
    form = '"host", "host:port" or "https://host:port"'
    return problems + [f"TRUSTED_ENDPOINTS: {entry!r} must look like {form}." for entry in unknown]


def find_type_problems(settings_class: type[Any], given: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each unknown key, missing key and wrong type, by the fields of a dataclass."""
    known = {spec.name: spec for spec in fields(settings_class)}
    hints = get_type_hints(settings_class)
    names = ", ".join(sorted(known))
    problems = [f"Unknown setting {key!r}. Known settings: {names}." for key in given if key not in known]
    for name, spec in known.items():
        if name in given:
            kinds = get_options(hints[name])
            if not any(_fits_one(given[name], get_origin(kind) or kind, get_args(kind)) for kind in kinds):
                problems.append(f"Setting {name!r} must be {_describe(hints[name])}.")
        elif spec.default is MISSING and spec.default_factory is MISSING:
            problems.append(f"Setting {name!r} is missing.")
    return problems


def get_options(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def _fits_one(value: object, kind: Any, arguments: tuple[Any, ...]) -> bool:
    if kind is Literal:
        return value in arguments
    # True is an int and a string is a sequence in Python, but neither is meant where a setting takes those.
    if isinstance(value, bool | str):
        return kind in (bool, str) and isinstance(value, kind)
    return isinstance(value, (int, float) if kind is float else kind)


_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    timedelta: "a timedelta",
    dict: "an object",
    Mapping: "a dictionary",
    Sequence: "a list",
    NoneType: "null",
}


def _describe(hint: Any) -> str:
    names: list[str] = []
    for option in get_options(hint):
        kind = get_origin(option) or option
        names += map(repr, get_args(option)) if kind is Literal else [_TYPE_NAMES.get(kind, str(option))]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def read_fields(settings_class: type[Any]) -> Iterator[tuple[ast.AnnAssign, str]]:
    """Yield the fields of a class and its parents, as far as their source is there, each with the docstring below."""
    for owner in reversed(settings_class.__mro__[:-1]):
        with suppress(OSError, SyntaxError):
            body = ast.parse(dedent(inspect.getsource(owner))).body[0].body  # type: ignore[attr-defined]
            for node, below in zip_longest(body, body[1:]):
                if isinstance(node, ast.AnnAssign):
                    is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                    yield node, inspect.cleandoc(below.value.value) if is_text else ""


def insecure_endpoints_allowed() -> bool:
    """Return True if the endpoints of storages may be plain http."""
    allowed = settings().ALLOW_INSECURE_ENDPOINTS
    return bool(django_settings.DEBUG) if allowed is None else allowed
