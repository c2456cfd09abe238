"""The reference client in Python: one path for every storage, and what it does when something goes wrong."""

import runpy
import signal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.signals import request_started
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse

from fileman.graphql import GraphQLView
from fileman.models import File
from fileman.views import ContentView, UploadView
from tests.flows import reference_client
from tests.flows.conftest import Configure, storage_of
from tests.flows.http_client import content, fetch, sha256
from tests.flows.reference_client import PROGRAM, Uploader
from tests.flows.storages import MIB, Storage
from tests.uploads.faults import break_storage

DATA = content(1000)


def assert_uploaded(uploader: Uploader, data: bytes) -> None:
    """The newest file is whole, and nothing is kept for another process."""
    fields = "node { downloadUrl originalFilename uploadStatus }"
    newest = uploader.site.call(f"{{ files {{ edges {{ {fields} }} }} }}")["files"]["edges"][0]["node"]
    assert (newest["originalFilename"], newest["uploadStatus"]) == ("large.bin", "COMPLETED")
    assert sha256(fetch(newest["downloadUrl"]).content) == sha256(data)
    assert not uploader.kept.exists()


def test_a_small_file_takes_the_same_path(storage: Storage, uploader: Uploader) -> None:
    """A form for S3, a plain PUT elsewhere; the client prints the stable link and a full bar."""
    uploader.path.write_bytes(DATA)
    uploader.kept.write_bytes(b"\xff of another program")

    status, output, messages = uploader.run()

    assert status == 0, messages
    assert output == f"\n{uploader.site.url}/fileman/download/{File.objects.get().pk}/\n"
    assert "100%" in messages
    assert_uploaded(uploader, DATA)


def test_a_type_is_sent(memory: Storage, uploader: Uploader) -> None:
    """One that the server does not know by the extension."""
    uploader.path = uploader.path.with_name("song.aiff")
    uploader.path.write_bytes(b"FORM\0\0\0\0AIFF")

    assert uploader.run()[0] == 0

    assert File.objects.get().content_type == "audio/x-aiff"


def test_more_parts_than_one_window_holds(memory: Storage, uploader: Uploader, configure: Configure) -> None:
    configure(SINGLE_REQUEST_MAX_BYTES=10, PART_SIZE_BYTES=100, REQUEST_WINDOW=3)
    uploader.path.write_bytes(DATA)

    assert uploader.run()[0] == 0

    assert_uploaded(uploader, DATA)


