"""Declared types, patterns of allowed types, and detection from the first bytes."""

import json
import re
import zipfile
from collections import Counter
from io import BytesIO
from typing import Any

import pytest

from fileman.backends.values import HEAD_BYTES
from fileman.errors import ContentTypeMismatch, InvalidInput
from fileman.validation import content_types
from fileman.validation.content_types import TABLE, UNKNOWN, MediaType

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00"
PAGE = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
XMP = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/>'
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# What mimetypes of Python 3.11 to 3.13 do not know, or not all of them.
EVERYDAY = {"docx": DOCX, "webp": "image/webp", "md": "text/markdown", "m4a": "audio/mp4", "flac": "audio/flac"}
EVERYDAY |= {"log": "text/plain", "yaml": "application/yaml", "ogg": "audio/ogg", "mkv": "video/x-matroska"}
EVERYDAY |= {"epub": "application/epub+zip", "7z": "application/x-7z-compressed", "woff2": "font/woff2"}
EVERYDAY |= {"jfif": "image/jpeg", "jxl": "image/jxl", "psd": "image/vnd.adobe.photoshop", "heic": "image/heic"}
EVERYDAY |= {"ipynb": "application/x-ipynb+json", "ts": "video/mp2t", "gpx": "application/gpx+xml"}
KML = b'<?xml version="1.0"?>\n<!-- a comment -->\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document/></kml>'
TYPESCRIPT = b"export const icon = `<svg viewBox='0 0 1 1'><script>`;\nconst page = '<html lang=en>';\n"
QT = b'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n<TS version="2.1" language="de_DE"></TS>\n'
MPEG_TS = (b"G\x40\x11\x10" + bytes(184)) * 3
# Acrobat finds the header of a PDF in the first 1,024 bytes.
PDFS = {
    "byte order mark": b"\xef\xbb\xbf%PDF-1.7\n",
    "line break": b"\r\n %PDF-1.4\n",
    "printer language": b"\x1b%-12345X@PJL SET STRINGCODESET=UTF8\n@PJL ENTER LANGUAGE=PDF\n%PDF-1.6\n",
    "200 bytes": b"x" * 200 + b"%PDF-1.7\n",
    "the last position": b"\xff" * 1019 + b"%PDF-1.7",
}


def docx() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types><script>no</script></Types>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("given", "filename", "expected"),
    [
        ("image/png", "a.png", "image/png"), ("IMAGE/PNG", "a.png", "image/png"),
        (" text/plain ; charset=utf-8", "a.txt", "text/plain"), ("image/jpg", "a.jpg", "image/jpeg"),
        ("application/x-zip-compressed", "a.zip", "application/zip"), ("text/xml", "a.xml", "application/xml"),
        ("", "a.png", "image/png"), ("", "a.JPG", "image/jpeg"), ("", "a.tar.gz", "application/gzip"),
        ("", "a.js", "text/javascript"), ("", "README", "application/octet-stream"),
        ("", "a.unheardof", "application/octet-stream"), ("; charset=utf-8", "a.txt", "text/plain"),
        (DOCX, "a.docx", DOCX), *(("", f"a.{extension}", kind) for extension, kind in EVERYDAY.items()),
        *(("application/octet-stream", f"a.{extension}", kind) for extension, kind in EVERYDAY.items()),
        ("binary/octet-stream", "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.unheardof", "application/octet-stream"),
        ("application/vnd.ms-excel", "a.csv", "text/csv"),
        ("application/vnd.ms-excel", "a.xls", "application/vnd.ms-excel"),
        ("text/comma-separated-values", "a.csv", "text/csv"), ("text/plain", "a.csv", "text/csv"),
        ("text/plain", "a.html", "text/plain"), ("application/zip", "a.docx", DOCX),
        ("application/zip", "a.jar", "application/zip"), ("image/x-eps", "a.eps", "application/postscript"),
        ("image/svg+xml", "a.svgz", "image/svg+xml"), ("audio/x-m4a", "a.m4a", "audio/mp4"),
        ("video/mp2t", "a.ts", "video/mp2t"),
    ],
)  # fmt: skip
def test_a_declared_type_is_normalized_or_guessed_from_the_name(given: str, filename: str, expected: str) -> None:
    assert content_types.normalize(given, filename=filename) == expected


@pytest.mark.parametrize(
    "given", ["image", "image/", "/png", "a/b/c", "a/png\r\nX: y", "imäge/png", "a b/c", "\ud800/x", "a/" + "b" * 128]
)
def test_a_malformed_type_is_refused(given: str) -> None:
    with pytest.raises(InvalidInput, match="type/subtype"):
        content_types.normalize(given, filename="a.png")


