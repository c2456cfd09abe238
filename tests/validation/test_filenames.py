"""Display names from clients, and the unique names on the storage."""

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileman.errors import InvalidFilename
from fileman.validation import filenames
from tests.uploads.clock import NOW

STORED = re.compile(r"[a-z0-9-]{1,60}_20231201_[0-9a-f]{32}(\.[a-z0-9-]{1,16})?")
DECEMBER = datetime(2023, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\..\\x", "/abs", "C:\\x", "a/b", "a/\u200b"])
def test_a_name_with_a_path_in_it_is_refused(name: str) -> None:
    with pytest.raises(InvalidFilename, match="must not contain a path"):
        filenames.display_name(name)


@pytest.mark.parametrize(
    ("name", "shown"), [("%2e%2e%2fetc.txt", "%2e%2e%2fetc.txt"), ("..%5c..%5cx.txt", "_%5c..%5cx.txt")]
)
def test_percent_signs_are_letters_like_others(name: str, shown: str) -> None:
    """Nothing decodes them, and the storage never sees them."""
    assert filenames.display_name(name) == shown
    assert not set(filenames.stored_name(shown, now=NOW).removesuffix(".txt")) & set("%./")


@pytest.mark.parametrize("character", list("\x00\r\n\t\x1b\x7f\x85\x9f\u2028\u2029\ud800"))
def test_a_control_character_is_refused(character: str) -> None:
    with pytest.raises(InvalidFilename, match="control characters"):
        filenames.display_name(f"a{character}b.txt")


ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
FAMILY = "👨\u200d👩\u200d👧"
MENDED = [
    ("CON", "_CON"), ("nul.tar.gz", "_nul.tar.gz"), ("aux .txt", "_aux .txt"), ("CLOCK$", "_CLOCK$"),
    ("COM¹.txt", "_COM¹.txt"), ("lpt9.pdf", "_lpt9.pdf"), ("console.txt", "console.txt"), ("file.", "file"),
    ("file ", "file"), (" file. . ", "file"), (".htaccess", "_htaccess"), ("..hidden", "_hidden"),
    ("x.jpg::$DATA", "x.jpg__$DATA"), ("a:b.txt", "a_b.txt"),
    # Look-alikes of the slash.
    ("2024\uff0f05\uff0f01 請求書.pdf", "2024_05_01 請求書.pdf"), ("1\u20442 cup.pdf", "1_2 cup.pdf"),
    ("AC\u2215DC\u2216\u2571\u2572\u29f5\u29f8\u29f9\ufe68\uff3c.pdf", "AC_DC________.pdf"),
    # Direction marks, overrides, zero-width characters, fillers, byte-order marks.
    ("Chat - \u202a+49 151\u202c.pdf", "Chat - +49 151.pdf"), ("\u200fשלום\u200e.pdf", "שלום.pdf"),  # noqa: RUF001
    ("photo\u202egpj.exe", "photogpj.exe"), ("a\u2066b\u2069\u200b\u2060\u00ad\u3164\u2800\uffa0.txt", "ab.txt"),
    ("\ufeffreport.pdf", "report.pdf"), ("e\u200b\u0301cole.pdf", "école.pdf"), ("apple \uf8ff.txt", "apple _.txt"),
    # Joiners stay in words and emoji, and go where they only hide something.
    ("نامه\u200cها.txt", "نامه\u200cها.txt"),  # noqa: RUF001  # Persian
    ("അവന്\u200d കഥ.txt", "അവന്\u200d കഥ.txt"), ("ᠠ\u180eᠡ.txt", "ᠠ\u180eᠡ.txt"),  # old Malayalam, Mongolian
    (f"{FAMILY}.png", f"{FAMILY}.png"), ("shell.php\u200d.jpg", "shell.php.jpg"), ("日\u200d.jpg", "日.jpg"),
    ("سورة \u06dd.txt", "سورة \u06dd.txt"),  # a sign of verses, which is drawn
    # Flags and the pictures of this year's Unicode.
    (f"{ENGLAND} 🇩🇪.png", f"{ENGLAND} 🇩🇪.png"), ("a\U000e0067b.txt", "ab.txt"), ("\U0001fae8.png", "\U0001fae8.png"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "mended"), MENDED)
def test_what_people_cannot_see_or_help_is_mended(name: str, mended: str) -> None:
    assert filenames.display_name(name) == mended


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", ". . .", "._.", "___", "\u2024\u2024", "\uff0e\uff0e\uff0e", "\u3002", "\u00a0."]
)
def test_a_name_without_content_is_refused(name: str) -> None:
    with pytest.raises(InvalidFilename, match="empty"):
        filenames.display_name(name)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("a" * 251 + ".txt", "a" * 251 + ".txt"), ("請" * 84 + ".pdf", "請" * 84 + ".pdf"),
     ("日" * 251 + ".pdf", "日" * 251 + ".pdf"), ("a" * 252 + ".txt", "a" * 251 + ".txt"),
     ("日" * 300 + ".pdf", "日" * 251 + ".pdf"), ("a" * 300 + ".nii.gz", "a" * 248 + ".nii.gz"),
     ("a" * 300, "a" * 255), ("a." + "y" * 300, "a." + "y" * 253), ("a" * 249 + "  x.txt", "a" * 249 + ".txt"),
     ("a" * 250 + "😀.txt", "a" * 250 + ".txt"), ("a" * 249 + "🇩🇪.txt", "a" * 249 + ".txt"),
     ("🇩🇪" * 100 + ".txt", "🇩🇪" * 62 + ".txt"), ("a" * 245 + FAMILY + ".txt", "a" * 245 + ".txt"),
     ("a" * 240 + ENGLAND + ".txt", "a" * 240 + ".txt"), ("a" * 250 + "q\u0323\u0307.txt", "a" * 250 + ".txt"),
     ("q" + "\u0323" * 300, "q" + "\u0323" * 254)],
)  # fmt: skip
def test_a_long_name_is_shortened_before_its_extension_between_characters(name: str, kept: str) -> None:
    """255 UTF-16 units, as NTFS counts, whatever their number of bytes."""
    assert filenames.display_name(name) == kept


