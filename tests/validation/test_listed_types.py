"""What the lists of a file manager let in: every kind of bytes under every other kind's name, however declared."""

import gzip
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from fileman.errors import FilemanError
from fileman.models import FileManager
from fileman.validation import acceptance, content_types
from fileman.validation.acceptance import DeclaredFile
from fileman.validation.content_types import TEXT, UNKNOWN
from tests.api import Api
from tests.validation.test_content_types import DOCX, GIF, JPEG, MPEG_TS, PAGE, PNG, SVG


def packed(*names: str) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return made.getvalue()


TIFF, WEBP, OLE = b"II*\0\x08\0\0\0", b"RIFF\x24\0\0\0WEBPVP8 ", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99)
MP4, M4A, MOV = (b"\0\0\0\x18ftyp%b\0\0\0\0" % brand for brand in (b"mp42", b"M4A ", b"qt  "))
ODT = "application/vnd.oasis.opendocument.text"
JAR = packed("META-INF/", "META-INF/MANIFEST.MF", "Main.class")
# Extension, and bytes that a file of it may have.
KINDS = {
    "png": PNG, "jpg": JPEG, "gif": GIF, "tif": TIFF, "webp": WEBP, "heic": b"\0\0\0\x18ftypheic",
    "bmp": b"BM\x3a\0\0\0\0\0\0\0\x36\0", "jp2": b"\0\0\0\x0cjP  \r\n\x87\n", "ico": b"\0\0\x01\0\x01\0",
    "mp3": b"ID3\x04\0\0\0\0\0\0", "wav": b"RIFF\x24\0\0\0WAVEfmt ", "ogg": b"OggS\0\x02", "flac": b"fLaC\0\0\0\x22",
    "mp4": MP4, "webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "avi": b"RIFF\x24\0\0\0AVI LIST",
    "mpg": b"\0\0\x01\xba\x44\0", "wmv": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "woff2": b"wOF2\0\x01\0\0",
    "docx": packed("[Content_Types].xml", "word/document.xml"), "doc": OLE, "pdf": b"%PDF-1.7\n%\xe2\xe3",
    "jar": JAR, "gz": gzip.compress(b"x", mtime=0), "7z": b"7z\xbc\xaf\x27\x1c\0\4", "exe": b"MZ\x90\0\x03\0\0\0",
    "txt": b"hello\n", "html": PAGE, "sqlite": b"SQLite format 3\0\x10\0", "dcm": bytes(128) + b"DICM\2\0",
    "mkv": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x88matroska", "aac": b"\xff\xf1\x50\x80", "stl": bytes([1, 0]) * 50,
}  # fmt: skip
# Bytes that another kind of file may begin with too: a JAR is a ZIP, and letters of Word may be anything.
SHARED = {("docx", "doc"), ("doc", "docx"), ("doc", "txt"), ("doc", "html"), ("html", "txt"), ("txt", "html")}
SHARED |= {("jar", "docx"), ("mkv", "webm"), ("stl", "txt"), ("stl", "html"), ("exe", "txt"), ("exe", "html")}


def outcome(filename: str, declared: str, head: bytes, **lists: Any) -> str:
    """Return the recorded type, or the code of the refusal and where it came."""
    manager = FileManager(backend_type="memory", **lists)
    given = DeclaredFile(filename=filename, size=len(head), content_type=declared)
    try:
        accepted = acceptance.accept(given, manager=manager, may_publish=lambda: False, at=())
    except FilemanError as error:
        return f"{error.code} at initiate"
    accepted.file_manager = manager
    try:
        return acceptance.settle_content_type(accepted, content_types.verify(head, declared=accepted.content_type))
    except FilemanError as error:
        return f"{error.code} at finalize"


