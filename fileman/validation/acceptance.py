"""Checks that a file manager accepts a file: size, extension, type, checksum. They run before anything is signed."""

from collections.abc import Callable
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat

from fileman import conf, errors
from fileman.checksums import HEX_DIGITS, Checksum
from fileman.models import File, FileManager
from fileman.models.file_manager import LARGEST_SAFE_INTEGER
from fileman.validation import content_types, filenames, json_metadata

CLIENT_REF_LENGTH = 200


@dataclass(frozen=True, kw_only=True)
class DeclaredFile:
    """The description of one file as the client sent it."""

    filename: str
    size: object
    """Bytes."""
    content_type: str = ""
    checksum: str | None = None
    """<algorithm>:<hex>"""
    metadata: object = None
    is_public: bool | None = None
    """None: the manager's default."""
    client_ref: str | None = None
    """Echoed back."""


def accept(given: DeclaredFile, *, manager: FileManager, may_publish: Callable[[], bool], at: tuple[str, ...]) -> File:
    """Check one declared file against its manager. Return an unsaved row with the same description, normalized.

    `at` is the file's path in the input. Raises the RefusedError of the first problem.
    """
    name = filenames.display_name(given.filename, field=(*at, "filename"))
    size = checked_size(given.size, manager=manager, field=(*at, "size"))
    check_extension(name, manager=manager, field=(*at, "filename"))
    types, field = manager.allowed_mime_types, (*at, "contentType")
    content_type = content_types.normalize(given.content_type, filename=name, listed=types, field=field)
    if types and not content_types.matches(content_type, types):
        raise errors.MimeTypeNotAllowed(f"Allowed types: {', '.join(types)}.", field=field)
    check_agreement(content_type, name, manager=manager, field=field)
    checksum = None
    if given.checksum is not None:
        allowed = checksum_algorithms(manager, size)
        checksum = Checksum.parse(given.checksum, allowed=allowed, field=(*at, "checksum"))
    if given.client_ref is not None and len(given.client_ref) > CLIENT_REF_LENGTH:
        raise errors.InvalidInput(f"clientRef is longer than {CLIENT_REF_LENGTH} characters.", field=(*at, "clientRef"))
    is_public = manager.is_public_default if given.is_public is None else given.is_public
    if is_public and not manager.is_public_default and not may_publish():
        raise errors.PermissionDenied("You are not allowed to make files public.", field=(*at, "isPublic"))
    metadata = json_metadata.clean(given.metadata, field=(*at, "metadata"))
    facts = {"file_size": size, "content_type": content_type, "checksum": str(checksum or "")}
    return File(original_filename=name, metadata=metadata, is_public=is_public, **facts)


def checked_size(size: object, *, manager: FileManager, field: tuple[str, ...]) -> int:
    """Return the size. Raises InvalidInput, EmptyFile or FileTooLarge."""
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST_SAFE_INTEGER:
        raise errors.InvalidInput("size must be an integer from 1 to 2^53-1, in bytes.", field=field)
    if size == 0:
        raise errors.EmptyFile(field=field)
    if size > (most := manager.max_file_bytes):
        message = f"{size} bytes ({filesizeformat(size)}) are more than the {most} ({filesizeformat(most)}) allowed."
        raise errors.FileTooLarge(message, field=field)
    return size


def check_extension(name: str, *, manager: FileManager, field: tuple[str, ...]) -> None:
    """Raise ExtensionNotAllowed if the suffix is not listed, or one of active content stands anywhere in the name.

    A list of types alone refuses such a suffix too, unless the type that belongs to it is listed. A suffix that the
    table of types does not know passes: neither servers nor systems run it, and the bytes have a type of the list.
    """
    allowed, types = _get_extensions(manager), manager.allowed_mime_types
    if allowed and not any(name.lower().endswith(f".{extension}") for extension in allowed):
        raise errors.ExtensionNotAllowed(f"Allowed extensions: {', '.join(sorted(allowed))}.", field=field)
    active = filenames.active_suffixes(name) if allowed or types else []
    if types and not allowed and content_types.find(content_types.guess(name)).family in ("active", "program"):
        active.append(filenames.get_extension(name))
    for suffix in active:
        if suffix not in allowed and (allowed or not content_types.matches(content_types.guess(f"x.{suffix}"), types)):
            message = f"The extension {suffix!r} is not allowed anywhere in the filename. Rename the file."
            raise errors.ExtensionNotAllowed(message, field=field)


def check_agreement(content_type: str, name: str, *, manager: FileManager, field: tuple[str, ...]) -> None:
    """Raise ContentTypeMismatch if type and extension contradict each other, or if a list has only one of them."""
    guessed, types = content_types.guess(name), manager.allowed_mime_types or ["*/*"]
    by_type = content_types.matches(guessed, types)
    is_listed = _names(content_type, guessed, manager) if manager.allowed_extensions else by_type
    is_possible = is_listed or content_types.may_declare(content_type, guessed)
    if not is_possible or content_types.disagree(content_type, name):
        raise errors.ContentTypeMismatch(f"The extension of the filename contradicts {content_type}.", field=field)


def settle_content_type(file: File, detected: str, *, field: tuple[str, ...] = ()) -> str:
    """Return the type to record. Raises ContentTypeMismatch if the file manager's lists do not accept the bytes."""
    manager, settled = file.file_manager, content_types.adopt(file.content_type, detected)
    guessed, types = content_types.guess(file.original_filename), manager.allowed_mime_types or ["*/*"]
    seen = content_types.TEXT if content_types.find(detected).family == "active" else detected  # text may quote markup
    is_named = not manager.allowed_extensions or content_types.fits(seen, guessed)
    if is_named or (settled == detected and _names(detected, guessed, manager)):
        may_begin_so = content_types.fits(seen, settled) or content_types.matches(detected, types)
        if may_begin_so and content_types.matches(settled, types):
            return settled
        if file.content_type == content_types.UNKNOWN:
            return content_types.UNKNOWN
    message = f"The content is {detected}, which this file manager does not accept."
    raise errors.ContentTypeMismatch(message, field=field)


def _get_extensions(manager: FileManager) -> set[str]:
    return {extension.strip().lower().lstrip(".") for extension in manager.allowed_extensions}


def _names(content_type: str, guessed: str, manager: FileManager) -> bool:
    """Return True if an extension of the type is listed, and the one in the filename is of the same family."""
    row = content_types.find(content_type)
    is_listed = not _get_extensions(manager).isdisjoint(row.extensions.split())
    return is_listed and row.family == content_types.find(guessed).family


def checksum_algorithms(manager: FileManager, size: int | None) -> list[str]:
    """Return the algorithms that can be verified for a file of this size (None: of some size).

    The server itself reads objects of up to HASH_READ_MAX_BYTES. For larger ones, the storage computes the checksum.
    """
    settings = conf.settings()
    capabilities = manager.capabilities
    single_max = min(settings.SINGLE_REQUEST_MAX_BYTES, capabilities.single_request_max_bytes)
    if (1 if size is None else size) <= settings.HASH_READ_MAX_BYTES:
        return list(HEX_DIGITS)
    by_storage = capabilities.parts_checksums if size is None or size > single_max else capabilities.single_checksums
    if size is None:
        by_storage |= capabilities.single_checksums
    return [name for name in HEX_DIGITS if name in by_storage]