def test_both_spellings_of_an_umlaut_give_the_same_name() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Grüße.txt") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert filenames.display_name(decomposed) == filenames.display_name(composed) == composed


@given(st.text(max_size=300))
def test_any_name_becomes_safe_or_is_refused(given_name: str) -> None:
    try:
        name = filenames.display_name(given_name)
    except InvalidFilename:
        return
    assert len(name.encode("utf-16-le")) <= 2 * 255
    assert not set(name) & set("/\\\x00\r\n:")
    assert not name.startswith(".")
    assert filenames.display_name(name) == name


@pytest.mark.parametrize(("name", "last"), [("Archive.TAR.GZ", "gz"), ("a.b.c.d", "d"), ("README", "")])
def test_the_last_suffix_is_returned_in_lowercase(name: str, last: str) -> None:
    assert filenames.get_extension(name) == last


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [("Grüße an alle.txt", "grue-an-alle", ".txt"), ("日本語.jpg", "file", ".jpg"), ("notes.日本", "notes", ""),
     ("no extension", "no-extension", ""), ("a'; DROP TABLE--.sql", "a-drop-table", ".sql"),
     ("Document.PDF", "document", ".pdf"), ("$(rm -rf).sh", "rm-rf", ".sh"), ("x" * 200 + ".txt", "x" * 60, ".txt"),
     ("x." + "y" * 200, "x", "." + "y" * 16)],
)  # fmt: skip
def test_a_hostile_stem_leaves_only_letters_digits_and_hyphens(name: str, stem: str, extension: str) -> None:
    stored = filenames.stored_name(name, now=DECEMBER)
    assert STORED.fullmatch(stored)
    assert stored.startswith(f"{stem}_20231201_")
    assert stored[len(stem) + 10 + 32 :] == extension


def test_ten_thousand_stored_names_of_one_file_all_differ() -> None:
    """128 random bits, so that none can be guessed either."""
    names = {filenames.stored_name("document.pdf", now=NOW) for _ in range(10_000)}
    assert len(names) == 10_000


@given(st.text(min_size=1, max_size=300))
def test_whatever_the_name_the_stored_name_keeps_its_alphabet(name: str) -> None:
    assert STORED.fullmatch(filenames.stored_name(name, now=DECEMBER))