@pytest.mark.parametrize("changed", [content(3 * MIB, head=b"changed"), content(2 * MIB)], ids=["content", "size"])
def test_a_file_that_was_changed_meanwhile_is_begun_anew(
    changed: bytes, request: pytest.FixtureRequest, uploader: Uploader, configure: Configure
) -> None:
    """Never half of the one and half of the other, not even when their sizes are equal."""
    storage_of("file", request)
    configure(SINGLE_REQUEST_MAX_BYTES=MIB, PART_SIZE_BYTES=MIB, MAX_CONCURRENCY=1)
    uploader.path.write_bytes(content(3 * MIB))
    uploader.kill_after(more_bytes=MIB + MIB // 2)
    uploader.path.write_bytes(changed)

    assert uploader.run()[0] == 0

    assert_uploaded(uploader, changed)
    assert sorted(File.objects.values_list("upload_status", flat=True)) == ["completed", "pending"]


@pytest.mark.parametrize("operation", ["write", "publish"])
def test_an_outage_is_waited_out(operation: str, memory: Storage, uploader: Uploader, configure: Configure) -> None:
    """The bar is full at the end, whichever part failed."""
    configure(SINGLE_REQUEST_MAX_BYTES=10, PART_SIZE_BYTES=100)
    uploader.path.write_bytes(DATA)
    failed = break_storage(on=operation, number=0)

    status, _, messages = uploader.run()

    assert (status, messages.rpartition("]")[2], failed) == (0, " 100% ", [operation])
    assert_uploaded(uploader, DATA)


def test_every_end(memory: Storage, uploader: Uploader, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(MAX_PENDING_UPLOADS=1)
    uploader.path.write_bytes(DATA)
    (program := uploader.path.with_name("client.py")).write_text(PROGRAM.read_text().replace("RES = 5", "RES = 2"))
    monkeypatch.setattr(reference_client, "PROGRAM", program)
    assert uploader.end_at(0, signal.SIGINT) == (130, "\nInterrupted. Run the command again to resume.\n")
    to_other, api = ("upload", str(uploader.path), "--to", memory.manager.name), f"{uploader.site.url}/graphql"
    for command, view, respond, code, said in (
        (to_other, UploadView, HttpResponse, 3, "Refused: You have too many unfinished"),
        ((), UploadView, lambda: HttpResponse(status=201), 3, "The storage kept nothing."),
        ((), UploadView, lambda: HttpResponse(uploader.path.write_bytes(DATA), status=201), 1, "The file was changed"),
        (["list"], GraphQLView, lambda: JsonResponse({}, status=404), 1, f"{api} returned {{}}."),
        (["list"], GraphQLView, lambda: JsonResponse([], safe=False), 1, f"{api} returned []."),
        (["list"], GraphQLView, lambda: JsonResponse({"errors": []}), 1, f"{api} returned {{'errors': []}}."),
        (["list"], GraphQLView, lambda: HttpResponse(status=503, headers={"Retry-After": "300"}), 3, uploader.site.url),
        (["list"], GraphQLView, lambda: HttpResponse("<html>"), 1, f"{api} returned status 200 (not JSON)."),
        (["list"], GraphQLView, lambda: HttpResponseRedirect("/x"), 1, f"{api} returned status 302 (/x)."),
    ):
        monkeypatch.setattr(view, "dispatch", lambda *_, respond=respond, **__: respond())
        status, _, messages = uploader.run(*command)
        assert (status, messages.splitlines()[-1][: len(said)]) == (code, said)


def test_a_server_that_asks_for_an_hour_is_not_waited_for() -> None:
    client = runpy.run_path(str(PROGRAM))

    with pytest.raises(client["NotNow"], match="Too many"):
        client["Patience"]().wait("Too many uploads.", 3600, progress=True)


def test_a_server_that_stumbles_at_every_other_request_is_asked_again(memory: Storage, uploader: Uploader) -> None:
    uploader.path.write_bytes(DATA)
    asked = {"graphql": 0, "fileman": 0}

    def stumble(environ: dict[str, Any], **_: Any) -> None:
        first = environ["PATH_INFO"].split("/")[1]
        if first in asked:
            asked[first] += 1
            if asked[first] % 2:
                raise ConnectionError("the server stumbles")

    request_started.connect(stumble)
    try:
        assert uploader.run()[0] == 0
    finally:
        request_started.disconnect(stumble)

    assert_uploaded(uploader, DATA)
    assert File.objects.count() == 1
    assert min(asked.values()) >= 4


def test_a_refusal_is_told_and_nothing_is_kept(memory: Storage, uploader: Uploader) -> None:
    memory.manager.max_file_size = 999
    memory.manager.save()
    uploader.path.write_bytes(DATA)
    site = uploader.site.url
    named = ("upload", str(uploader.path), "--to", "Nowhere")
    for url, password, command, code, said in (
        (site, "ann", (), 1, "\nRefused: 1000 bytes (1000\xa0bytes) are more than the 999 (999\xa0bytes) allowed.\n"),
        (site, "wrong", (), 1, "\nThe user name or the password is wrong.\n"),
        (f"{site}/elsewhere", "ann", (), 1, f"\n{site}/elsewhere/fileman/csrf/ returned status 404.\n"),
        ("http://127.0.0.1:9", "ann", (), 3, "\nhttp://127.0.0.1:9 is out of reach: "),
        (site, "ann", named, 1, f"\nThe file manager 'Nowhere' was not found. You may use: {memory.manager.name}.\n"),
        (site, "ann", ("download", "RmlsZToxMjM="), 1, "\nThe file was not found, or it is not ready.\n"),
    ):
        uploader.site.url = url
        status, output, messages = uploader.run(*command, FILEMAN_PASSWORD=password)

        assert (status, output, messages[: len(said)]) == (code, "", said)
        assert (uploader.kept.exists(), File.objects.exists()) == (False, False)
    status, _, messages = uploader.run("upload", "absent.bin")
    assert (status, messages.splitlines()[-1]) == (2, "client.py: error: absent.bin is not a file.")


def test_it_signs_in_at_another_form(memory: Storage, uploader: Uploader) -> None:
    User.objects.update(is_staff=True)

    assert uploader.run("list", FILEMAN_LOGIN="/admin/login/") == (0, "", "")
    assert uploader.run("list", FILEMAN_LOGIN="/enter/")[2] == f"\n{uploader.site.url}/enter/ returned status 404.\n"


def test_a_listed_file_is_downloaded_from_where_it_was_broken_off(storage: Storage, uploader: Uploader) -> None:
    uploader.path.write_bytes(DATA)
    assert uploader.run("upload", str(uploader.path), "--to", storage.manager.name)[0] == 0
    listed = uploader.run("list")[1].split()
    copy = uploader.path.with_name("copy.bin")
    part = copy.with_name(f"copy.bin.{listed[0]}.part")
    part.write_bytes(DATA[:400])

    status, output, messages = uploader.run("download", listed[0], str(copy))

    assert listed[1:] == ["1,000", "COMPLETED", "large.bin"]
    assert (status, output) == (0, f"\n{copy}\n"), messages
    assert (copy.read_bytes(), part.exists()) == (DATA, False)


def test_a_download_into_a_folder_and_one_of_a_file_that_is_deleted_meanwhile(
    memory: Storage, uploader: Uploader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader.path.write_bytes(DATA)
    uploader.run()
    (folder := tmp_path / "folder").mkdir()
    command = "download", uploader.run("list")[1].split()[0], str(folder)
    pages, get = [HttpResponse("<html>a page of a proxy</html>")], ContentView.get
    monkeypatch.setattr(ContentView, "get", lambda *args, **more: pages.pop() if pages else get(*args, **more))
    assert (uploader.run(*command)[0], pages) == (0, [])
    monkeypatch.setattr(ContentView, "get", lambda *_, **__: HttpResponse(status=File.objects.all().delete() and 503))

    assert uploader.run(*command)[::2] == (1, "\nThe file was not found, or it is not ready.\n")
    assert (folder / "large.bin").read_bytes() == DATA


def test_two_downloads_into_one_file_write_no_byte_twice(
    memory: Storage, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader.path.write_bytes(DATA)
    uploader.run()
    file_id, copy = uploader.run("list")[1].split()[0], uploader.path.with_name("copy.bin")
    part, sizes, get = copy.with_name(f"copy.bin.{file_id}.part"), [], ContentView.get

    def get_beside_another(*arguments: Any, **more: Any) -> Any:
        sizes.append(part.write_bytes(DATA[:400]))
        return get(*arguments, **more)

    monkeypatch.setattr(ContentView, "get", get_beside_another)

    assert uploader.run("download", file_id, str(copy))[0] == 0
    assert (copy.read_bytes(), sizes) == (DATA, [400])


def test_a_bearer_token_is_sent_instead_of_signing_in(memory: Storage, uploader: Uploader) -> None:
    """The server of these tests knows none, so the caller stays unknown."""
    uploader.path.write_bytes(DATA)
    sent = []

    def hear(environ: dict[str, Any], **_: Any) -> None:
        sent.append((environ["PATH_INFO"], environ.get("HTTP_AUTHORIZATION")))

    request_started.connect(hear)
    status, _, messages = uploader.run("list", FILEMAN_TOKEN="some-token")
    request_started.disconnect(hear)

    assert (status, messages) == (1, "\nThe token is not valid.\n")
    assert sent == [("/graphql", "Bearer some-token")]


def infected(file: File, content: Any) -> None:
    raise ValidationError("Infected: test signature")


def test_a_failed_upload_is_not_tried_again(memory: Storage, uploader: Uploader, configure: Configure) -> None:
    uploader.path.write_bytes(DATA)
    configure(CONTENT_VALIDATORS=[f"{__name__}.infected"])

    status, _, messages = uploader.run()

    assert (status, messages.splitlines()[-1]) == (1, "Infected: test signature")
    configure(CONTENT_VALIDATORS=[])
    assert uploader.run()[0] == 0
    assert_uploaded(uploader, DATA)
