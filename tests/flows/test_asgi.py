"""The site under ASGI: memory is bounded, and uploads of a wrong length are refused before they are stored."""

import asyncio
import tracemalloc
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.test import AsyncClient
from django.utils import timezone

from fileman import files
from fileman.models import FileManager
from fileman.views import UploadLimit
from tests.api import Api
from tests.uploads.driver import caller_of

pytestmark = pytest.mark.django_db(transaction=True)
MIB = 1024**2


@pytest.fixture
def manager(local_manager: FileManager) -> FileManager:
    return local_manager


def call(method: str, url: str, body: bytes | None, **headers: str) -> tuple[int, bytes]:
    """Return status and body of a response. Without a body the client sends nothing, and nobody may wait for it."""
    sent: list[dict[str, Any]] = []
    unread = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        assert body is not None, "The body is read."
        return unread.pop() if unread else await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    given = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": urlsplit(url).path, "headers": [(b"host", b"localhost"), *given]}
    async_to_sync(UploadLimit(get_asgi_application()))(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


REFUSED: dict[str, tuple[str, str, dict[str, str], int]] = {
    "longer": ("PUT", "", {"Content_Length": "6"}, 413),
    "shorter": ("PUT", "", {"Content_Length": "4"}, 400),
    "unknown": ("PUT", "", {"Transfer_Encoding": "chunked"}, 411),
    "edited": ("PUT", "edited", {"Content_Length": "5"}, 403),
    "another method": ("POST", "", {"Content_Length": "99999999999"}, 405),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_length_is_refused_unread(case: str, manager: FileManager, api: Api) -> None:
    method, suffix, headers, status = REFUSED[case]
    url = api.start(b"hello")["instructions"]["requests"][0]["url"] + suffix

    assert call(method, url, None, **headers)[0] == status


def test_an_upload_of_the_signed_length_is_stored(manager: FileManager, api: Api) -> None:
    ticket = api.start(b"hello")

    assert call("PUT", ticket["instructions"]["requests"][0]["url"], b"hello", Content_Length="5") == (201, b"")

    assert api.finalize(ticket["uploadToken"])["success"]


def test_a_download_does_not_fill_the_memory(manager: FileManager, user: User) -> None:
    size = 32 * MIB
    file = files.store(BytesIO(bytes(size)), user=user, filename="a.bin")
    url = files.download_url(caller=caller_of(user), file=file, now=timezone.now())

    async def download() -> int:
        response: Any = await AsyncClient().get(urlsplit(str(url)).path)
        return sum([len(chunk) async for chunk in response.streaming_content])

    tracemalloc.start()
    try:
        assert async_to_sync(download)() == size
        assert tracemalloc.get_traced_memory()[1] < size / 4
    finally:
        tracemalloc.stop()
