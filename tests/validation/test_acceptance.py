"""The checks of a file manager. They run before anything is stored or signed."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from fileman import files, uploads
from fileman.errors import ErrorCode, FilemanError, TooManyPending
from fileman.models import File, FileManager, StorageUsage
from fileman.validation import acceptance
from fileman.validation.acceptance import DeclaredFile
from tests.uploads.clock import DAY, MICROSECOND, NOW
from tests.uploads.driver import caller_of, configured, declared, file_of, initiate, start, token_of, upload
from tests.uploads.faults import at_once

MIB, GIB = 1024**2, 1024**3


def unsaved(**fields: Any) -> FileManager:
    return FileManager(name="Any", backend_type="memory", **fields)


def accept(manager: FileManager, *, may_publish: bool = False, **given: Any) -> File:
    file = DeclaredFile(**{"filename": "notes.txt", "size": 5, **given})
    return acceptance.accept(file, manager=manager, may_publish=lambda: may_publish, at=("files", "3"))


def refusal(manager: FileManager, **given: Any) -> tuple[ErrorCode, tuple[str, ...]]:
    """Code and field of the refusal."""
    with pytest.raises(FilemanError) as caught:
        accept(manager, **given)
    return caught.value.code, caught.value.field


@pytest.mark.parametrize("size", [-1, 1.0, 1.5, "5", None, True, False, 2**53, 10**30, [5]])
def test_a_size_that_is_no_number_of_bytes_is_refused(size: object) -> None:
    assert refusal(unsaved(max_file_size=0), size=size) == (ErrorCode.INVALID_INPUT, ("files", "3", "size"))


@pytest.mark.parametrize(
    ("own", "default", "limit"),
    [(10, None, 10), (None, None, 100 * MIB), (None, 1000, 1000), (2000, 1000, 2000), (0, None, 5 * GIB),
     (None, 0, 5 * GIB), (6 * GIB, None, 5 * GIB)],
)  # fmt: skip
def test_the_limit_is_accepted_and_one_byte_more_refused(own: int | None, default: int | None, limit: int) -> None:
    """The manager's own, else the default one. Zero leaves that of the storage, which is the highest."""
    manager = unsaved() if own is None else unsaved(max_file_size=own)
    with configured() if default is None else configured(DEFAULT_MAX_FILE_SIZE=default):
        assert manager.max_file_bytes == limit
        assert accept(manager, size=limit).file_size == limit
        assert refusal(manager, size=limit + 1) == (ErrorCode.FILE_TOO_LARGE, ("files", "3", "size"))


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [-1, 2**53])
def test_an_impossible_limit_is_refused_when_the_manager_is_saved(limit: int) -> None:
    with pytest.raises(ValidationError, match="max_file_size"):
        unsaved(max_file_size=limit).save()


@pytest.mark.parametrize(
    ("allowed", "name"),
    [(["jpg"], "a.jpg"), (["jpg"], "a.JPG"), ([".jpg"], "a.jpg"), ([" JPG "], "a.jpg"), (["gz"], "Archive.TAR.GZ"),
     (["jpg"], "holiday.2026.jpg"), (["html"], "a.html"), (["png", "html"], "a.html.png"),
     (["tar.gz", "zip"], "backup.TAR.gz"), (["png"], "Flag of Italy.svg.png"), ([], "a.exe"), ([], "README"),
     *((["pdf"], f"{name}.pdf") for name in (
         "Your Orders - Amazon.com", "invoice.allegro.pl", "node.js", "main.py", "install.sh", "data.xml",
         "Learn.php basics", "v1.2.3 (final)", "job.application", "Dark.Theme.2", "my.website", "Zelda.ps2"))],
)  # fmt: skip
def test_allowed_extensions(allowed: list[str], name: str) -> None:
    assert accept(unsaved(allowed_extensions=allowed), filename=name).original_filename == name


