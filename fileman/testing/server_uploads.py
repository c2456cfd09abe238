"""Cases of the contract for write: bytes that go through this server's upload view to any storage."""

import io

import pytest

from fileman.backends.base import Backend
from fileman.errors import SizeMismatch, UploadInProgress
from fileman.testing.case import ContractCase, Reduction, content, digest, each_size, must_raise, reopened


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


class ServerUploadCases(ContractCase):
    @pytest.fixture
    def ours(self, backend: Backend) -> Backend:
        """Return the same storage with `supports_direct_upload` off."""
        return reopened(backend, supports_direct_upload=False)

    @each_size
    def test_without_direct_upload_the_bytes_go_through_our_view(self, ours: Backend, large: bool) -> None:
        upload = self.begin(ours, large=large)

        assert all(request.url.startswith("/") for request in self.requests(ours, upload)), (
            "Without direct upload, instructions() must return URLs of this server."
        )
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
            assert (written.size, written.etag) == (len(data), stored.etag), (
                "write() must return the size and the etag that stat() returns."
            )
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
