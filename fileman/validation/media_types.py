"""The table of content types: one entry for each, the same on every machine. `content_types` has the rules."""

from typing import Final, NamedTuple

UNKNOWN: Final = "application/octet-stream"
MPEG_TS: Final = "video/mp2t"
PDF: Final = "application/pdf"
TEXT: Final = "text/plain"
SHOWN, BY_SETTING, SAVED = "shown", "by setting", "saved"
"""Inline: on request, on request if INLINE_TYPES has the type, never."""
_ZIP = rb"PK(?:\x03\x04|\x05\x06)"
_BRANDS = rb".{4}ftyp(?:.{4}){0,12}?"
_TAGS = rb"html|head|body|script|iframe|object|embed|link|meta|style|title|table|img|font|div|h1|br|a|b|p"
_HTML = rb"<(?:!doctype\s+html|!--|(?:" + _TAGS + rb")[\s/>])"
# No PDF: scripts, programs, and what a browser takes for markup, whatever follows.
_PDF = rb"(?!#!|MZ|\x7fELF|(?i:@echo|rem )|\xca\xfe|[\xce\xcf]\xfa|L\0|\{\\rtf)(?:(?!<\0?[a-zA-Z!?/]).){,1019}%PDF-"
_EXE, _ELF = rb"MZ.{,62}[\0-\x08]", rb"\x7fELF|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe"
_TAR, _PACKED = "application/x-tar", "application/zip application/x-bzip2"
_JAR = rb"PK\x03\x04.{26}(?:META-INF/(?:.{,99}MANIFEST\.MF|com/android)|AndroidManifest\.xml|classes\.dex)"
_OLE, _TIFF, _ODT = "application/x-ole-storage", "image/tiff", "application/vnd.oasis.opendocument.text"
_MP3, _XML, _JAVA = "audio/mpeg", "application/xml", "application/java-archive"
_OFFICE, _OLD = f"application/zip {_OLE}", f"{_OLE} application/zip application/rtf {TEXT}"
_ISO = "video/mp4 audio/mp4 video/quicktime video/3gpp"


class MediaType(NamedTuple):
    name: str
    extensions: str
    family: str
    """raster (with a signature), image (others), audio, video, font, archive, document, text or data;
    active: browsers run it; program: systems do."""
    inline: str = SAVED
    aliases: str = ""
    """Spellings that systems send for it; one that is the name of another type counts with these extensions only."""
    signature: bytes = b""
    """Regular expression for the first bytes. Markup, which begins with "<", may have an XML prolog before it."""
    forms: str = ""
    """Other types that the first bytes of such a file may show: ZIP for a letter."""


def _alike(family: str, forms: str, prefix: str, rows: str) -> list[MediaType]:
    """Return types that differ in these columns only. A row: name without prefix, extensions, "|" and aliases."""
    parts = [(*row.partition("|")[0].split(maxsplit=1), row.partition("|")[2]) for row in rows.split(", ")]
    return [MediaType(prefix + part[0], part[1], family, aliases=part[2], forms=forms) for part in parts]