@pytest.mark.parametrize(
    ("allowed", "name"),
    [(["jpg"], "a.png"), (["jpg"], "jpg"), (["jpg"], "README"), (["jpg"], "a.jpg.exe"), (["jpg"], "a.jpgx"),
     (["tar"], "Archive.TAR.GZ"), (["tar.gz"], "backup.gz"), (["tar.gz"], "tar.gz"),
     (["jpg"], "x.jpg::$DATA"), (["jpg"], "a.jpg.ph\u0440"),
     *((["jpg", "png"], name) for name in ("shell.php.jpg", "a.html.png", "a.php.b.c.png")),
     *((["jpg"], f"a{hidden}.jpg") for hidden in (
         ".html ", ".php;", ".asp;x", ".PHP", ".php\u200d", "\uff0ephp", "\u3002php", ".\uff50hp", ".php6", ".php%00",
         ".pht", ".phtml", ".phar", ".cer", ".ashx", ".shtm", ".xhtm", ".mht", ".lnk", ".jnlp", ".htaccess", ".cfm",
         ".php#", ".php&", ".php(1)", ".exe,", ".exe_", ".php\ufe0f", ".exe\u180b", ".php\u0301", ".msc",
         ".search-ms"))],
)  # fmt: skip
def test_extensions_that_are_not_allowed_or_hide_active_content(allowed: list[str], name: str) -> None:
    manager = unsaved(allowed_extensions=allowed)
    assert refusal(manager, filename=name) == (ErrorCode.EXTENSION_NOT_ALLOWED, ("files", "3", "filename"))


def test_allowed_types_are_compared_with_the_normalised_type() -> None:
    manager = unsaved(allowed_mime_types=["image/*", "application/pdf"])
    assert accept(manager, filename="a.png", content_type="IMAGE/PNG; q=1").content_type == "image/png"
    assert accept(manager, filename="a.pdf").content_type == "application/pdf"
    for given in ({"filename": "a.txt"}, {"filename": "a", "content_type": "text/html"}, {"filename": "unknown"}):
        assert refusal(manager, **given) == (ErrorCode.MIME_TYPE_NOT_ALLOWED, ("files", "3", "contentType"))


def test_which_checksums_can_be_verified_depends_on_the_size() -> None:
    """Up to 100 MiB the server reads the object itself, above that, only the storage computes it."""
    manager = unsaved(max_file_size=0)
    assert acceptance.checksum_algorithms(manager, 100 * MIB) == ["sha256", "md5", "crc32c"]
    assert acceptance.checksum_algorithms(manager, 100 * MIB + 1) == []
    with configured(SINGLE_REQUEST_MAX_BYTES=GIB):
        assert acceptance.checksum_algorithms(manager, 100 * MIB + 1) == ["sha256"]
    sha256 = "sha256:" + "0" * 64
    code, field = refusal(manager, size=100 * MIB + 1, checksum=sha256)
    assert (code, field) == (ErrorCode.INVALID_CHECKSUM, ("files", "3", "checksum"))
    assert accept(manager, checksum=sha256).checksum == sha256


def test_a_client_reference_has_at_most_200_characters() -> None:
    assert accept(unsaved(), client_ref="x" * 200).file_size == 5
    assert refusal(unsaved(), client_ref="x" * 201) == (ErrorCode.INVALID_INPUT, ("files", "3", "clientRef"))


@pytest.mark.parametrize(
    "name",
    ["a.exe", "a.lnk", "a.scf", "a.url", "a.ps1", "a.hta", "a.jar", "a.phtml", "a.php.png", "a.exe .png", "a.pkg",
     "a.run", "a.theme", "a.desktop", "a.AppImage", "a.zsh", "a.scpt", "a.dylib", "a.cpl", "a.class"],
)  # fmt: skip
def test_a_list_of_types_refuses_a_suffix_that_runs_unless_its_own_type_is_listed(name: str) -> None:
    refused = refusal(unsaved(allowed_mime_types=["image/*"]), filename=name, content_type="image/png")
    assert refused == (ErrorCode.EXTENSION_NOT_ALLOWED, ("files", "3", "filename"))
    assert accept(unsaved(allowed_mime_types=["text/html"]), filename="a.html", content_type="text/html")


@pytest.mark.parametrize(
    ("asked", "by_default", "may_publish", "is_public"),
    [(None, False, False, False), (None, False, True, False), (None, True, False, True), (False, True, False, False),
     (True, True, False, True), (True, False, True, True)],
)  # fmt: skip
def test_who_gets_a_public_file(asked: bool | None, by_default: bool, may_publish: bool, is_public: bool) -> None:
    manager = unsaved(is_public_default=by_default)
    assert accept(manager, may_publish=may_publish, is_public=asked).is_public is is_public


