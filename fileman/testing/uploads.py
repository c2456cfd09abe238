"""Cases of the contract for begin, missing, instructions, write and abort: until the upload is sent or aborted."""

import io
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest

from fileman import tokens
from fileman.backends.base import Backend
from fileman.backends.values import Upload, UploadRequest
from fileman.errors import FileMissing, SizeMismatch, UploadInProgress, UploadLost
from fileman.testing.case import SIZE, ContractCase, Reduction, content, digest, each_size, must_raise, reopened

# Of the Fetch standard's forbidden request headers, those that signing could tempt a backend to use.
FORBIDDEN_HEADERS = {"accept-encoding", "connection", "content-length", "cookie", "date", "expect", "host", "origin"}


def _named_in(request: UploadRequest, upload: Upload) -> str:
    """Return the parts of a request that say where it writes."""
    if request.url.startswith("/"):
        return str(tokens.unsign(tokens.UPLOAD, request.url.rpartition("/")[2], now=upload.now))
    return unquote(request.url) + str(request.fields)


class _Stream(io.BytesIO):
    """Remembers the largest number of bytes that were read at once. May raise OSError at its end, as a broken one."""

    largest_read = 0
    breaks = False

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.largest_read = max(self.largest_read, len(chunk))
        if self.breaks and not chunk:
            raise OSError("connection reset")
        return chunk


