"""Content types: normalize declared ones, and detect the real one from a file's first bytes."""

import mimetypes
import re
from collections.abc import Iterable

from fileman.errors import ContentTypeMismatch, InvalidInput

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 4096  # read from the beginning of a stored object
_FORM = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
# Python's own table. With the system's files, the result would depend on the machine.
_EXTENSIONS = mimetypes.MimeTypes(filenames=())
_ALIASES = {
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "image/vnd.microsoft.icon": "image/x-icon",
    "text/xml": "application/xml",
}
# Type, offset, bytes. The first match counts. The sources are the formats' own specifications.
_SIGNATURES: tuple[tuple[str, int, bytes], ...] = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBP"),
    ("image/bmp", 0, b"BM"),
    ("image/tiff", 0, b"II*\x00"),
    ("image/tiff", 0, b"MM\x00*"),
    ("image/avif", 4, b"ftypavif"),
    ("image/heic", 4, b"ftypheic"),
    ("application/pdf", 0, b"%PDF-"),
    ("application/gzip", 0, b"\x1f\x8b"),
    ("application/zip", 0, b"PK\x03\x04"),
    ("application/zip", 0, b"PK\x05\x06"),
    ("application/vnd.rar", 0, b"Rar!\x1a\x07"),
    ("application/x-7z-compressed", 0, b"7z\xbc\xaf\x27\x1c"),
    ("video/webm", 0, b"\x1a\x45\xdf\xa3"),
    ("video/mp4", 4, b"ftyp"),
    ("audio/wav", 8, b"WAVE"),
    ("audio/flac", 0, b"fLaC"),
    ("audio/ogg", 0, b"OggS"),
    ("audio/mpeg", 0, b"ID3"),
    ("application/x-executable", 0, b"\x7fELF"),
    ("application/x-msdownload", 0, b"MZ"),
)
# Signatures that ordinary text may begin with.
_WORDS = frozenset({b"BM", b"MZ", b"ID3"})
# Files of these types always begin with their signature, so a declared file without it is refused.
_CERTAIN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff", "application/pdf"})
_MARKUP = re.compile(
    rb"<(?:!doctype|!--|\?xml|html|head|body|script|svg|iframe|object|embed|link|meta|style|title|table|img|a\s|div|p>)",
    re.IGNORECASE,
)
_MARKUP_ANYWHERE = re.compile(rb"<(?:!doctype\s+html|html|script|svg|iframe|foreignobject)[\s>/]", re.IGNORECASE)
# Types that a browser runs.
ACTIVE_TYPES = frozenset(
    {
        "application/xhtml+xml",
        "application/xml",
        "image/svg+xml",
        "text/html",
        "text/javascript",
        "application/x-shockwave-flash",
    }
)
# Markup in files of these declared types is a disguise. In others it may be content: JSON and source code quote it.
_MEDIA_FAMILIES = ("image/", "audio/", "video/", "font/")
# Raster images, which browsers show inline on request. Nothing that runs.
INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"})


def normalize(given: str, *, filename: str, field: tuple[str, ...] = ()) -> str:
    """Return the declared type in lowercase without parameters, or a guess if it is empty. Raises InvalidInput."""
    value = given.partition(";")[0].strip().lower()
    if not value:
        return guess(filename)
    if not _FORM.fullmatch(value):
        raise InvalidInput("contentType must look like type/subtype.", field=field)
    return canonical(value)


def guess(filename: str) -> str:
    """Return the type of a filename's extension, application/octet-stream for an unknown one."""
    kind, encoding = _EXTENSIONS.guess_type(filename)
    if encoding:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2"}.get(encoding, UNKNOWN)
    return canonical(kind or UNKNOWN)


def canonical(value: str) -> str:
    """Return the one spelling of a type that has several."""
    return _ALIASES.get(value, value)


def matches(content_type: str, patterns: Iterable[str]) -> bool:
    """Return True if a type matches one of the patterns, such as "image/png" and "image/*"."""
    for pattern in patterns:
        wanted = canonical(pattern.partition(";")[0].strip().lower())
        if wanted in (content_type, "*/*") or (wanted.endswith("/*") and content_type.startswith(wanted[:-1])):
            return True
    return False


def disagree(content_type: str, filename: str) -> bool:
    """Return True if a declared type contradicts the filename's extension, such as an image declared as a page."""
    # Lenient otherwise: browsers often have different names for the same type.
    guessed = guess(filename)
    if UNKNOWN in (guessed, content_type) or guessed == content_type:
        return False
    if (guessed in ACTIVE_TYPES) != (content_type in ACTIVE_TYPES):
        passive = content_type if guessed in ACTIVE_TYPES else guessed
        return not passive.startswith("text/") and not passive.endswith("+xml")
    families = {guessed.partition("/")[0], content_type.partition("/")[0]}
    return len(families) == 2 and "image" in families


def detect(head: bytes) -> str:
    """Return the type of the first bytes: that of a known signature, of markup, text, or application/octet-stream."""
    for kind, offset, magic in _SIGNATURES:
        if head.startswith(magic, offset) and not (magic in _WORDS and _is_text(head)):
            return kind
    text = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n\x0c")
    if _MARKUP.match(text) or _MARKUP_ANYWHERE.search(head.replace(b"\x00", b"")):
        return "image/svg+xml" if b"<svg" in head.lower() and b"<html" not in head.lower() else "text/html"
    return "text/plain" if _is_text(head) else UNKNOWN


def verify(head: bytes, *, declared: str) -> str:
    """Return the detected type. Raises ContentTypeMismatch if it contradicts the declared one.

    That is: a type with a certain signature is declared and the signature is missing, or a media type is declared and
    the first bytes contain markup anywhere.
    """
    detected = detect(head)
    if declared in _CERTAIN and detected != declared:
        raise ContentTypeMismatch(f"The file was declared as {declared}, but its content is of another type.")
    is_media = declared.startswith(_MEDIA_FAMILIES) and declared not in ACTIVE_TYPES
    if is_media and _has_markup(head, detected):
        raise ContentTypeMismatch(f"The file was declared as {declared}, but it contains markup.")
    return detected


def _has_markup(head: bytes, detected: str) -> bool:
    # Also after a signature: a polyglot begins like an image and is read as a page.
    return detected in ACTIVE_TYPES or _MARKUP_ANYWHERE.search(head) is not None


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) == HEAD_BYTES
    return True
