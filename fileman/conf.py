"""FILEMAN_SETTINGS: every key, its default and its unit. Unknown keys are refused by name.

    FILEMAN_SETTINGS = {"DEFAULT_MAX_FILE_SIZE": 500 * 1024**2, "ENCRYPTION_KEYS": [os.environ["FILEMAN_KEY"]]}

Read them as `conf.settings().MAX_BATCH_FILES`; the value follows Django's settings, also under override_settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from types import MappingProxyType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

MIB = 1024**2
URL_LIFETIME_CAP_SECONDS = 604_800
"""Seven days: what S3 and GCS sign at most (AWS: "Sharing objects with presigned URLs"; GCS: "Signed URLs")."""
BATCH_CAP = 100


@dataclass(frozen=True, kw_only=True)
class FilemanSettings:
    DEFAULT_MAX_FILE_SIZE: int = 100 * MIB
    """Bytes. The limit of a file manager that has none of its own; 0 is no limit."""
    DEFAULT_UPLOAD_EXPIRES_IN: int = 3600
    """Seconds that signed upload requests live, where the manager's settings say nothing. At most 604,800."""
    DEFAULT_DOWNLOAD_EXPIRES_IN: int = 300
    """Seconds that signed download addresses live, where the manager's settings say nothing. At most 604,800."""
    CLEANUP_EXPIRED_UPLOADS: bool = True
    """Whether `cleanup.run_scheduled()` does anything. The management command works either way."""
    BACKENDS: Mapping[str, str] = field(default_factory=dict)
    """More backends: type -> dotted path of a Backend class. Added to file, s3, azure, gcs and memory."""
    ENCRYPTION_KEYS: Sequence[str] = ()
    """Fernet keys for what is encrypted at rest: the first encrypts, all decrypt. Required unless DEBUG."""
    PUBLIC_URL: str = ""
    """Base of absolute addresses ("https://files.example.com/"), when it is not the host of the request."""
    SINGLE_REQUEST_MAX_BYTES: int = 64 * MIB
    """Files above this are sent in parts."""
    PART_SIZE_BYTES: int = 16 * MIB
    """Smallest part; it grows so that the storage's limit on the number of parts holds."""
    REQUEST_WINDOW: int = 100
    """Signed requests handed out at once for one file; a batch of files shares twice as many."""
    MAX_CONCURRENCY: int = 4
    """Requests that a client should have under way at once, for one file."""
    UPLOAD_DEADLINE: timedelta = timedelta(hours=24)
    """From initiate to the last moment of finalize."""
    PARTS_UPLOAD_DEADLINE: timedelta = timedelta(days=7)
    """The same, for files sent in parts."""
    FINALIZE_GRACE: timedelta = timedelta(seconds=900)
    """How long after its deadline an upload whose bytes have arrived may still be finalized."""
    SWEEP_GRACE: timedelta = timedelta(seconds=1800)
    """How long after its deadline an unfinished upload is left alone by cleanup. Never below FINALIZE_GRACE."""
    LEASE: timedelta = timedelta(seconds=60)
    """How long one finalize call owns an upload. Another may take over afterwards."""
    FINALIZE_BUDGET_SECONDS: float = 20.0
    """What takes longer goes on in the next finalize call."""
    HASH_READ_MAX_BYTES: int = 100 * MIB
    """Up to this size the server reads the object to verify a checksum that the storage did not compute."""
    STORAGE_CONNECT_TIMEOUT_SECONDS: float = 3.0
    STORAGE_READ_TIMEOUT_SECONDS: float = 9.0
    """Two attempts that both time out stay within FINALIZE_BUDGET_SECONDS."""
    MAX_BATCH_FILES: int = 50
    """Files in one initiateUpload, at most 100."""
    MAX_PENDING_UPLOADS: int = 1000
    """Unfinished uploads of one user."""
    USER_QUOTA_BYTES: int | None = None
    """Bytes that one user may hold, reservations included; None is no quota."""
    UPLOAD_VALIDATORS: Sequence[str] = ()
    """Dotted paths of `validate(request, file_data)`, run at initiate. They raise ValidationError to refuse."""
    CONTENT_VALIDATORS: Sequence[str] = ()
    """Dotted paths of `validate(file, content)`, run at finalize over the stored bytes before they are published."""
    KMS_KEY_ID: str = ""
    """Key for S3 file managers that encrypt with "aws:kms" and name none themselves."""
    ALLOWED_ORIGINS: Sequence[str] = ()
    """Origins of the pages that may upload ("https://app.example.com"), besides PUBLIC_URL's. Empty: any."""
    ALLOW_INSECURE_ENDPOINTS: bool | None = None
    """Whether storage addresses may be plain http. None: only under DEBUG."""


