"""Settings of gunicorn, and a worker that slow clients cannot stop: `gunicorn -c docs/deployment/gunicorn_config.py`.

gunicorn's gthread worker reads each request in a thread and waits without limit, so as many half-sent requests as it
has threads stop it. This one waits for the head and for a small body without a thread. Only then the request gets one.
Uploads, downloads and large bodies have threads of their own, and clients below a minimum rate are disconnected.
"""

import gc
import re
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn, ThreadWorker

BUFFERED_BYTES = 320 * 1024
"""Largest request that is read without a thread. The API accepts 256 KiB."""
BUFFER_SECONDS = 20.0
"""For the head of a request, and its body if it is that small."""
TRANSFER_THREADS = 16
"""For uploads, downloads and larger bodies, in addition to `threads`."""
WAITING_TRANSFERS = 300
"""Requests that may wait for those threads. More are disconnected, so that connections are left for the API."""
SILENCE_SECONDS = 20.0
"""The longest wait for the next bytes of a body."""
RATE_BYTES = 8 * 1024
"""Bytes per second that a client must send on average, not counting the first SILENCE_SECONDS."""
UNREAD_SECONDS = 0.05
"""For what has arrived of a body that the application did not read."""
SEND_SECONDS = 60.0
"""The longest wait until a client has taken the next piece of a response, at most 1 MiB."""

_TRANSFER = re.compile(rb"/fileman/(upload|content)/")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)", re.IGNORECASE)
_NOT_BUFFERED = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)


class PacedUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a client. Raises TimeoutError for silence, and for an average below the minimum rate."""

    waited = received = 0.0

    def begin(self, buffered: bytes) -> None:
        """Start with the bytes of a request that have already been read."""
        self.unread(buffered)
        self.waited = self.received = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        left = SILENCE_SECONDS + self.received / RATE_BYTES - self.waited
        if left <= 0:
            raise TimeoutError("The client sends too slowly.")
        # A shorter limit is that of what was not read.
        self.sock.settimeout(min(left, SILENCE_SECONDS, self.sock.gettimeout() or SILENCE_SECONDS))
        began = time.monotonic()
        data: bytes = super().chunk(size_hint)
        # Only the time spent waiting for the client counts, not that of a slow storage.
        self.waited += time.monotonic() - began
        self.received += len(data)
        self.sock.settimeout(SEND_SECONDS)
        return data


class BufferingWorker(ThreadWorker):  # type: ignore[misc]
    """A gthread worker for plain HTTP/1.1 behind a proxy, or without one on a trusted network."""

    def init_process(self) -> None:
        self.transfers = ThreadPoolExecutor(TRANSFER_THREADS)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Read a request: of a new connection, of one that was kept alive, or one that came right after another."""
        conn.received = bytearray(conn.parser.unreader.take_buffered() if conn.initialized else b"")
        self._watch(conn)
        if self.nr_conns >= self.worker_connections and len(self.pending_conns) > 1:
            self.pending_conns[0].timeout = 0.0  # the one that has waited longest makes room
            self.murder_pending()
        self._start_if_read(conn)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = client.recv(64 * 1024)
        conn.received += data
        if not data or (conn.is_closing and len(conn.received) > BUFFERED_BYTES):
            self._unwatch(conn)
            self._drop(conn)
        elif not conn.is_closing:
            self._start_if_read(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        conn.sock.settimeout(SEND_SECONDS)
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        """Keep a connection whose body was read. To read the rest of a refused one away would hold the thread."""
        return bool(keepalive and conn.parser.finish_body(deadline=time.monotonic() + UNREAD_SECONDS))

    def finish_request(self, conn: TConn, fs: "Future[Any]") -> None:
        """Keep the connection, or wait without a thread for the client to close it (RFC 9112, section 9.6)."""
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.received = bytearray()
            self._watch(conn, is_closing=True)
        except OSError:
            self._drop(conn)

    def run(self) -> None:
        super().run()
        self.transfers.shutdown(wait=False, cancel_futures=True)

    def _watch(self, conn: TConn, *, is_closing: bool = False) -> None:
        conn.is_closing = is_closing
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + BUFFER_SECONDS  # murder_pending closes it then
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def _unwatch(self, conn: TConn) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)

    def _drop(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _start_if_read(self, conn: TConn) -> None:
        pool = self._choose_pool(bytes(conn.received).lstrip(b"\r\n"))
        if pool is None:
            return
        self._unwatch(conn)
        if pool is self.transfers and pool._work_queue.qsize() >= WAITING_TRANSFERS:  # noqa: SLF001
            self._drop(conn)
            return
        if not conn.initialized:
            conn.init()
            conn.parser.unreader = PacedUnreader(conn.sock)
        conn.parser.unreader.begin(bytes(conn.received))
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _choose_pool(self, received: bytes) -> ThreadPoolExecutor | None:
        """Return the threads for a request, or None until enough of it is there. gunicorn parses it again, strictly."""
        head, end, body = received.partition(b"\r\n\r\n")
        if not end:
            return self.transfers if len(received) > BUFFERED_BYTES else None
        if _NOT_BUFFERED.search(head) or _TRANSFER.search(unquote_to_bytes(head.partition(b"\r\n")[0])):
            return self.transfers
        lengths = [int(digits) if len(digits) < 10 else BUFFERED_BYTES + 1 for digits in _LENGTH.findall(head)]
        if max(lengths, default=0) > BUFFERED_BYTES:
            return self.transfers
        return self.tpool if len(body) >= max(lengths, default=0) else None


wsgi_app = "project.wsgi"
worker_class = BufferingWorker
threads = 8
worker_connections = 500  # each takes a file descriptor, and many systems allow 1024
control_socket_disable = True


def post_worker_init(worker: Any) -> None:  # noqa: ARG001 - gunicorn's signature
    """Look for garbage rarely: what is loaded now stays, and a batch makes thousands of objects that go at once."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