@pytest.mark.parametrize(
    ("content_type", "patterns", "expected"),
    [("image/png", ["image/png"], True), ("image/png", ["image/*"], True), ("image/png", ["*/*"], True),
     ("image/png", [" IMAGE/PNG "], True), ("image/jpeg", ["image/jpg"], True),
     ("image/png", ["image/jpeg", "application/pdf"], False), ("imagex/png", ["image/*"], False),
     ("application/image", ["image/*"], False), ("image/png", [], False),
     ("text/html", ["text/html; charset=utf-8"], True)],
)  # fmt: skip
def test_patterns_of_allowed_types(content_type: str, patterns: list[str], expected: bool) -> None:
    assert content_types.matches(content_type, patterns) is expected


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [("text/html", "cat.png"), ("image/png", "page.html"), ("image/png", "drawing.svg"),
     ("image/svg+xml", "cat.png"), ("text/javascript", "cat.jpg"), ("application/pdf", "cat.png"),
     ("video/mp4", "cat.jpg"), ("image/jpeg", "letter.pdf"), ("application/x-rar", "letter.pdf"),
     ("application/x-unheard-of", "letter.pdf"), ("video/mp4", "film.exe"),
     ("application/msword", "letter.pdf"), ("application/rtf", "letter.pdf"), ("application/postscript", "letter.pdf"),
     *(("image/png", f"cat.{extension}") for extension in ("exe", "lnk", "ps1", "hta", "jar", "sh"))],
)  # fmt: skip
def test_a_type_and_an_extension_that_contradict_each_other(content_type: str, filename: str) -> None:
    assert content_types.disagree(content_type, filename)


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [("image/png", "cat.png"), ("image/jpeg", "cat.png"), ("text/plain", "page.html"), ("text/plain", "main.js"),
     ("text/markdown", "notes.txt"), ("application/rss+xml", "feed.xml"), ("application/octet-stream", "cat.png"),
     ("image/png", "cat"), ("application/x-zip", "letter.docx"), ("application/vnd.ms-excel", "table.csv"),
     ("image/webp", "saved.jpg"), ("application/x-msdos-program", "setup.exe"), ("text/plain", "install.sh"),
     ("text/plain", "main.ts"), ("application/pdf", "logo.ai")],
)  # fmt: skip
def test_a_type_and_an_extension_that_browsers_really_send_together(content_type: str, filename: str) -> None:
    """A false alarm would refuse somebody's holiday pictures."""
    assert not content_types.disagree(content_type, filename)


