"""The table of content types: one entry for each, the same on every machine. `content_types` has the rules."""

from typing import Final, NamedTuple

UNKNOWN: Final = "application/octet-stream"
MPEG_TS: Final = "video/mp2t"
PDF: Final = "application/pdf"
SHOWN, BY_SETTING, SAVED = "shown", "by setting", "saved"
"""Inline: on request, on request if INLINE_TYPES has the type, never."""
_ZIP = rb"PK(?:\x03\x04|\x05\x06)"
_BRANDS = rb".{4}ftyp(?:.{4}){0,12}?"
_TAGS = rb"html|head|body|script|iframe|object|embed|link|meta|style|title|table|img|font|div|h1|br|a|b|p"
_HTML = rb"<(?:!doctype\s+html|!--|(?:" + _TAGS + rb")[\s/>])"


class MediaType(NamedTuple):
    name: str
    extensions: str
    family: str
    """raster, audio, video, font, archive, document, text or data; active: browsers run it; program: systems do."""
    inline: str = SAVED
    aliases: str = ""
    """Spellings that systems send for it; one that is the name of another type counts with these extensions only."""
    signature: bytes = b""
    """Regular expression for the first bytes. Markup, which begins with "<", may have an XML prolog before it."""


# fmt: off
_T = MediaType
TABLE: Final = (
    _T("image/png", "png apng", "raster", SHOWN, "image/x-png image/apng", rb"\x89PNG\r\n\x1a\n"),
    _T("image/jpeg", "jpg jpeg jpe jfif pjpeg", "raster", SHOWN, "image/jpg image/pjpeg", rb"\xff\xd8\xff"),
    _T("image/gif", "gif", "raster", SHOWN, "", rb"GIF8[79]a"),
    _T("image/webp", "webp", "raster", SHOWN, "", rb"RIFF.{4}WEBP"),
    _T("image/avif", "avif avifs", "raster", SHOWN, "image/avif-sequence", _BRANDS + rb"avi[fs]"),
    _T("image/bmp", "bmp dib", "raster", SHOWN, "image/x-ms-bmp image/x-bmp", rb"BM"),
    _T("image/heic", "heic heif hif", "raster", SAVED, "image/heif", _BRANDS + rb"(?:he[iv][cxms]|m[is]f1)"),
    _T("image/tiff", "tif tiff", "raster", SAVED, "image/x-tiff", rb"II[*+]\0|MM\0[*+]"),
    _T("image/x-icon", "ico cur", "raster", SAVED, "image/vnd.microsoft.icon image/ico", rb"\0\0[\x01\x02]\0"),
    _T("image/jxl", "jxl", "raster", SAVED, "", rb"\xff\x0a|\0\0\0\x0cJXL "),
    _T("image/vnd.adobe.photoshop", "psd psb", "raster", SAVED, "image/x-photoshop image/psd", rb"8BPS"),
    _T("audio/mpeg", "mp3 mpga mp2", "audio", BY_SETTING, "audio/mp3 audio/x-mp3", rb"ID3|\xff[\xf2\xf3\xfa\xfb]"),
    _T("audio/mp4", "m4a m4b", "audio", BY_SETTING, "audio/x-m4a audio/m4a audio/x-m4b", rb".{4}ftypM4[AB]"),
    _T("audio/aac", "aac", "audio", BY_SETTING, "audio/x-aac audio/aacp", rb"\xff[\xf1\xf9]"),
    _T("audio/wav", "wav", "audio", BY_SETTING, "audio/x-wav audio/wave audio/vnd.wave", rb"RIFF.{4}WAVE"),
    _T("audio/flac", "flac", "audio", BY_SETTING, "audio/x-flac", rb"fLaC"),
    _T("audio/ogg", "ogg oga opus", "audio", BY_SETTING, "application/ogg audio/opus audio/x-opus+ogg", rb"OggS"),
    _T("video/quicktime", "mov qt", "video", BY_SETTING, "", rb".{4}(?:ftypqt  |moov|mdat|wide|pnot)"),
    _T("video/3gpp", "3gp 3gpp 3g2", "video", BY_SETTING, "video/3gpp2", rb".{4}ftyp3g[p2]"),
    _T("video/mp4", "mp4 m4v mp4v", "video", BY_SETTING, "video/x-m4v application/mp4", rb".{4}ftyp"),
    _T("video/webm", "webm weba", "video", BY_SETTING, "audio/webm", rb"\x1aE\xdf\xa3.{0,60}webm"),
    _T("video/x-matroska", "mkv mka", "video", BY_SETTING, "video/matroska audio/x-matroska", rb"\x1aE\xdf\xa3"),
    _T("video/x-msvideo", "avi", "video", BY_SETTING, "video/avi video/msvideo", rb"RIFF.{4}AVI "),
    _T("video/mpeg", "mpg mpeg mpe", "video", BY_SETTING, "video/x-mpeg", rb"\0\0\x01[\xb3\xba]"),
    _T(MPEG_TS, "ts mts m2ts", "video", BY_SETTING, "video/vnd.dlna.mpeg-tts", rb"(?:.{4})?G.{187}(?:.{4})?G"),
    _T("video/x-ms-wmv", "wmv asf", "video", BY_SETTING, "video/x-ms-asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    _T("font/woff2", "woff2", "font", SAVED, "application/font-woff2", rb"wOF2"),
    _T("font/woff", "woff", "font", SAVED, "application/font-woff application/x-font-woff", rb"wOFF"),
    _T("font/otf", "otf", "font", SAVED, "application/x-font-otf application/vnd.ms-opentype", rb"OTTO"),
    _T("font/ttf", "ttf ttc", "font", SAVED, "application/x-font-ttf font/sfnt font/collection", rb"\0\x01\0\0\0|ttcf"),
    _T("application/x-msdownload", "exe dll scr com sys", "program", SAVED, "application/x-dosexec", rb"MZ"),
    _T("application/x-executable", "elf so", "program", SAVED, "application/x-elf application/x-sharedlib", b"\x7fELF"),
    _T("application/x-ms-shortcut", "lnk", "program", SAVED, "", rb"L\0\0\0\x01\x14\x02\0"),
    _T("application/java-archive", "jar war ear", "program", SAVED, "application/x-java-archive"),
    _T("application/vnd.android.package-archive", "apk", "program"),
    _T("application/hta", "hta", "program"),
    _T("application/x-bat", "bat cmd", "program", SAVED, "application/bat text/x-bat"),
    _T("application/x-powershell", "ps1 psm1", "program", SAVED, "text/x-powershell"),
    _T("application/x-vbscript", "vbs vbe wsf", "program", SAVED, "text/vbscript"),
    _T("application/x-sh", "sh bash", "program", SAVED, "text/x-sh text/x-shellscript application/x-shellscript"),
    _T("application/x-php", "php phtml phar", "program", SAVED, "text/x-php application/x-httpd-php", rb"<\?(?:php|=)"),
    _T("application/zip", "zip", "archive", SAVED, "application/x-zip-compressed application/x-zip", _ZIP),
    _T("application/gzip", "gz tgz", "archive", SAVED, "application/x-gzip application/x-gtar", rb"\x1f\x8b"),
    _T("application/x-tar", "tar", "archive", SAVED, "application/tar", rb".{257}ustar"),
    _T("application/x-7z-compressed", "7z", "archive", SAVED, "application/x-7z", rb"7z\xbc\xaf\x27\x1c"),
    _T("application/vnd.rar", "rar", "archive", SAVED, "application/x-rar-compressed application/x-rar", rb"Rar!\x1a"),
    _T(PDF, "pdf", "document", BY_SETTING, "application/x-pdf text/pdf", rb"(?:(?!<[a-zA-Z!?]).){,1019}%PDF-"),
    _T("application/postscript", "eps ps ai", "document", SAVED, "image/x-eps image/eps", rb"%!PS|\xc5\xd0\xd3\xc6"),
    _T("application/rtf", "rtf", "document", SAVED, "text/rtf", rb"\{\\rtf"),
    _T("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx", "document"),
    _T("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx", "document"),
    _T("application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx", "document"),
    _T("application/msword", "doc dot", "document"),
    _T("application/vnd.ms-excel", "xls xlt", "document", SAVED, "application/msexcel application/x-msexcel"),
    _T("application/vnd.ms-powerpoint", "ppt pps", "document", SAVED, "application/mspowerpoint"),
    _T("application/x-ole-storage", "", "document", SAVED, "", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _T("application/vnd.oasis.opendocument.text", "odt", "document", SAVED, "", _ZIP + rb".{26}mimetype.{35}text"),
    _T("application/vnd.oasis.opendocument.spreadsheet", "ods", "document"),
    _T("application/epub+zip", "epub", "document"),
    _T("text/plain", "txt text log conf ini cfg", "text", BY_SETTING),
    _T("text/csv", "csv", "text", SAVED, "application/vnd.ms-excel application/csv text/comma-separated-values"),
    _T("text/markdown", "md markdown", "text", SAVED, "text/x-markdown"),
    _T("application/json", "json", "text", SAVED, "text/json application/x-json"),
    _T("application/x-ipynb+json", "ipynb", "text", SAVED, "application/json"),
    _T("application/yaml", "yaml yml", "text", SAVED, "text/yaml application/x-yaml text/x-yaml"),
    _T("text/calendar", "ics", "text"),
    _T("text/vcard", "vcf", "text", SAVED, "text/x-vcard"),
    _T("text/vtt", "vtt", "text"),
    _T("text/x-python", "py", "text", SAVED, "text/x-script.python application/x-python"),
    _T("image/svg+xml", "svg svgz", "active", BY_SETTING, "", rb"<(?:\w+:)?svg[\s/>]"),
    _T("application/vnd.google-earth.kml+xml", "kml", "active", SAVED, "", rb"<kml[\s>]"),
    _T("application/gpx+xml", "gpx", "active", SAVED, "application/gpx", rb"<gpx[\s>]"),
    _T("text/html", "html htm shtml", "active", SAVED, "", _HTML),
    _T("application/xhtml+xml", "xhtml xht", "active"),
    _T("application/xml", "xml xsd", "active", SAVED, "text/xml", rb"<\?xml|<!doctype"),
    _T("text/javascript", "js mjs cjs", "active", SAVED, "application/javascript application/x-javascript"),
    _T("text/css", "css", "active"),
    _T("application/wasm", "wasm", "active", SAVED, "", rb"\0asm"),
    _T("application/x-shockwave-flash", "swf", "active", SAVED, "", rb"[FCZ]WS[\x01-\x40]"),
    _T("application/vnd.sqlite3", "sqlite sqlite3 db", "data", SAVED, "application/x-sqlite3", rb"SQLite format 3\0"),
    _T(UNKNOWN, "bin", "data", SAVED, "binary/octet-stream application/x-download application/force-download"),
)
# fmt: on