@pytest.mark.parametrize("named", KINDS)
def test_bytes_of_another_kind_never_complete_under_a_listed_extension_or_type(named: str) -> None:
    """Whatever the client declares and however it names the file."""
    own, unknown = content_types.guess(f"x.{named}"), ("", UNKNOWN, "x/unheard-of")
    tried = {}
    for kind, head in KINDS.items():
        if kind not in (named, "stl") and (named, kind) not in SHARED:
            for declared in (own, content_types.guess(f"x.{kind}"), *unknown):
                tried[kind, declared] = outcome(f"x.{named}", declared, head, allowed_extensions=[named])
            for name in (f"x.{named}", f"x.{kind}", "x", "x.unheard-of"):
                tried[kind, name] = outcome(name, own, head, allowed_mime_types=[own])
    assert {case: found for case, found in tried.items() if "/" in found} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_file_completes_with_each_list(kind: str) -> None:
    own = content_types.guess(f"x.{kind}")
    lists: list[dict[str, Any]] = [{}, {"allowed_extensions": [kind]}, {"allowed_mime_types": [own]}]
    for given in (*lists, {**lists[1], **lists[2]}):
        for declared in (own, "", UNKNOWN):
            assert outcome(f"x.{kind}", declared, KINDS[kind], **given) == own


@pytest.mark.parametrize(
    ("name", "declared", "head", "listed", "recorded"),
    [*(("a.sql", TEXT, b"SELECT 1;", *row) for row in (
        (TEXT, TEXT), ("application/sql", "application/sql"), ("text/*", TEXT), ("*/*", "application/sql"))),
     ("a.webm", "audio/webm;codecs=opus", KINDS["webm"], "audio/*", "audio/webm"),
     ("a.mp4", "audio/mp4", MP4, "audio/*", "audio/mp4")],
)  # fmt: skip
def test_a_declared_type_is_what_the_list_of_types_takes_it_for(
    name: str, declared: str, head: bytes, listed: str, recorded: str
) -> None:
    assert outcome(name, declared, head, allowed_mime_types=[listed]) == recorded


def test_every_spelling_of_a_system_is_the_type_of_the_extension() -> None:
    """They come from the tables of freedesktop.org, Debian and mime-db."""
    table = """heic image/heic-sequence psd application/x-photoshop opus audio/x-opus+ogg mkv video/matroska avi
        video/vnd.avi mts model/vnd.mts asf application/vnd.ms-asf tar application/x-gtar tgz
        application/x-gtar pdf image/pdf docx application/x-msword kml text/xml csv text/x-csv csv
        application/msexcel vcf text/directory svgz image/svg+xml-compressed mht application/x-mimearchive
        json application/geo+json stp model/step 7z application/x-compressed"""
    words = table.split()
    for extension, spelling in zip(words[::2], words[1::2], strict=True):
        assert content_types.normalize(spelling, filename=f"x.{extension}") == content_types.guess(f"x.{extension}")


def test_a_declared_type_outside_the_list_of_extensions_is_refused_before_anything_is_sent() -> None:
    refused = "CONTENT_TYPE_MISMATCH at initiate"
    for name, declared in [("a.png", "image/tiff"), ("a.mp3", "video/mp4"), ("a.docx", "application/java-archive"),
                           ("a.jar", DOCX), ("a.csv", "application/json"), ("a.txt", "text/html"),
                           ("a.mp3", "text/plain"), ("a.zip", "application/gzip"), ("a.m4a", "video/mp4"),
                           ("a.zip", "application/java-archive"), ("a.ods", ODT)]:  # fmt: skip
        assert outcome(name, declared, b"x", allowed_extensions=[name[2:]]) == refused, name
    # With a list of types, the type that belongs to the name must be listed, or may be declared so.
    assert outcome("a.docx", "video/mp4", MP4, allowed_mime_types=["video/mp4"]) == refused
    for name in ("a.js", "a.sh", "a.xml", "a.apk"):
        found = outcome(name, "text/plain", b"x", allowed_mime_types=["text/plain"])
        assert found == "EXTENSION_NOT_ALLOWED at initiate", name


