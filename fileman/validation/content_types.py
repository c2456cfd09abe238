"""Content types: normalize declared ones, detect the real one from a file's first bytes, choose the served one."""

import re
import tomllib
from codecs import getincrementaldecoder
from collections.abc import Iterable
from contextlib import suppress
from importlib import resources
from typing import Final, NamedTuple

from fileman.backends.values import HEAD_BYTES
from fileman.errors import ContentTypeMismatch, InvalidInput
from fileman.validation import filenames

UNKNOWN: Final = "application/octet-stream"
MPEG_TS: Final = "video/mp2t"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
SHOWN, BY_SETTING, SAVED = "shown", "by setting", "saved"
"""Inline: on request, on request if INLINE_TYPES has the type, never."""


class MediaType(NamedTuple):
    """One line of the table, media_types.toml, which explains the columns."""

    name: str
    extensions: str
    family: str
    inline: str = SAVED
    aliases: str = ""
    signature: bytes = b""
    forms: str = ""


_LINES = tomllib.loads(resources.files(__package__).joinpath("media_types.toml").read_text(encoding="utf-8"))["types"]
TABLE: Final = tuple(MediaType(**{**line, "signature": line.get("signature", "").encode()}) for line in _LINES)
_FORM = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
_BY_NAME = {row.name: row for row in TABLE}
_BY_EXTENSION = {extension: row.name for row in TABLE for extension in row.extensions.split()}
_BY_ALIAS = {alias: row.name for row in TABLE for alias in row.aliases.split() if alias not in _BY_NAME}
_SIGNATURES = [
    (row, re.compile(row.signature, re.DOTALL | (re.IGNORECASE if row.signature.startswith(b"<") else 0)))
    for row in TABLE
    if row.signature
]
_CERTAIN = {row.name for row in TABLE if row.family == "raster" or row.name == PDF}  # always have a signature
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")  # in no text (WHATWG, "MIME Sniffing")
# Markup may follow a byte order mark and space, and its root element an XML prolog.
_SPACE = b"\xef\xbb\xbf\xff\xfe \t\r\n\x0c"
_PROLOG = re.compile(rb"(?is)(?:\s|<\?.*?\?>|<!--.*?-->|<!doctype(?!\s+html)[^>\[]*(?:\[.*?\]\s*)?>)*")
_MARKUP_ANYWHERE = re.compile(rb"<(?:!doctype\s+html|html|script|svg|iframe|foreignobject)[\s>/]", re.IGNORECASE)
# Markup and programs in files of these families are a disguise. In text, markup may be content: source code quotes it.
_MEDIA = ("raster", "image", "audio", "video", "font")
# Declarations that say less than the extension does, and the family of extensions that they stand for.
_VAGUE = {TEXT: "text", "application/zip": "document", "image/tiff": "image"}
# Types that systems declare for files of others too; sound is recorded into files that could have pictures.
_LOOSE = {TEXT, PDF, "application/zip", "application/xml", "application/rtf", "application/x-tar", "text/html"}
_LOOSE |= {"audio/webm", "audio/mp4", "audio/3gpp"}


def normalize(given: str, *, filename: str, listed: Iterable[str] = (), field: tuple[str, ...] = ()) -> str:
    """Return the declared type in its usual spelling, or the extension's if it says less and is not in the list itself.

    Raises InvalidInput.
    """
    value = given.partition(";")[0].strip().lower() or UNKNOWN
    if not _FORM.fullmatch(value):
        raise InvalidInput("contentType must look like type/subtype.", field=field)
    row, value = find(guess(filename)), canonical(value)
    is_vague = _VAGUE.get(value) == row.family and (matches(row.name, listed) or not matches(value, listed))
    return row.name if value in (UNKNOWN, *row.aliases.split()) or is_vague else value


def guess(filename: str) -> str:
    """Return the type of a filename's extension, application/octet-stream for an unknown one."""
    return _BY_EXTENSION.get(filenames.get_extension(filename), UNKNOWN)


def canonical(value: str) -> str:
    """Return the one spelling of a type that has several."""
    return _BY_ALIAS.get(value, value)


def matches(content_type: str, patterns: Iterable[str]) -> bool:
    """Return True if a type matches one of the patterns, such as "image/png" and "image/*"."""
    wanted = [canonical(pattern.partition(";")[0].strip().lower()) for pattern in patterns]
    return any(w in (content_type, "*/*") or (w.endswith("/*") and content_type.startswith(w[:-1])) for w in wanted)


