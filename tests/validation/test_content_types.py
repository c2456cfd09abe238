"""Declared types, patterns of allowed types, and detection from the first bytes."""

import gzip
import json
import zipfile
from io import BytesIO

import pytest

from fileman.errors import ContentTypeMismatch, InvalidInput
from fileman.validation import content_types

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00"
PAGE = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
XMP = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/>'


def docx() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types><script>no</script></Types>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("given", "filename", "expected"),
    [
        ("image/png", "a.png", "image/png"),
        ("IMAGE/PNG", "a.png", "image/png"),
        (" text/plain ; charset=utf-8", "a.txt", "text/plain"),
        ("image/jpg", "a.jpg", "image/jpeg"),
        ("application/x-zip-compressed", "a.zip", "application/zip"),
        ("text/xml", "a.xml", "application/xml"),
        ("", "a.png", "image/png"),
        ("", "a.JPG", "image/jpeg"),
        ("", "a.tar.gz", "application/gzip"),
        ("", "a.js", "text/javascript"),
        ("", "README", "application/octet-stream"),
        ("", "a.unheardof", "application/octet-stream"),
        ("; charset=utf-8", "a.txt", "text/plain"),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_a_declared_type_is_normalized_or_guessed_from_the_name(given: str, filename: str, expected: str) -> None:
    assert content_types.normalize(given, filename=filename) == expected


@pytest.mark.parametrize(
    "given",
    ["image", "image/", "/png", "a/b/c", "image/png\r\nX: y", "imäge/png", "a b/c", "\ud800/x", "a/" + "b" * 128],
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
     ("video/mp4", "cat.jpg"), ("image/jpeg", "letter.pdf")],
)  # fmt: skip
def test_a_type_and_an_extension_that_contradict_each_other(content_type: str, filename: str) -> None:
    assert content_types.disagree(content_type, filename)


@pytest.mark.parametrize(
    ("content_type", "filename"),
    [("image/png", "cat.png"), ("image/jpeg", "cat.png"), ("text/plain", "page.html"), ("text/plain", "main.js"),
     ("text/markdown", "notes.txt"), ("application/rss+xml", "feed.xml"), ("application/octet-stream", "cat.png"),
     ("image/png", "cat"), ("application/x-zip", "letter.docx"), ("application/vnd.ms-excel", "table.csv")],
)  # fmt: skip
def test_a_type_and_an_extension_that_browsers_really_send_together(content_type: str, filename: str) -> None:
    """A false alarm would refuse somebody's holiday pictures."""
    assert not content_types.disagree(content_type, filename)


@pytest.mark.parametrize(
    ("head", "detected"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (docx(), "application/zip"),
        (gzip.compress(b"x", mtime=0), "application/gzip"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x7fELF\x02\x01", "application/x-executable"),
        (PAGE, "text/html"),
        (b"<!-- hello --><b>bold</b>", "text/html"),
        (SVG, "image/svg+xml"),
        (b'<?xml version="1.0"?>' + SVG, "image/svg+xml"),
        (b"hello\n", "text/plain"),
        ("Grüße\n".encode(), "text/plain"),
        (b"\x00\x01\x02\x03", "application/octet-stream"),
        (b"BMW is a car, MZ a motorcycle.", "text/plain"),
        (b"MZ made motorcycles.", "text/plain"),
        (b"BM\x3a\x00\x00\x00\x00\x00\x00\x00\x36\x00", "image/bmp"),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, detected: str) -> None:
    assert content_types.detect(head) == detected


def test_a_character_cut_off_by_the_end_of_the_head_is_still_text() -> None:
    head = ("a" * (content_types.HEAD_BYTES - 1) + "ü").encode()[: content_types.HEAD_BYTES]
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
    "3 KiB of spaces": b" " * 3072 + SVG,
    "UTF-16, little end first": PAGE.decode().encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PAGE.decode().encode("utf-16-be"),
    "drawing in UTF-16": SVG.decode().encode("utf-16"),
    "behind a PNG signature": PNG + PAGE,
    "behind a JPEG signature": JPEG + PAGE,
    "behind a GIF signature": b"GIF89a/*" + PAGE,
    "behind a BMP signature": b"BM" + SVG,
}


@pytest.mark.parametrize(
    "declared", ["image/png", "image/bmp", "image/x-icon", "video/mp4", "audio/mpeg", "font/woff2"]
)
@pytest.mark.parametrize("name", DISGUISES)
def test_markup_under_a_media_type_is_refused(name: str, declared: str) -> None:
    with pytest.raises(ContentTypeMismatch):
        content_types.verify(DISGUISES[name], declared=declared)


@pytest.mark.parametrize(
    "declared", ["image/png", "image/jpeg", "image/gif", "image/webp", "image/tiff", "application/pdf"]
)
@pytest.mark.parametrize("head", [b"hello", b"\x00\x01\x02\x03", b"MZ\x90\x00\x03", docx()])
def test_a_type_with_a_certain_signature_must_show_it(head: bytes, declared: str) -> None:
    with pytest.raises(ContentTypeMismatch, match="of another type"):
        content_types.verify(head, declared=declared)


@pytest.mark.parametrize(
    ("declared", "head", "detected"),
    [
        ("application/json", json.dumps({"snippet": PAGE.decode()}).encode(), "text/html"),
        ("application/json", b'{"a": 1}', "text/plain"),
        ("text/csv", b"name,note\nann,<b>bold</b>\nbob,<img src=x>\n", "text/plain"),
        ("text/markdown", b"# Title\n\n<details><summary>More</summary></details>\n", "text/plain"),
        ("text/markdown", b"# How to write <script> tags\n", "text/html"),
        ("image/jpeg", JPEG + XMP, "image/jpeg"),
        ("image/png", PNG + XMP, "image/png"),
        ("text/html", PAGE, "text/html"),
        ("image/svg+xml", SVG, "image/svg+xml"),
        ("text/plain", PAGE, "text/html"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", docx(), "application/zip"),
        ("application/octet-stream", PAGE, "text/html"),
        ("video/mp4", b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        ("image/heic", b"\x00\x00\x00\x18ftypheic", "image/heic"),
        ("application/x-unheard-of", b"\x00\x01", "application/octet-stream"),
    ],
)
def test_honest_files_raise_no_alarm(declared: str, head: bytes, detected: str) -> None:
    assert content_types.verify(head, declared=declared) == detected
