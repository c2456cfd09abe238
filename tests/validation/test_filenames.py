"""Display names from clients, and the unique names on the storage."""

import re
import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileman.errors import InvalidFilename
from fileman.models import FileManager
from fileman.validation import acceptance, filenames
from fileman.validation.acceptance import DeclaredFile
from tests.uploads.driver import NOW

STORED = re.compile(r"[a-z0-9-]{1,60}_20231201_[0-9a-f]{32}(\.[a-z0-9-]{1,16})?")
DECEMBER = datetime(2023, 12, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\x",
        "/abs",
        "C:\\x",
        "a/b",
        "a\uff0fb",
        "a\uff3cb",
        "a\u2215b",
        "a\u2044b",
        "a\u29f8b",
        "a\ufe68b",
    ],
)
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


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\r",
        "\n",
        "\t",
        "\x1b",
        "\x7f",
        "\x85",
        "\x9f",
        "\u2028",
        "\u2029",
        "\ud800",
        "\u202e",
        "\u2066",
        "\u200b",
        "\u2060",
        "\ufeff",
        "\u00ad",
        "\ue000",
        "\U000e0001",
    ],
)
def test_an_invisible_character_is_refused(character: str) -> None:
    with pytest.raises(InvalidFilename, match="invisible"):
        filenames.display_name(f"a{character}b.txt")


@pytest.mark.parametrize("name", ["👩\u200d🚀.png", "نامه\u200cها.txt"])  # noqa: RUF001  # Persian
def test_the_joiners_that_scripts_and_emoji_need_are_kept(name: str) -> None:
    """U+200C and U+200D are part of words in Persian and of many emoji."""
    assert filenames.display_name(name) == name


@pytest.mark.parametrize(
    ("name", "mended"),
    [
        ("CON", "_CON"),
        ("nul.tar.gz", "_nul.tar.gz"),
        ("COM¹.txt", "_COM¹.txt"),
        ("lpt9.pdf", "_lpt9.pdf"),
        ("console.txt", "console.txt"),
        ("file.", "file"),
        ("file ", "file"),
        (" file. . ", "file"),
        (".htaccess", "_htaccess"),
        ("..hidden", "_hidden"),
        ("x.jpg::$DATA", "x.jpg__$DATA"),
        ("a:b.txt", "a_b.txt"),
    ],
)
def test_a_harmless_defect_is_repaired(name: str, mended: str) -> None:
    assert filenames.display_name(name) == mended


@pytest.mark.parametrize("name", ["", " ", ".", "..", ". . .", "._.", "___"])
def test_a_name_without_content_is_refused(name: str) -> None:
    with pytest.raises(InvalidFilename, match="empty"):
        filenames.display_name(name)


@pytest.mark.parametrize("name", ["a" * 251 + ".txt", "ü" * 125 + "a.txt", "日" * 83 + "ab.txt"])
def test_a_name_of_255_bytes_is_accepted_and_one_byte_more_refused(name: str) -> None:
    """Bytes of UTF-8 count, not characters."""
    assert len(name.encode()) == 255
    assert filenames.display_name(name) == name
    with pytest.raises(InvalidFilename, match="longer than 255 bytes"):
        filenames.display_name(f"a{name}")


def test_the_extension_survives_the_longest_name() -> None:
    assert filenames.stored_name("a" * 251 + ".txt", now=NOW).endswith(".txt")


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
    assert len(name.encode()) <= 255
    assert not set(name) & set("/\\\x00\r\n:")
    assert not name.startswith(".")
    assert filenames.display_name(name) == name


@pytest.mark.parametrize(
    ("name", "last", "inner"),
    [
        ("Archive.TAR.GZ", "gz", ["tar"]),
        ("shell.php.jpg", "jpg", ["php"]),
        ("a.html.png", "png", ["html"]),
        ("a.b.c.d", "d", ["b", "c"]),
        ("README", "", []),
    ],
)
def test_suffixes_are_returned_in_lowercase(name: str, last: str, inner: list[str]) -> None:
    assert filenames.get_extension(name) == last
    assert filenames.inner_extensions(name) == inner


def test_the_stored_name_is_the_stem_the_date_and_random() -> None:
    name = filenames.stored_name("Document.PDF", now=DECEMBER)
    stem, date, rest = name.split("_")
    assert (stem, date) == ("document", "20231201")
    assert re.fullmatch(r"[0-9a-f]{32}\.pdf", rest)


@pytest.mark.parametrize(
    ("name", "stem", "extension"),
    [
        ("Grüße an alle.txt", "grue-an-alle", ".txt"),
        ("日本語.jpg", "file", ".jpg"),
        ("notes.日本", "notes", ""),
        ("no extension", "no-extension", ""),
        ("a'; DROP TABLE--.sql", "a-drop-table", ".sql"),
        ("$(rm -rf).sh", "rm-rf", ".sh"),
        ("x" * 200 + ".txt", "x" * 60, ".txt"),
        ("x." + "y" * 200, "x", "." + "y" * 16),
    ],
)
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


@pytest.mark.django_db
def test_display_name_and_stored_name_of_an_accepted_file_stem_from_the_same_name(manager: FileManager) -> None:
    accepted = acceptance.accept(
        DeclaredFile(filename="  Bericht 2026.PDF ", size=1), manager=manager, shared={}, may_publish=False, at=()
    )
    assert accepted.filename == "Bericht 2026.PDF"
    assert filenames.stored_name(accepted.filename, now=NOW).startswith("bericht-2026_20261123_")


def test_characters_newer_than_pythons_unicode_tables_are_names_too() -> None:
    """Emoji come every year: U+1FAE8, the shaking face, is unknown to Python 3.11."""
    assert filenames.display_name("\U0001fae8.png") == "\U0001fae8.png"