def disagree(content_type: str, filename: str) -> bool:
    """Return True if a declared type contradicts the filename's extension, such as an image declared as a page."""
    # Lenient otherwise: browsers often have different names for the same type.
    guessed = guess(filename)
    if UNKNOWN in (guessed, content_type) or content_type in (guessed, *find(guessed).forms.split()):
        return False
    families = {find(guessed).family, find(content_type).family}
    if "active" in families and len(families) == 2:
        passive = content_type if find(guessed).family == "active" else guessed
        return not passive.startswith("text/") and not passive.endswith("+xml")
    is_disguise = "program" in families and not families.isdisjoint(_MEDIA)
    # One raster image for another is found out, and recorded as what it is. A PDF may have another extension (ai).
    promises_other = guessed in _CERTAIN or (len(families) == 2 and content_type in _CERTAIN)
    return is_disguise or (promises_other and families != {"raster"})


def may_declare(content_type: str, expected: str) -> bool:
    """Return True if systems declare this type for files of the expected one."""
    is_clear = bool(find(content_type).name) and content_type not in (expected, UNKNOWN, *_LOOSE)
    return fits(content_type, expected) and (expected == UNKNOWN or not is_clear)


def fits(content_type: str, expected: str) -> bool:
    """Return True if a file of the expected type may begin with bytes of this one, or one of the two is unknown."""
    row, family = find(expected), find(content_type).family
    known = UNKNOWN not in (content_type, expected) and row.name and find(content_type).name
    if not known or content_type in (expected, *row.forms.split()):
        return True
    if content_type == TEXT and (row.family in ("text", "active") or (row.family == "program" and not row.forms)):
        return True
    return row.family == "data" and not row.signature and family in ("text", "active")


def detect(head: bytes) -> str:
    """Return the type of the first bytes: that of a known signature, of markup, text, or application/octet-stream."""
    is_text = _is_text(head)
    start = head.replace(b"\x00", b"").lstrip(_SPACE)
    root = _PROLOG.sub(b"", start, count=1)
    for row, signature in _SIGNATURES:
        # Text may begin like a signature. Documents are text themselves.
        heads = [head] if row.family == "document" or not is_text else []
        if any(map(signature.match, (root, start) if signature.flags & re.IGNORECASE else heads)):
            return row.name
    return TEXT if is_text else UNKNOWN


def verify(head: bytes, *, declared: str) -> str:
    """Return the detected type. Raises ContentTypeMismatch if it contradicts the declared one, see `adopt`."""
    detected, family = detect(head), find(declared).family
    if family == "text" and detected == PDF and _is_text(head) and not head.startswith(b"%PDF-"):
        detected = TEXT  # which quotes the header
    found = find(detected).family
    if declared == MPEG_TS and adopt(declared, detected) != declared:
        return detected
    # Markup also after a signature: a polyglot begins like an image and is read as a page.
    searched = head if found in _MEDIA else head.replace(b"\x00", b"")
    problem = ""
    if declared in _CERTAIN and detected != declared and {family, found} != {"raster"}:
        problem = f"its content is {'of another type' if detected == UNKNOWN else detected}"
    elif found == "program" and family in (*_MEDIA, "document", "text"):
        problem = "it is a program"
    elif family in _MEDIA and (found == "active" or _MARKUP_ANYWHERE.search(searched)):
        problem = "it contains markup"
    if problem:
        raise ContentTypeMismatch(f"The file was declared as {declared}, but {problem}.")
    return detected


def adopt(declared: str, detected: str) -> str:
    """Return the type to record: the detected one of an unknown type and of media, text for a wrong video."""
    families = find(declared).family, find(detected).family
    is_true = families[0] == families[1] in ("raster", "audio", "video") and not fits(detected, declared)
    if declared == UNKNOWN or is_true:
        return detected
    # Browsers take TypeScript for a video, by its extension.
    return TEXT if declared == MPEG_TS and families[1] in ("text", "active") else declared


def find(content_type: str) -> MediaType:
    """Return the row of a type. One that the table does not know has a family by its name, and nothing else."""
    is_media = content_type.startswith(("image/", "audio/", "video/", "font/"))
    return _BY_NAME.get(content_type) or MediaType("", "", "video" if is_media else "data")


def served(content_type: str) -> str:
    """Return the type to store and serve: application/octet-stream unless the table says that it is harmless."""
    row = find(content_type)
    return row.name if row.name and row.family not in ("active", "program") else UNKNOWN


def _is_text(head: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        getincrementaldecoder("utf-8")().decode(head, len(head) < HEAD_BYTES)  # the last character may be cut off
        return not _BINARY.search(head)
    return False