@pytest.mark.parametrize(
    ("head", "detected"),
    [
        (b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00mp42", "audio/mp4"),
        (b"\x00\x00\x00\x14ftypqt  ", "video/quicktime"),
        (b"\x00\x00\x00\x08wide\x00\x00\x00\x00mdat", "video/quicktime"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1heic", "image/heic"),
        (b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avif", "image/avif"), (b"II+\x00\x08\x00", "image/tiff"),
        (b"MM\x00+\x00\x08", "image/tiff"), (b"%!PS-Adobe-3.0 EPSF-3.0\n", "application/postscript"),
        (KML, "application/vnd.google-earth.kml+xml"), (b"\xef\xbb\xbf<gpx version='1.1'>", "application/gpx+xml"),
        (b"<?xml version='1.0'?><note/>", "application/xml"), (b"<?xml version='1.0'?><style/>", "application/xml"),
        (b"\0\0\x02" + bytes(15), UNKNOWN), (b"RF64\xff\xff\xff\xffWAVEds64\0", "audio/wav"),  # Targa, no icon
        (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'><svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html>", "text/html"),
        (b"<?php echo 1; ?>", "application/x-php"), (b"xxxxxxxxWEBPevil", "text/plain"),
        (b"# About <html>, <script> and <svg>\n", "text/plain"), (PAGE[:20] + b"%PDF-1.7", "text/html"),
        (b"\n" * 1020 + b"%PDF-1.7", "text/plain"), (MPEG_TS, "video/mp2t"), (TYPESCRIPT, "text/plain"),
        (b"\x7fELF\x02\x01", "application/x-executable"), (b"<!-- hello --><b>bold</b>", "text/html"),
        (b"<?xml?><!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG, "image/svg+xml"),
        ("Grüße\n".encode(), "text/plain"), (b"\x00\x01\x02\x03", "application/octet-stream"),
        (b"BMW is a car, MZ a motorcycle.", "text/plain"), (b"MZ made motorcycles.", "text/plain"),
    ],
)  # fmt: skip
def test_the_first_bytes_tell_the_type(head: bytes, detected: str) -> None:
    """Those that a simple signature tells are in test_listed_types.py."""
    assert content_types.detect(head) == detected


def test_a_character_cut_off_by_the_end_of_the_head_is_still_text() -> None:
    head = ("a" * (HEAD_BYTES - 1) + "ü").encode()[:HEAD_BYTES]
    assert content_types.detect(head) == "text/plain"
    assert content_types.detect(head[:100] + b"\xc3") == "application/octet-stream"


DISGUISES = {
    "page": PAGE,
    "page in capitals": PAGE.upper(),
    "drawing": SVG,
    "script alone": b"<script>alert(1)</script>",
    "byte order mark": b"\xef\xbb\xbf" + PAGE,
    "whitespace": b" \t\r\n\x0c" * 20 + PAGE,
    "comment": b"<!-- nothing to see here -->" + PAGE,
    "xml declaration": b'<?xml version="1.0" encoding="utf-8"?>\n' + SVG,
    "3 KiB of padding": b"a" * 3072 + PAGE,
    "UTF-16, little end first": PAGE.decode().encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PAGE.decode().encode("utf-16-be"),
    "behind a PNG signature": PNG + PAGE,
    "behind a GIF signature": b"GIF89a/*" + PAGE,
    "behind a BMP signature": b"BM" + SVG,
}


@pytest.mark.parametrize("media", ["image/png", "image/bmp", "image/x-icon", "video/mp4", "audio/mpeg", "font/woff2"])
@pytest.mark.parametrize("name", DISGUISES)
def test_markup_under_a_media_type_is_refused(name: str, media: str) -> None:
    with pytest.raises(ContentTypeMismatch):
        content_types.verify(DISGUISES[name], declared=media)


@pytest.mark.parametrize(
    "declared", ["image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff", "application/pdf"]
)
@pytest.mark.parametrize("head", [b"hello", b"\x00\x01\x02\x03", b"MZ\x90\x00\x03", docx()])
def test_a_type_with_a_certain_signature_must_show_it(head: bytes, declared: str) -> None:
    with pytest.raises(ContentTypeMismatch, match="its content is"):
        content_types.verify(head, declared=declared)


@pytest.mark.parametrize("declared", ["video/mp4", "image/x-icon", "audio/mpeg", "font/ttf", "text/csv", DOCX])
def test_a_program_under_a_media_type_is_refused(declared: str) -> None:
    with pytest.raises(ContentTypeMismatch):
        content_types.verify(b"MZ\x90\x00\x03\x00", declared=declared)


def test_the_table_names_each_type_extension_and_alias_once() -> None:
    """A spelling that is a type of its own may stand for another one too, for certain extensions."""
    names = [row.name for row in TABLE]
    extensions = [extension for row in TABLE for extension in row.extensions.split()]
    aliases = [alias for row in TABLE for alias in row.aliases.split() if alias not in names]
    for values in (names, extensions, aliases):
        assert [value for value, count in Counter(values).items() if count > 1] == []
        assert [value for value in values if value != value.lower()] == []
    assert {form for row in TABLE for form in row.forms.split()} <= set(names)


def shortest(tokens: Any) -> bytes:
    """Return a string that a parsed regular expression matches."""
    build: dict[str, Any] = {
        "LITERAL": lambda value: bytes([value]),
        "ANY": lambda _: b"\1",
        "IN": lambda value: shortest(value[:1]),
        "RANGE": lambda value: bytes(value[:1]),
        "CATEGORY": lambda _: b" ",
        "MAX_REPEAT": lambda value: shortest(value[2]) * value[0],
        "MIN_REPEAT": lambda value: shortest(value[2]) * value[0],
        "ASSERT_NOT": lambda _: b"",
        "BRANCH": lambda value: shortest(value[1][0]),
        "SUBPATTERN": lambda value: shortest(value[3]),
    }
    return b"".join(build[str(operation)](value) for operation, value in tokens)


@pytest.mark.parametrize("row", [row for row in TABLE if row.signature], ids=lambda row: str(row.name))
def test_no_signature_stands_in_the_shadow_of_an_earlier_one(row: MediaType) -> None:
    head = shortest(re._parser.parse(row.signature, re.DOTALL))  # type: ignore[attr-defined]  # private
    assert content_types.detect(head if row.family == "active" else head + b" \0") == row.name


def test_pictures_sound_and_films_are_of_families_that_may_not_hide_markup() -> None:
    media = [row for row in TABLE if row.name.startswith(("image/", "audio/", "video/", "font/"))]
    assert {row.family for row in media} == {"raster", "image", "audio", "video", "font", "active"}
    assert [row.name for row in media if row.family == "active"] == ["image/svg+xml"]
    assert [row.name for row in TABLE if row.family == "raster" and not row.signature] == []


@pytest.mark.parametrize(
    ("declared", "head", "detected"),
    [
        ("application/json", json.dumps({"snippet": PAGE.decode()}).encode(), "text/plain"),
        ("application/json", b'{"a": 1}', "text/plain"),
        ("text/csv", b"name,note\nann,<b>bold</b>\nbob,<img src=x>\n", "text/plain"),
        ("text/markdown", b"# Title\n\n<details><summary>More</summary></details>\n", "text/plain"),
        ("text/markdown", b"# How to write <script> tags\n", "text/plain"), ("image/jpeg", JPEG + XMP, "image/jpeg"),
        ("image/png", PNG + XMP, "image/png"), ("text/plain", PAGE, "text/html"),
        (DOCX, docx(), "application/zip"), ("application/octet-stream", PAGE, "text/html"),
        ("application/x-unheard-of", b"\x00\x01", "application/octet-stream"),
        *(("application/pdf", head, "application/pdf") for head in PDFS.values()),
        ("image/jpeg", b"\x00\x00\x00\x18ftypheic", "image/heic"), ("video/mp2t", QT, "application/xml"),
        ("application/postscript", b"\xc5\xd0\xd3\xc6\x1e\x00\x00\x00", "application/postscript"),
    ],
)  # fmt: skip
def test_honest_files_raise_no_alarm(declared: str, head: bytes, detected: str) -> None:
    assert content_types.verify(head, declared=declared) == detected