@pytest.mark.parametrize(
    ("name", "declared", "head", "listed", "recorded"),
    [
        ("a.png", "image/png", JPEG, ["png", "jpg"], "image/jpeg"),
        ("a.png", "image/tiff", TIFF, ["png", "tiff"], "image/tiff"),
        ("a.mp4", "video/mp4", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", ["mp4", "webm"], "video/webm"),
        # What systems declare for other types, or cannot tell apart.
        ("a.m4a", "audio/mpeg", M4A, ["m4a"], "audio/mp4"),  # Android
        ("a.m4a", "audio/x-m4a", MP4, ["m4a"], "audio/mp4"),
        ("a.mov", "video/quicktime", MP4, ["mov"], "video/quicktime"),
        ("a.mp4", "video/mp4", MOV, ["mp4"], "video/mp4"), ("a.ogg", "video/ogg", b"OggS\0\2", ["ogg"], "audio/ogg"),
        ("a.rtf", "application/msword", b"{\\rtf1", ["rtf"], "application/rtf"),  # Windows with Word
        ("a.doc", "application/msword", b"{\\rtf1", ["doc"], "application/msword"),
        ("a.xls", "application/vnd.ms-excel", b"<html><table>", ["xls"], "application/vnd.ms-excel"),
        ("a.docx", "application/zip", OLE, ["docx"], DOCX),  # with a password
        ("a.docx", "application/msword", packed("word/document.xml"), ["docx"], DOCX),
        ("a.xlsm", "application/vnd.ms-excel", OLE, ["xlsm"], "application/vnd.ms-excel.sheet.macroenabled.12"),
        ("a.ai", "application/pdf", b"%PDF-1.5", ["ai"], "application/pdf"),
        ("a.dng", "", TIFF, ["dng"], "image/x-adobe-dng"),
        ("a.dng", "image/tiff", TIFF, ["dng"], "image/x-adobe-dng"),
        ("a.cr3", "", b"\0\0\0\x18ftypcrx ", ["cr3"], "image/x-canon-cr3"),
        ("a.jar", "application/zip", JAR, ["jar"], "application/zip"),
        ("a.apk", "", packed("AndroidManifest.xml"), ["apk"], "application/vnd.android.package-archive"),
        ("a.svgz", "image/svg+xml", gzip.compress(SVG, mtime=0), ["svgz"], "image/svg+xml"),
        ("a.svg", "text/xml", SVG, ["svg"], "image/svg+xml"),
        ("a.tar.gz", "application/x-gzip", gzip.compress(b"x", mtime=0), ["tar.gz"], "application/gzip"),
        ("a.ts", "video/mp2t", b"const page = '<html>';", ["ts"], "text/plain"),
        ("a.ts", "video/mp2t", MPEG_TS, ["ts"], "video/mp2t"),
        ("a.csv", "text/plain", "Grüße".encode("cp1252"), ["csv"], "text/csv"),
        ("a.txt", "text/plain", "MZ und BMW für alle".encode("cp1252"), ["txt"], "text/plain"),
        ("a.min.js", "text/javascript", b"x", ["min.js"], "text/javascript"),
        *(("a.txt", "text/plain", head, ["txt"], "text/plain") for head in (b"See %PDF-1.", b"<?php echo 1;")),
        ("tls.key", "", b"-----BEGIN PRIVATE KEY-----\n", ["key"], "application/vnd.apple.keynote"),
        ("a.unheard-of", "image/tiff", TIFF, ["unheard-of"], "image/tiff"),
        ("a.unheard-of", "", b"\0\1", ["unheard-of"], UNKNOWN),
    ],
)  # fmt: skip
def test_what_people_send_completes(name: str, declared: str, head: bytes, listed: list[str], recorded: str) -> None:
    assert outcome(name, declared, head, allowed_extensions=listed) == recorded


@pytest.mark.parametrize(
    "start", [b"#!/bin/sh\n", b"MZ", b"MZ\x90\0", b"\x7fELF", b"<?php ?>", b" <b", b"<\0h\0", b"@echo off\n"]
)
def test_a_program_or_page_with_the_header_of_a_pdf_is_no_pdf(start: bytes) -> None:
    head = start + b"\n%PDF-1.7\n"
    assert content_types.detect(head) != "application/pdf"
    assert outcome("a.pdf", "application/pdf", head) == "CONTENT_TYPE_MISMATCH at finalize"


def test_the_api_tells_what_it_refuses(api: Api, manager: FileManager) -> None:
    FileManager.objects.filter(pk=manager.pk).update(allowed_extensions=["png"])
    given = {"filename": "a.png", "size": len(TIFF)}
    (refused,) = api.initiate({**given, "contentType": "image/tiff"})["files"][0]["errors"]
    assert (refused["code"], refused["field"]) == ("CONTENT_TYPE_MISMATCH", ["files", "0", "contentType"])
    ticket = api.start(TIFF, "a.png", contentType="image/png")
    api.send(ticket["instructions"], TIFF)
    (refused,) = api.finalize(ticket["uploadToken"])["errors"]
    assert refused["message"] == "The content is image/tiff, which this file manager does not accept."
    assert api.upload(PNG, "a.png")["contentType"] == "image/png"