@pytest.mark.parametrize(("count", "code"), [(0, "INVALID_INPUT"), (51, "TOO_MANY_FILES")])
def test_a_batch_has_1_to_50_files(user: User, manager: FileManager, count: int, code: str) -> None:
    with pytest.raises(FilemanError) as caught:
        initiate(user, *[declared() for _ in range(count)])
    assert (caught.value.code, caught.value.field) == (code, ("files",))
    assert File.objects.count() == 0


@configured(MAX_PENDING_UPLOADS=3)
def test_unfinished_uploads_of_a_user_are_limited(user: User, other_user: User, manager: FileManager) -> None:
    initiate(user, declared(), declared())
    with pytest.raises(FilemanError) as caught:
        initiate(user, declared(), declared())
    assert (caught.value.code, caught.value.retryable) == ("TOO_MANY_PENDING", True)
    assert File.objects.count() == 2
    assert initiate(user, declared()).success
    assert initiate(other_user, declared()).success


@pytest.mark.parametrize("most", [1, 3])
def test_ended_uploads_of_a_user_are_limited(user: User, other_user: User, manager: FileManager, most: int) -> None:
    """Otherwise initiate and abort, in a loop, would make rows without end."""
    with configured(MAX_PENDING_UPLOADS=most):
        for _ in range(10 * most):
            uploads.abort(caller=caller_of(user), upload_token=token_of(start(user)), now=NOW)
        with pytest.raises(FilemanError) as caught:
            initiate(user, declared(), now=NOW + DAY - MICROSECOND)
        assert (caught.value.code, caught.value.retry_after_seconds) == ("TOO_MANY_PENDING", 3600)
        assert (File.objects.count(), StorageUsage.objects.get().bytes) == (10 * most, 0)
        assert initiate(user, declared(), now=NOW + DAY).success
        assert initiate(other_user, declared()).success


@configured(MAX_PENDING_UPLOADS=3)
def test_uploads_are_counted_again_only_when_their_number_may_be_at_the_limit(user: User, manager: FileManager) -> None:
    """Completed ones, and rows that nothing told fileman of, are forgotten by that."""
    left = file_of(start(user))
    for number in (2, 3, 2, 3, 2):
        upload(user)
        assert StorageUsage.objects.get().pending == number
    File.objects.filter(pk=left.pk)._raw_delete(File.objects.db)
    assert initiate(user, declared(), declared(), declared()).success
    assert StorageUsage.objects.get().pending == File.objects.unfinished().count() == 3
    with configured(MAX_PENDING_UPLOADS=2), pytest.raises(TooManyPending):
        start(user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pending", ["no row", None, 0])
def test_concurrent_calls_cannot_exceed_the_limit_together(user: User, manager: FileManager, pending: Any) -> None:
    """The quota gets back the reservations of all but three."""
    if pending != "no row":
        StorageUsage.objects.create(user=user, pending=pending)
    with configured(MAX_PENDING_UPLOADS=3):
        answers: list[Any] = at_once(12, lambda _: initiate(User.objects.get(pk=user.pk), declared()))
    assert sorted(type(answer).__name__ for answer in answers) == ["Batch"] * 3 + ["TooManyPending"] * 9
    usage = StorageUsage.objects.get()
    assert (File.objects.count(), usage.pending, usage.bytes) == (3, 3, 3 * 5)


@pytest.mark.parametrize(
    ("name", "code"),
    [("setup.exe", "EXTENSION_NOT_ALLOWED"), ("picture", "EXTENSION_NOT_ALLOWED"),
     ("picture.php.png", "EXTENSION_NOT_ALLOWED"), ("page.txt", "CONTENT_TYPE_MISMATCH"),
     ("a/b.png", "INVALID_FILENAME")],
)  # fmt: skip
def test_a_rename_passes_the_checks_of_an_upload(user: User, manager: FileManager, name: str, code: str) -> None:
    manager.allowed_extensions = ["png", "txt"]
    manager.save()
    (ticket,) = initiate(user, declared("picture.png", content_type="image/png")).tickets
    before = File.objects.values().get()
    with pytest.raises(FilemanError) as caught:
        files.update(caller=caller_of(user), file_id=file_of(ticket).pk, original_filename=name, now=NOW)
    assert (caught.value.code, caught.value.field) == (code, ("originalFilename",))
    assert File.objects.values().get() == before
    renamed = files.update(caller=caller_of(user), file_id=file_of(ticket).pk, original_filename="b.PNG", now=NOW)
    assert renamed.original_filename == "b.PNG"