class UploadCases(ContractCase):
    @each_size
    def test_an_upload_goes_from_grant_to_removal(self, backend: Backend, large: bool) -> None:
        upload = self.uploaded(backend, large=large)
        data = content(upload.size)

        verified = self.assemble(backend, upload)
        published = self.publish(backend, upload, verified)

        assert verified.size == published.size == len(data), "assemble() and publish() must return the size."
        assert published.path in {upload.file_path, upload.parts_path}, "publish() must write to the file path."
        self.assert_stored(backend, published.path, data)
        promise = "get_url() must return a URL of the object, and clamp `expires_in` to 604,800 seconds."
        for expires_in in (3600, 10**9):
            served = self.fetch(backend, backend.get_url(published.path, expires_in=expires_in))
            assert (served.status, served.body) == (200, data), promise
        assert backend.delete([upload.upload_path, published.path]) == [], "delete() must delete both paths."
        with must_raise(FileMissing, "stat() of a deleted object"):
            backend.stat(published.path)
        assert list(self.leftovers(backend, upload)) == [], "A deleted file must leave nothing on the storage."

    @pytest.mark.parametrize("around", ["one byte", "part less one", "part", "part and one"])
    def test_sizes_around_one_part_arrive_byte_for_byte(self, backend: Backend, around: str) -> None:
        part = self.part_size(backend)
        size = {"one byte": 1, "part less one": part - 1, "part": part, "part and one": part + 1}[around]

        stored = self.published(backend, size, large=True)

        assert stored.size == size, "publish() must return the size of the object."
        self.assert_stored(backend, stored.path, content(size))

    def test_parts_arrive_in_any_order_and_exactly_the_missing_ones_are_signed_again(self, backend: Backend) -> None:
        upload = self.begin(backend, large=True)
        data = content(upload.size)
        unsent, *others = self.requests(backend, upload)
        for request in reversed(others):
            self.send_slice(backend, upload, request, data)

        again = self.requests(reopened(backend), upload)

        left = [request.slice for request in again]
        assert left == [unsent.slice], "missing() must return exactly the slices that were not sent, in every process."
        self.send_slice(backend, upload, again[0], data)
        assert backend.missing(upload) == [], "missing() must be empty after all slices were sent."
        read = self.read_bytes(backend, self.assemble(backend, upload).path)
        assert read == data, "assemble() must order the parts by number, not by their arrival."

    @each_size
    def test_a_slice_that_is_sent_twice_is_never_mixed(self, backend: Backend, large: bool) -> None:
        """The second sender is refused or wins."""
        upload = self.begin(backend, large=large)
        first, second = content(upload.size), content(upload.size, seed="second")
        requests = self.requests(backend, upload)
        for request in requests:
            self.send_slice(backend, upload, request, first)

        part = requests[0].slice
        end = part.offset + part.length
        self.send(backend, upload, requests[0], second[part.offset : end])

        mixed = first[: part.offset] + second[part.offset : end] + first[end:]
        read = self.read_bytes(backend, self.assemble(backend, upload).path)
        assert read in (first, mixed), "A slice must have all its bytes from one request."

    @each_size
    def test_a_body_that_is_too_short_is_refused(self, backend: Backend, large: bool) -> None:
        self.without(Reduction.EXACT_LENGTH)
        upload = self.begin(backend, large=large)
        request = self.requests(backend, upload)[0]

        status, _ = self.send(backend, upload, request, content(request.slice.length - 1))

        assert status not in request.success_status, "A body that is shorter than signed must be rejected."
        assert request.slice in backend.missing(upload), "missing() must return a slice whose body was rejected."

    @each_size
    def test_requests_have_the_form_that_every_client_understands(self, backend: Backend, large: bool) -> None:
        """A client uses url, method, headers and fields without knowledge of the storage."""
        upload = self.begin(backend, large=large)

        requests = self.requests(backend, upload)

        assert [request.slice for request in requests] == list(upload.slices()), "Sign every slice of a new upload."
        for request in requests:
            names = {name.lower() for name, _ in request.headers}
            assert request.method in {"PUT", "POST"}, "`method` must be PUT or POST."
            assert request.url.startswith(("/", "https://", "http://")), "`url` must be absolute or begin with a slash."
            assert not names & FORBIDDEN_HEADERS, "`headers` must not contain a header that browsers forbid to set."
            assert not any(name.startswith(("sec-", "proxy-")) for name in names), "Browsers forbid such headers."
            assert request.success_status, "`success_status` must contain the statuses of a success."
            assert all(200 <= status <= 399 for status in request.success_status), "`success_status`: 200 to 399."
            assert bool(request.fields) is (request.file_field is not None), "`fields` and `file_field` go together."
            assert not (request.fields and "content-type" in names), "A form sets its Content-Type itself."
            named = _named_in(request, upload)
            assert str(upload.file_id) in named, "A signed request must name its upload."
            assert upload.file_path not in named, "No signed request may name the file path: only publish() writes it."

    @each_size
    def test_signing_uses_no_network(self, backend: Backend, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch of many files then costs no round trips."""
        self.without(Reduction.SIGNS_LOCALLY)
        assert backend.capabilities.signs_locally, "Declare Reduction.SIGNS_LOCALLY, or set signs_locally."
        upload = self.begin(backend, large=large)
        missing = backend.missing(upload)

        def refuse(*_: Any, **__: Any) -> NoReturn:
            pytest.fail("instructions() used the network. Set signs_locally to False if it must.")

        with monkeypatch.context() as patch:
            for kind in (socket.socket, ssl.SSLSocket):
                for name in ("connect", "connect_ex", "send", "sendall"):
                    patch.setattr(kind, name, refuse)
            requests = backend.instructions(upload, missing)

        assert len(requests) == len(missing), "instructions() must return one request for each missing slice."

    @pytest.mark.parametrize(("large", "arrived"), [(False, 0), (False, 1), (True, 0), (True, 2), (True, 3)])
    def test_abort_deletes_whatever_has_arrived(self, backend: Backend, large: bool, arrived: int) -> None:
        """Also after a crash between begin and commit, which loses `begun`. Other uploads stay."""
        upload, kept = self.begin(backend, large=large), self.uploaded(backend)
        for request in self.requests(backend, upload)[:arrived]:
            self.send_slice(backend, upload, request, content(upload.size))

        reopened(backend).abort(upload if arrived else replace(upload, begun={}))

        promise = "abort() must delete all parts and objects of the upload. It must find a begun upload by its path."
        assert list(self.leftovers(backend, upload)) == [], promise
        backend.abort(upload)
        assert list(self.leftovers(backend, upload)) == [], "A second abort() must succeed and leave nothing."
        with suppress(UploadLost):
            missing = backend.missing(upload)
            assert missing == list(upload.slices()), "After abort(), every slice is missing, or the upload is lost."
        read = self.read_bytes(backend, self.assemble(backend, kept).path)
        assert read == content(SIZE), "abort() must delete its own upload only."


class ServerUploadCases(ContractCase):
    """Cases of bytes that go through this server's upload view, to any storage."""

    @pytest.fixture
    def ours(self, backend: Backend) -> Backend:
        """Return the same storage with `supports_direct_upload` off."""
        return reopened(backend, supports_direct_upload=False)

    @each_size
    def test_without_direct_upload_the_bytes_go_through_our_view(self, ours: Backend, large: bool) -> None:
        upload = self.begin(ours, large=large)

        for request in self.requests(ours, upload):
            assert request.url.startswith("/"), "Without direct upload, instructions() must return URLs of this server."
        self.send_all(ours, upload, content(upload.size))
        published = self.publish(ours, upload, self.assemble(ours, upload))

        self.assert_stored(ours, published.path, content(upload.size))

    @each_size
    @pytest.mark.parametrize("breaks", [False, True], ids=["ends early", "breaks off"])
    def test_a_stream_that_is_too_short_stores_nothing(self, ours: Backend, large: bool, breaks: bool) -> None:
        upload = self.begin(ours, large=large)
        part = ours.missing(upload)[0]
        stream = _Stream(content(part.length - 1))
        stream.breaks = breaks

        with must_raise(SizeMismatch, "write() with a stream that ends early or raises OSError"):
            ours.write(upload, part, stream)

        assert ours.missing(upload) == list(upload.slices()), "write() must not store a slice whose stream ends early."

    @each_size
    def test_a_slice_is_read_in_pieces_and_not_beyond_its_end(self, ours: Backend, large: bool) -> None:
        upload = self.begin(ours, 0 if large else 3 * 1024**2, large=large)
        data = content(upload.size)

        for part in upload.slices():
            stream = _Stream(data[part.offset : part.offset + part.length] + b"the next request")
            written = ours.write(upload, part, stream)
            assert stream.tell() == part.length, "write() must read exactly `part.length` bytes from the stream."
            assert stream.largest_read <= 1024**2, "write() must read at most 1 MiB at once: memory must stay bounded."

        stored = self.assemble(ours, upload)
        self.assert_stored(ours, stored.path, data)
        if written is not None and upload.plan.total_parts == 1:
            facts = (written.size, written.etag)
            assert facts == (len(data), stored.etag), "write() must return the size and the etag that stat() returns."
            for algorithm, value in written.checksums.items():
                assert value == digest(algorithm, data), "write() must return checksums of the stored bytes."

    @each_size
    def test_a_slice_is_written_once(self, ours: Backend, large: bool) -> None:
        self.without(Reduction.CREATE_ONLY)
        upload = self.begin(ours, large=large)
        data, part = content(upload.size), upload.slice(1)
        ours.write(upload, part, io.BytesIO(data[: part.length]))

        with must_raise(UploadInProgress, "write() of a slice that exists already"):
            ours.write(upload, part, io.BytesIO(content(part.length, seed="second")))

        for rest in self.requests(ours, upload):
            self.send_slice(ours, upload, rest, data)
        read = self.read_bytes(ours, self.assemble(ours, upload).path)
        assert read == data, "A second write() of a slice must not change the bytes of the first."