_NONE_GIVEN: dict[str, Any] = {}
_read: tuple[Mapping[str, Any], FilemanSettings] | None = None
"""The dictionary that was read last, and what came of it."""


def settings() -> FilemanSettings:
    """The settings in force. Raises ImproperlyConfigured for unknown keys and impossible values."""
    global _read
    given: Mapping[str, Any] = getattr(django_settings, "FILEMAN_SETTINGS", _NONE_GIVEN)
    last = _read
    if last is None or last[0] is not given:
        _read = last = (given, _typed(given))
    return last[1]


def _typed(given: Mapping[str, Any]) -> FilemanSettings:
    problems = find_problems(given)
    if problems:
        raise ImproperlyConfigured("FILEMAN_SETTINGS: " + " ".join(problems))
    return FilemanSettings(**{**given, "BACKENDS": MappingProxyType(dict(given.get("BACKENDS", {})))})


def find_problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with a FILEMAN_SETTINGS dictionary, one sentence each."""
    known = {f.name for f in fields(FilemanSettings)}
    problems = [f"Unknown key {key!r}; known are {', '.join(sorted(known))}." for key in given if key not in known]
    problems = problems or _type_problems(given)
    if problems:
        return problems
    return _value_problems(FilemanSettings(**given))


_LISTS_OF = {
    "ENCRYPTION_KEYS": "keys",
    "UPLOAD_VALIDATORS": "dotted paths",
    "CONTENT_VALIDATORS": "dotted paths",
    "ALLOWED_ORIGINS": "origins",
}


def _value_problems(values: FilemanSettings) -> list[str]:
    problems = [
        f"{key} must be from 1 to {URL_LIFETIME_CAP_SECONDS} seconds."
        for key in ("DEFAULT_UPLOAD_EXPIRES_IN", "DEFAULT_DOWNLOAD_EXPIRES_IN")
        if not 0 < getattr(values, key) <= URL_LIFETIME_CAP_SECONDS
    ]
    if not 1 <= values.MAX_BATCH_FILES <= BATCH_CAP:
        problems.append(f"MAX_BATCH_FILES must be from 1 to {BATCH_CAP}.")
    counts = ("PART_SIZE_BYTES", "REQUEST_WINDOW", "MAX_CONCURRENCY")
    problems += [f"{key} must be 1 or more." for key in counts if getattr(values, key) < 1]
    if values.DEFAULT_MAX_FILE_SIZE < 0:
        problems.append("DEFAULT_MAX_FILE_SIZE must not be negative; 0 is no limit.")
    if values.SWEEP_GRACE < values.FINALIZE_GRACE:
        problems.append("SWEEP_GRACE must not be shorter than FINALIZE_GRACE.")
    if values.PUBLIC_URL and not values.PUBLIC_URL.startswith(("https://", "http://")):
        problems.append("PUBLIC_URL must begin with https:// or http://.")
    problems += [
        f"{key} must be a list of {what}, not one string."
        for key, what in _LISTS_OF.items()
        if isinstance(getattr(values, key), str)
    ]
    return problems


def _type_problems(given: Mapping[str, Any]) -> list[str]:
    hints = get_type_hints(FilemanSettings)
    return [
        f"{key} must be of type {getattr(hints[key], '__name__', hints[key])}."
        for key, value in given.items()
        if not _fits(value, hints[key])
    ]


def _fits(value: object, hint: Any) -> bool:
    options = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = {get_origin(option) or option for option in options}
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else tuple(kinds))


def insecure_endpoints_allowed() -> bool:
    """Whether storage addresses may be plain http."""
    allowed = settings().ALLOW_INSECURE_ENDPOINTS
    return bool(django_settings.DEBUG) if allowed is None else allowed


def origin_allowed(origin: str) -> bool:
    """Whether pages of this origin may upload where a grant names the origin."""
    allowed = settings().ALLOWED_ORIGINS
    return not allowed or origin in {*allowed, "/".join(settings().PUBLIC_URL.split("/")[:3])}
