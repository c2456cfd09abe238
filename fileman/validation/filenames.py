"""File names: what a display name may be, and the name under which the storage knows the file."""

import re
import secrets
import unicodedata
from datetime import datetime

from fileman.errors import InvalidFilename

MAX_BYTES = 255
"""UTF-8 bytes of a display name after NFC: the limit of ext4, APFS and NTFS path components alike."""
_STEM_LENGTH = 60
_EXTENSION_LENGTH = 16
_SEPARATORS = set("/\\\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c")
"""Slashes, and what compatibility normalisation or a careless reader takes for one."""
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories: control, format, surrogate, private, line separators. Not unassigned: emoji come every year."""
_JOINERS = {"\u200c", "\u200d"}
"""Format characters that emoji and Indic scripts need."""
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")
"""Device names of Windows, whatever extension follows."""
ACTIVE_EXTENSIONS = frozenset(
    """
    asp aspx bat cgi cmd com cshtml exe hta htaccess htm html jar js jse jsp jspx mjs msi php php3 php4 php5
    php7 php8 phar phtml pl ps1 py rb scr sh shtml svg svgz swf vb vbe vbs wsf xht xhtml xml xsl xslt
    """.split()  # noqa: SIM905
)
"""Extensions of what a server or a browser might run."""


def display_name(given: str, *, field: tuple[str, ...] = ()) -> str:
    """The name to show and to download under: NFC, no separators, safe on every file system.

    Raises InvalidFilename for path separators, invisible characters, names without content and over MAX_BYTES.
    Harmless peculiarities are mended: trailing dots and spaces go, ":" becomes "_", a leading dot and the device names
    of Windows get a "_" in front.
    """
    name = unicodedata.normalize("NFC", given)
    if any(c in _SEPARATORS for c in name):
        raise InvalidFilename("A file name has no path in it: send the name alone.", field=field)
    if any(unicodedata.category(c) in _INVISIBLE and c not in _JOINERS for c in name):
        raise InvalidFilename("The file name contains invisible or control characters.", field=field)
    name = name.strip().rstrip(". ").replace(":", "_")
    if not name.strip("._ "):
        raise InvalidFilename("The file name is empty.", field=field)
    if name.startswith(".") or _RESERVED.match(name):
        name = "_" + name.lstrip(".")
    if len(name.encode()) > MAX_BYTES:
        raise InvalidFilename(f"The file name is longer than {MAX_BYTES} bytes.", field=field)
    return name


def get_extension(name: str) -> str:
    """The last suffix in lower case without its dot; "" when there is none."""
    _, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot else ""


def inner_extensions(name: str) -> list[str]:
    """The suffixes before the last: ["php"] for "shell.php.jpg"."""
    return [suffix.lower() for suffix in name.split(".")[1:-1]]


def stored_name(name: str, *, now: datetime) -> str:
    """`<ascii stem>_<yyyymmdd>_<128 random bits>.<ext>`: lower case, alphabet [a-z0-9._-], unique."""
    suffix = _ascii(get_extension(name))[:_EXTENSION_LENGTH]
    stem = _ascii(name.rpartition(".")[0] or name)[:_STEM_LENGTH].strip("-_") or "file"
    unique = f"{stem}_{now:%Y%m%d}_{secrets.token_hex(16)}"
    return f"{unique}.{suffix}" if suffix else unique


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