# fmt: off
_T = MediaType
TABLE: Final = (
    _T("image/png", "png apng", "raster", SHOWN, "image/x-png image/apng", rb"\x89PNG\r\n\x1a\n"),
    _T("image/jpeg", "jpg jpeg jpe jfif pjpeg", "raster", SHOWN, "image/jpg image/pjpeg", rb"\xff\xd8\xff"),
    _T("image/gif", "gif", "raster", SHOWN, "", rb"GIF8[79]a"),
    _T("image/webp", "webp", "raster", SHOWN, "", rb"RIFF.{4}WEBP"),
    _T("image/avif", "avif avifs", "raster", SHOWN, "image/avif-sequence", _BRANDS + rb"avi[fs]"),
    _T("image/bmp", "bmp dib", "raster", SHOWN, "image/x-ms-bmp image/x-bmp", rb"BM.{4}(?:\0{4}|.{6}\0\0)"),
    _T("image/heic", "heic heif hif", "raster", SAVED, "image/heif", _BRANDS + rb"(?:he[iv][cxms]|m[is]f1)"),
    _T(_TIFF, "tif tiff", "raster", SAVED, "image/x-tiff", rb"II[*+]\0|MM\0[*+]"),
    _T("image/x-icon", "ico cur", "raster", SAVED, "image/vnd.microsoft.icon image/ico", rb"\0\0[\x01\x02]\0"),
    _T("image/jxl", "jxl", "raster", SAVED, "", rb"\xff\x0a|\0\0\0\x0cJXL "),
    _T("image/jp2", "jp2 j2k jpf jpx", "raster", SAVED, "image/jpx image/jpeg2000", rb"\0\0\0\x0cjP  |\xff\x4f\xff"),
    _T("image/vnd.adobe.photoshop", "psd psb", "raster", SAVED, "image/x-photoshop image/psd", rb"8BPS"),
    *_alike("image", _TIFF, "image/x-", "adobe-dng dng|image/dng, canon-cr2 cr2, nikon-nef nef nrw, sony-arw arw, "
            "olympus-orf orf, fuji-raf raf, panasonic-rw2 rw2"),
    _T("image/x-canon-cr3", "cr3", "image", SAVED, "", rb".{4}ftypcrx "),
    *_alike("image", TEXT, "image/vnd.", "dwg dwg|application/acad image/x-dwg, dxf dxf|application/dxf"),
    _T("audio/mp4", "m4a m4b", "audio", BY_SETTING, f"audio/x-m4a audio/m4a {_MP3}", rb".{4}ftypM4[AB]", _ISO),
    _T("audio/aac", "aac", "audio", BY_SETTING, "audio/x-aac audio/aacp", rb"\xff[\xf1\xf9]|ID3.{,99}com\.apple"),
    _T("audio/wav", "wav", "audio", BY_SETTING, "audio/x-wav audio/wave audio/vnd.wave", rb"RIFF.{4}WAVE"),
    _T("audio/flac", "flac", "audio", BY_SETTING, "audio/x-flac", rb"fLaC|ID3.{,4000}fLaC"),
    _T(_MP3, "mp3 mpga mp2", "audio", BY_SETTING, "audio/mp3 audio/x-mp3", rb"ID3[\2-\4]|\xff[\xf2\xf3\xfa\xfb]"),
    _T("audio/ogg", "ogg oga opus spx", "audio", BY_SETTING, "application/ogg audio/opus video/ogg", rb"OggS"),
    _T("audio/midi", "mid midi kar", "audio", SAVED, "audio/mid audio/x-midi", rb"MThd"),
    _T("audio/x-aiff", "aif aiff aifc", "audio", SAVED, "audio/aiff", rb"FORM.{4}AIF[FC]"),
    _T("audio/amr", "amr awb", "audio", SAVED, "audio/amr-wb", rb"#!AMR"),
    _T("video/quicktime", "mov qt", "video", BY_SETTING, "", rb".{4}(?:ftypqt  |moov|mdat|wide|pnot)", _ISO),
    _T("video/3gpp", "3gp 3gpp 3g2", "video", BY_SETTING, "video/3gpp2 audio/3gpp", rb".{4}ftyp3g[p2]", _ISO),
    _T("video/mp4", "mp4 m4v mp4v", "video", BY_SETTING, "video/x-m4v application/mp4", rb".{4}ftyp", _ISO),
    _T("video/webm", "webm weba", "video", BY_SETTING, "audio/webm", rb"\x1aE\xdf\xa3.{0,60}webm"),
    _T("video/x-matroska", "mkv mka", "video", BY_SETTING, "audio/x-matroska", rb"\x1aE\xdf\xa3", "video/webm"),
    _T("video/ogg", "ogv", "video", BY_SETTING, forms="audio/ogg"),
    _T("video/x-msvideo", "avi", "video", BY_SETTING, "video/avi video/msvideo", rb"RIFF.{4}AVI "),
    _T("video/mpeg", "mpg mpeg mpe vob", "video", BY_SETTING, "video/x-mpeg", rb"\0\0\x01[\xb3\xba]", MPEG_TS),
    _T(MPEG_TS, "ts mts m2ts", "video", BY_SETTING, "video/vnd.dlna.mpeg-tts", rb"(?:.{4})?G.{187}(?:.{4})?G", TEXT),
    _T("video/x-ms-wmv", "wmv asf", "video", BY_SETTING, "video/x-ms-asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    _T("audio/x-ms-wma", "wma", "audio", BY_SETTING, forms="video/x-ms-wmv"),
    _T("font/woff2", "woff2", "font", SAVED, "application/font-woff2", rb"wOF2"),
    _T("font/woff", "woff", "font", SAVED, "application/font-woff application/x-font-woff", rb"wOFF"),
    _T("font/otf", "otf", "font", SAVED, "application/x-font-otf application/vnd.ms-opentype", rb"OTTO", "font/ttf"),
    _T("font/ttf", "ttf ttc", "font", SAVED, "application/x-font-ttf font/sfnt", rb"\0\x01\0\0\0|ttcf", "font/otf"),
    _T("application/x-msdownload", "exe dll scr com sys ocx cpl", "program", SAVED, "application/x-dosexec", _EXE),
    _T("application/x-executable", "so dylib run appimage class", "program", SAVED, "application/x-sharedlib", _ELF),
    _T("application/x-ms-shortcut", "lnk", "program", SAVED, "", rb"L\0\0\0\x01\x14\x02\0"),
    _T(_JAVA, "jar war ear", "program", SAVED, "application/x-java-archive", _JAR, "application/zip"),
    *_alike("program", f"{_JAVA} application/zip {_OLE}", "application/", "vnd.android.package-archive apk, x-msi msi"),
    _T("application/vnd.debian.binary-package", "deb", "program", SAVED, "application/x-deb", rb"!<arch>\ndebian"),
    _T("application/x-rpm", "rpm", "program", SAVED, "application/x-redhat-package-manager", rb"\xed\xab\xee\xdb"),
    *_alike("program", "", "application/", "hta hta, x-bat bat cmd|application/bat text/x-bat, "
            "x-sh sh bash zsh ksh csh command|text/x-sh text/x-shellscript application/x-shellscript, "
            "x-powershell ps1 psm1 psd1|text/x-powershell, "
            "x-vbscript vbs vbe wsf|text/vbscript, vnd.apple.installer+xml pkg mpkg, x-applescript scpt applescript"),
    _T("application/x-php", "php phtml phar", "program", SAVED, "text/x-php application/x-httpd-php", rb"<\?(?:php|=)"),
    _T(_ODT, "odt", "document", SAVED, "", _ZIP + rb".{26}mimetype.{35}text", _OFFICE),
    _T("application/zip", "zip", "archive", SAVED, "application/x-zip-compressed application/x-zip", _ZIP, _JAVA),
    _T("application/gzip", "gz tgz", "archive", SAVED,
       "application/x-gzip application/x-gtar application/x-compressed-tar", rb"\x1f\x8b", _TAR),
    _T(_TAR, "tar", "archive", SAVED, "application/tar", rb".{257}ustar"),
    _T("application/x-bzip2", "bz2 tbz2 tbz", "archive", SAVED, "application/x-bzip", rb"BZh[1-9]1AY"),
    _T("application/x-xz", "xz txz", "archive", SAVED, "application/x-xz-compressed-tar", rb"\xfd7zXZ\0"),
    _T("application/zstd", "zst", "archive", SAVED, "application/x-zstd", rb"\x28\xb5\x2f\xfd"),
    _T("application/x-7z-compressed", "7z", "archive", SAVED, "application/x-7z", rb"7z\xbc\xaf\x27\x1c"),
    _T("application/vnd.rar", "rar", "archive", SAVED, "application/x-rar-compressed application/x-rar", rb"Rar!\x1a"),
    _T(_OLE, "", "document", SAVED, "", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    _T("application/pkcs7-mime", "p7m", "data", SAVED, "application/x-pkcs7-mime", rb"0[\x80-\x84].{,4}\x06\t\*", TEXT),
    _T(PDF, "pdf", "document", BY_SETTING, "application/x-pdf text/pdf", _PDF),
    _T("application/postscript", "eps ps ai", "document", SAVED, "image/x-eps image/eps application/illustrator",
       rb"%!PS|\xc5\xd0\xd3\xc6", f"{PDF} {TEXT}"),
    _T("application/rtf", "rtf", "document", SAVED, "text/rtf application/msword", rb"\{\\rtf", TEXT),
    *_alike("document", _OFFICE, "application/vnd.openxmlformats-officedocument.",
            "wordprocessingml.document docx|application/msword, wordprocessingml.template dotx, "
            "spreadsheetml.sheet xlsx|application/vnd.ms-excel, spreadsheetml.template xltx, "
            "presentationml.presentation pptx|application/vnd.ms-powerpoint, presentationml.slideshow ppsx"),
    *_alike("document", _OFFICE, "application/vnd.", "ms-word.document.macroenabled.12 docm|application/msword, "
            "ms-excel.sheet.macroenabled.12 xlsm|application/vnd.ms-excel, "
            "ms-powerpoint.presentation.macroenabled.12 pptm|application/vnd.ms-powerpoint, "
            "apple.pages pages|application/x-iwork-pages-sffpages, apple.numbers numbers|"
            "application/x-iwork-numbers-sffnumbers, apple.keynote key|application/x-iwork-keynote-sffkey"),
    *_alike("document", _OLD, "application/", "msword doc dot, vnd.ms-powerpoint ppt pps|application/mspowerpoint, "
            "vnd.ms-excel xls xlt|application/msexcel application/x-msexcel, vnd.ms-outlook msg, vnd.visio vsd vsdx"),
    *_alike("document", f"{_OFFICE} {_ODT}", "application/", "vnd.oasis.opendocument.spreadsheet ods, epub+zip epub, "
            "vnd.oasis.opendocument.presentation odp, vnd.oasis.opendocument.graphics odg"),
    _T("application/x-mobipocket-ebook", "mobi azw azw3", "document", SAVED, "", rb".{60}BOOKMOBI"),
    _T(TEXT, "txt text log conf ini cfg", "text", BY_SETTING),
    _T("text/csv", "csv", "text", SAVED, "application/vnd.ms-excel application/csv text/comma-separated-values"),
    *_alike("text", "", "application/", "json json|text/json application/x-json, x-ipynb+json ipynb|application/json, "
            "geo+json geojson|application/json, x-ndjson ndjson jsonl|application/jsonl application/json, toml toml, "
            "yaml yaml yml|text/yaml application/x-yaml text/x-yaml, sql sql|text/x-sql, x-subrip srt|text/srt"),
    *_alike("text", "", "text/", "markdown md markdown|text/x-markdown, tab-separated-values tsv, calendar ics, "
            "vcard vcf|text/x-vcard, vtt vtt, x-tex tex|application/x-tex application/x-latex, "
            "x-python py|text/x-script.python application/x-python"),
    _T("image/svg+xml", "svg svgz", "active", BY_SETTING, "", rb"<(?:\w+:)?svg[\s/>]", f"application/gzip {_XML}"),
    _T("application/vnd.google-earth.kml+xml", "kml", "active", SAVED, "", rb"<kml[\s>]", _XML),
    _T("application/gpx+xml", "gpx", "active", SAVED, "application/gpx", rb"<gpx[\s>]", _XML),
    _T("text/html", "html htm shtml", "active", SAVED, "", _HTML),
    *_alike("active", f"{_XML} text/html", "application/", "xhtml+xml xhtml xht, ttml+xml ttml dfxp"),
    _T(_XML, "xml xsd", "active", SAVED, "text/xml", rb"<\?xml|<!doctype"),
    *_alike("active", "", "text/", "javascript js mjs cjs|application/javascript application/x-javascript, css css"),
    *_alike("active", "", "message/", "rfc822 eml mht mhtml|multipart/related"),
    _T("application/wasm", "wasm", "active", SAVED, "", rb"\0asm"),
    _T("application/x-shockwave-flash", "swf", "active", SAVED, "", rb"[FCZ]WS[\x01-\x40]"),
    _T("application/vnd.sqlite3", "sqlite sqlite3 db", "data", SAVED, "application/x-sqlite3", rb"SQLite format 3\0"),
    _T("application/vnd.apache.parquet", "parquet", "data", SAVED, "application/x-parquet", rb"PAR1"),
    _T("application/x-hdf5", "h5 hdf5 he5", "data", SAVED, "application/x-hdf", rb"\x89HDF\r\n\x1a\n"),
    _T("application/x-netcdf", "nc cdf", "data", SAVED, "application/netcdf", rb"CDF[\1\2\5]", "application/x-hdf5"),
    _T("application/x-matlab-data", "mat", "data", SAVED, "", rb"MATLAB [57]\.", "application/x-hdf5"),
    _T("application/dicom", "dcm dicom", "data", SAVED, "", rb".{128}DICM"),
    _T("model/gltf-binary", "glb", "data", SAVED, "", rb"glTF[\1\2]\0\0\0"),
    *_alike("data", "", "model/", "gltf+json gltf, stl stl|application/vnd.ms-pki.stl, obj obj, step step"),
    *_alike("data", _PACKED, "application/", "vnd.google-earth.kmz kmz, x-apple-diskimage dmg"),
    *_alike("data", "application/pkcs7-mime", "application/", "pkcs7-signature p7s|application/x-pkcs7-signature"),
    *_alike("data", "", "application/", "p21 ifc stp|application/x-step, fits fits fit, "
            "vnd.efi.iso iso|application/x-iso9660-image application/x-cd-image, "
            "octet-stream bin|binary/octet-stream application/x-download application/force-download"),
)
# fmt: on
