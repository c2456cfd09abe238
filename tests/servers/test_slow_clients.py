"""Clients that send half a request, or a byte now and then, do not stop the site."""

import re
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.frontend.demo_server import demo_program, demo_served
from tests.servers import nginx
from tests.servers.availability import REPOSITORY
from tests.servers.fixtures import or_give_up
from tests.servers.process import answers_http, free_port, running

PATIENCE_SECONDS = 20
"""A client of ours gives up then, and the test fails."""
SIZE = 1024**2
LENGTH = f"Host: localhost\r\nContent-Length: {SIZE}\r\n\r\n"
JSON = "Content-Type: application/json\r\n"
INITIATE = """mutation { initiateUpload(input: {files: [{filename: "a.bin", size: %s}]}) {
    files { uploadToken instructions { requests { url } } } } }"""
FINALIZE = 'mutation { finalizeUpload(input: {uploadToken: "%s"}) { file { downloadUrl } } }'
BEGINNINGS = {
    "half a head": f"POST /graphql HTTP/1.1\r\nHost: localhost\r\n{JSON[:9]}",
    "an empty line": "\r\n\r\n",
    "half a body": f"POST /graphql HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 99999\r\n\r\n[",
    "half a chunk": f"POST /graphql HTTP/1.1\r\nHost: localhost\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n99\r\n[",
    "half a form": "POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\na",
    "a request and half of the next": "GET /fileman/csrf/ HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /gra",
    "half an upload": f"PUT <upload> HTTP/1.1\r\n{LENGTH}.",
    "half an upload to an escaped path": f"PUT <escaped> HTTP/1.1\r\n{LENGTH}.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[int]:
    """The site as `make run` serves it."""
    with demo_served(folder, with_clouds=False) as port:
        yield port


@pytest.fixture(scope="module", params=["gunicorn", "nginx"])
def site(request: pytest.FixtureRequest, demo: int) -> Iterator[int]:
    with or_give_up(), nginx.serve(demo) if request.param == "nginx" else nullcontext(demo) as port:
        yield port


@pytest.fixture(scope="module")
def impatient_site(folder: Path, demo: int) -> Iterator[int]:
    """The same site with short limits."""
    port, config = free_port(), REPOSITORY / "tests" / "servers" / "impatient_gunicorn.py"
    arguments = ["-m", "gunicorn", "-c", str(config), "-b", f"127.0.0.1:{port}"]
    with running(demo_program(folder, *arguments), ready=lambda: answers_http(port)):
        yield port


def ask(port: int, document: str) -> str:
    """Return the API's answer to the demo's user."""
    address = f"http://localhost:{port}"
    with requests.Session() as session:
        token = session.get(f"{address}/fileman/csrf/", timeout=PATIENCE_SECONDS).json()["csrfToken"]
        form = {"username": "demo", "password": "demo", "csrfmiddlewaretoken": token}
        session.post(f"{address}/accounts/login/", form, timeout=PATIENCE_SECONDS).raise_for_status()
        session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
        return session.post(f"{address}/graphql", json={"query": document}, timeout=PATIENCE_SECONDS).text


def initiate(port: int, size: int = SIZE) -> tuple[str, str]:
    """Return the path of a new upload's only request, and the upload's token."""
    answer = ask(port, INITIATE % size)
    return urlsplit(find("url", answer)).path, find("uploadToken", answer)


def find(name: str, answer: str) -> str:
    (value,) = re.findall(f'"{name}":"([^"]+)"', answer)
    return str(value)


@contextmanager
def slow_clients(port: int, kind: str, count: int) -> Iterator[list[socket.socket]]:
    path = initiate(port)[0] if "upload" in kind else ""
    beginning = BEGINNINGS[kind].replace("<upload>", path).replace("<escaped>", path.replace("upload", "up%6Coad"))
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]
        for client in clients:
            client.sendall(beginning.encode())
        yield clients


def is_connected(client: socket.socket) -> bool:
    """Send another byte, unless the server has sent something or has disconnected."""
    with suppress(OSError):
        if select.select([client], [], [], 0.05)[0]:
            return bool(client.recv(9999))
        return bool(client.send(b"."))
    return False


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_the_api_answers_while_fifty_slow_clients_are_connected(site: int, kind: str) -> None:
    url, document = f"http://localhost:{site}/graphql", {"query": "{__typename}"}

    with slow_clients(site, kind, 50) as clients:
        for client in clients[:3]:
            assert requests.post(url, json=document, timeout=PATIENCE_SECONDS).status_code == 200
            is_connected(client)


def test_the_api_answers_while_more_clients_are_connected_than_there_is_room_for(site: int) -> None:
    with slow_clients(site, "half a head", 600):
        url, document = f"http://localhost:{site}/graphql", {"query": "{__typename}"}
        assert requests.post(url, json=document, timeout=PATIENCE_SECONDS / 4).status_code == 200


def test_the_api_answers_while_six_hundred_clients_read_downloads_slowly(demo: int) -> None:
    size = 16 * SIZE  # more than the buffers of a connection hold
    path, token = initiate(demo, size)
    requests.put(f"http://localhost:{demo}{path}", bytes(size), timeout=PATIENCE_SECONDS).raise_for_status()
    url = find("downloadUrl", ask(demo, FINALIZE % token))
    with ExitStack() as stack:
        for _ in range(600):
            reader = stack.enter_context(socket.create_connection(("127.0.0.1", demo)))
            reader.sendall(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

        assert "downloadUrl" in ask(demo, FINALIZE % token)


def test_refused_uploads_whose_bodies_do_not_arrive_hold_no_thread(demo: int) -> None:
    """Five for each thread, so that even a short wait for each would add up to more than our patience."""
    url = f"http://localhost:{demo}{initiate(demo)[0]}"
    head = b"PUT /fileman/upload/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n."
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", demo))) for _ in range(80)]
        for client in clients:
            client.sendall(head)

        assert requests.put(url, bytes(SIZE), timeout=PATIENCE_SECONDS).status_code == 201
        assert all(client.recv(12) == b"HTTP/1.1 403" for client in clients)


@pytest.mark.parametrize("kind", BEGINNINGS)
def test_a_client_below_the_minimum_rate_is_disconnected_and_its_thread_is_free(impatient_site: int, kind: str) -> None:
    url = f"http://localhost:{impatient_site}{initiate(impatient_site)[0]}"

    with slow_clients(impatient_site, kind, 2) as clients:
        for client in clients:
            while is_connected(client):
                pass

    assert requests.put(url, bytes(SIZE), timeout=PATIENCE_SECONDS).status_code == 201
