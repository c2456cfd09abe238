"""Filenames: the name that users see, and the unique name on the storage."""

import re
import secrets
import unicodedata
from datetime import datetime

from fileman.errors import InvalidFilename

# UTF-8 bytes of a display name after NFC: the common limit of path components on ext4, APFS and NTFS.
MAX_BYTES = 255
_STEM_LENGTH = 60
_EXTENSION_LENGTH = 16
# Slashes, and characters that compatibility normalization or a reader takes for one.
_SEPARATORS = set("/\\\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c")
# Unicode categories: control, format, surrogate, private use, separators. Unassigned ones pass: emoji come every year.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Format characters that emoji and Indic scripts need.
_JOINERS = {"\u200c", "\u200d"}
# Device names of Windows, with any extension.
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")
# Extensions of files that a server or a browser might run.
ACTIVE_EXTENSIONS = frozenset(
    """
    asp aspx bat cgi cmd com cshtml exe hta htaccess htm html jar js jse jsp jspx mjs msi php php3 php4 php5
    php7 php8 phar phtml pl ps1 py rb scr sh shtml svg svgz swf vb vbe vbs wsf xht xhtml xml xsl xslt
    """.split()  # noqa: SIM905
)


def display_name(given: str, *, field: tuple[str, ...] = ()) -> str:
    """Return the name for display and download: in NFC, without separators, safe on every file system.

    Raises InvalidFilename for path separators, invisible characters, empty names and names over MAX_BYTES. Repairs
    harmless defects: removes trailing dots and spaces, replaces ":" with "_", prefixes "_" to a leading dot and to the
    device names of Windows.
    """
    name = unicodedata.normalize("NFC", given)
    if any(c in _SEPARATORS for c in name):
        raise InvalidFilename("The filename must not contain a path. Send the name alone.", field=field)
    if any(unicodedata.category(c) in _INVISIBLE and c not in _JOINERS for c in name):
        raise InvalidFilename("The filename contains invisible or control characters.", field=field)
    name = name.strip().rstrip(". ").replace(":", "_")
    if not name.strip("._ "):
        raise InvalidFilename("The filename is empty.", field=field)
    if name.startswith(".") or _RESERVED.match(name):
        name = "_" + name.lstrip(".")
    if len(name.encode()) > MAX_BYTES:
        raise InvalidFilename(f"The filename is longer than {MAX_BYTES} bytes.", field=field)
    return name


def get_extension(name: str) -> str:
    """Return the last suffix in lowercase without its dot, or ""."""
    _, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot else ""


def inner_extensions(name: str) -> list[str]:
    """Return the suffixes before the last: ["php"] for "shell.php.jpg"."""
    return [suffix.lower() for suffix in name.split(".")[1:-1]]


def stored_name(name: str, *, now: datetime) -> str:
    """Return a unique `<ascii stem>_<yyyymmdd>_<128 random bits>.<ext>` in lowercase, alphabet [a-z0-9._-]."""
    suffix = _ascii(get_extension(name))[:_EXTENSION_LENGTH]
    stem = _ascii(name.rpartition(".")[0] or name)[:_STEM_LENGTH].strip("-_") or "file"
    unique = f"{stem}_{now:%Y%m%d}_{secrets.token_hex(16)}"
    return f"{unique}.{suffix}" if suffix else unique


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
