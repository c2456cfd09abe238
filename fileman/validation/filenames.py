"""Filenames: the name that users see, and the unique name on the storage."""

import re
import secrets
import unicodedata
from datetime import datetime

from fileman.errors import InvalidFilename

# UTF-16 units of a display name, as NTFS and APFS count: 255 Japanese letters, which are 765 bytes of UTF-8.
MAX_UNITS = 255
_STEM_LENGTH = 60
_EXTENSION_LENGTH = 16
# Characters that compatibility normalization or a reader takes for a slash, and the colon of Windows' streams.
_LOOKALIKES = dict.fromkeys(map(ord, "\u2044\u2215\u2216\u2571\u2572\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c:"), "_")
# Unicode categories: control, surrogate, line and paragraph separator. Unassigned ones pass: emoji come every year.
_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
# Invisible, though Unicode does not call them format characters.
_BLANK = set("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Format characters that are part of emoji and of words in Persian, Mongolian and Indic scripts, at their end only after
# a virama; and the signs of numbers, verses and abbreviations, which are visible.
_JOINERS, _VIRAMAS = "\u180e\u200c\u200d", "\u094d\u09cd\u0d4d\u0dca"
_KEPT = _JOINERS + "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
_STRAY_JOINERS = re.compile(rf"(?<![^\x00-\x7f])[{_JOINERS}]+|(?<![{_VIRAMAS}{_JOINERS}])[{_JOINERS}]+(?![^\x00-\x7f])")
# A black flag and the invisible letters of its region: England, Scotland, Wales.
_REGION_FLAG = re.compile("(\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f)")
# What stays at the end of a name that is shortened.
_SUFFIX = re.compile(r"(?i)(\.[a-z]\w{1,7})?\.[^.\s]{1,32}$")
# Device names of Windows, with any extension.
_RESERVED = re.compile(r"(?i)^(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)")
# Suffixes of files that a server runs or sends as a page, or that a desktop runs. Those of source code, domains (.com,
# .pl, .sh) and words are no danger before another suffix: "node.js.pdf", "Amazon.com.pdf", "job.application.pdf".
_ACTIVE = re.compile(
    r"php\d*|phps|phtml?|pht|phar|aspx?|asa|asax|ascx|ashx|asmx|cer|cdx|htr|cshtml|vbhtml|jspx?|jspf|jsw|jsv|f?cgi|cf[cm]|cfml"
    r"|s?html?|stm|xht|xhtml?|mht|mhtml|hta|htaccess|htpasswd|swf|exe|scr|pif|bat|cmd|msi|ps1|vb[es]?|jse|ws[fh]|jar|jnlp|lnk"
    r"|scf|[a-z]+-ms|cpl|msc|xll|chm|sct|htc|pyw|msix|webloc|rdp"
)
_ACTIVE_WORDS = re.compile(r"\.(application|command|desktop|gadget|inf|ps2|reg|theme|url|website)$")


def display_name(given: str, *, field: tuple[str, ...] = ()) -> str:
    """Return the name for display and download: in NFC, without separators, safe on every file system.

    Mends what people cannot see or help: drops format characters such as those of text direction, replaces look-alikes
    of the slash, ":" and private characters with "_", prefixes "_" to a leading dot and to the device names of Windows,
    removes trailing dots and spaces, and shortens the name to MAX_UNITS before its extension. Raises InvalidFilename
    for slashes, control characters, line breaks, lone surrogates and names without a letter.
    """
    if "/" in given or "\\" in given:
        raise InvalidFilename("The filename must not contain a path. Send the name alone.", field=field)
    if not given.isprintable() and any(unicodedata.category(c) in _REFUSED for c in given):
        raise InvalidFilename("The filename contains control characters or line breaks.", field=field)
    name = search_term(given).strip().rstrip(". ")
    if not unicodedata.normalize("NFKC", name).strip("._ \u3002"):
        raise InvalidFilename("The filename is empty.", field=field)
    if name.startswith(".") or _RESERVED.match(name):
        name = "_" + name.lstrip(".")
    return _shorten(name)


def search_term(given: str) -> str:
    """Return a part of a name as `display_name` would keep it."""
    if given.isascii():
        return given.translate(_LOOKALIKES)
    parts = _REGION_FLAG.split(unicodedata.normalize("NFC", given).translate(_LOOKALIKES))
    visible = "".join(part if index % 2 else _drop_invisible(part) for index, part in enumerate(parts))
    return unicodedata.normalize("NFC", _STRAY_JOINERS.sub("", visible))


def _drop_invisible(text: str) -> str:
    kept = (c for c in text if c in _KEPT or not (unicodedata.category(c) == "Cf" or c in _BLANK))
    return "".join("_" if unicodedata.category(c) == "Co" else c for c in kept)


def _shorten(name: str) -> str:
    """Cut the end of the stem, between characters as a reader sees them: no half flag, no letter without its accent."""
    units = name.encode("utf-16-le")
    if len(units) <= 2 * MAX_UNITS:
        return name
    suffix = found.group() if (found := _SUFFIX.search(name)) else ""
    room = 2 * MAX_UNITS - len(suffix.encode("utf-16-le"))
    whole = end = len(units[:room].decode("utf-16-le", "ignore"))
    while end and _is_continued(name, end):
        end -= 1
    return name[: end or whole].rstrip(". ") + suffix


def _is_continued(name: str, at: int) -> bool:
    """Return True if the character at this position belongs to the one before it."""
    character, before = name[at], name[:at]
    if "\U0001f1e6" <= character <= "\U0001f1ff":  # a flag is a pair of these
        return (at - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))) % 2 == 1
    is_mark = unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"} or "\U0001f3fb" <= character <= "\U0001f3ff"
    return is_mark or before.endswith("\u200d")


def get_extension(name: str) -> str:
    """Return the last suffix in lowercase without its dot, or ""."""
    return name.lower().rpartition(".")[2] if "." in name else ""


def active_suffixes(name: str) -> list[str]:
    """Return the suffixes of active content in a name: ["php"] for "shell.php.jpg" and "shell.PHP;.jpg"."""
    letters = unicodedata.normalize("NFKD", name).lower().replace("\u3002", ".")
    plain = "".join(c for c in letters if unicodedata.category(c) not in {"Cf", "Mn", "Mc", "Me"})
    found = re.findall(r"\.([a-z0-9-]+)(?=[^a-z0-9\s-]|\s*(?:[.;:%]|$))", plain)
    return [suffix for suffix in found if _ACTIVE.fullmatch(suffix)] + _ACTIVE_WORDS.findall(plain)


def stored_name(name: str, *, now: datetime) -> str:
    """Return a unique `<ascii stem>_<yyyymmdd>_<128 random bits>.<ext>` in lowercase, alphabet [a-z0-9._-]."""
    suffix = _ascii(get_extension(name))[:_EXTENSION_LENGTH]
    stem = _ascii(name.rpartition(".")[0] or name)[:_STEM_LENGTH].strip("-_") or "file"
    return f"{stem}_{now:%Y%m%d}_{secrets.token_hex(16)}" + (f".{suffix}" if suffix else "")


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
