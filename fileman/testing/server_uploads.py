"""Cases of the contract for write: bytes that go through this server's upload view to any storage."""

import io

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Slice, Upload
from fileman.errors import SizeMismatch, UploadInProgress
from fileman.testing.case import ContractCase, Reduction, content, digest, must_raise, reopened


class CountingStream(io.BytesIO):
    """Remembers the largest number of bytes that were read at once."""

    largest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.largest_read = max(self.largest_read, len(chunk))
        return chunk


class ServerUploadCases(ContractCase):
    @pytest.fixture
    def ours(self, backend: Backend) -> Backend:
        """Return the same storage with `supports_direct_upload` off."""
        return reopened(backend, supports_direct_upload=False)

    def _begin(self, backend: Backend, *, large: bool) -> Upload:
        return self.begin_large(backend) if large else self.begin(backend, 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_without_direct_upload_the_bytes_go_through_our_view(self, ours: Backend, large: bool) -> None:
        upload = self._begin(ours, large=large)
        data = content(upload.size)

        assert all(request.url.startswith("/") for request in self.requests(ours, upload)), (
            "Without direct upload, instructions() must return URLs of this server."
        )
        self.send_all(ours, upload, data)
        published = self.publish(ours, upload, self.assemble(ours, upload))

        assert self.read_bytes(ours, published.path) == data, "The file must have the bytes that were sent."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_stream_that_ends_early_stores_nothing(self, ours: Backend, large: bool) -> None:
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]

        with must_raise(SizeMismatch, "write() with a stream that ends early"):
            ours.write(upload, part, io.BytesIO(content(part.length - 1)))

        assert ours.missing(upload) == list(upload.slices()), "write() must not store a slice whose stream ends early."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_stream_that_breaks_off_stores_nothing(self, ours: Backend, large: bool) -> None:
        """A client that disconnects raises OSError from its stream; that is no error of the storage."""
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]

        with must_raise(SizeMismatch, "write() with a stream that raises OSError"):
            ours.write(upload, part, _BrokenStream(content(part.length // 2)))

        assert ours.missing(upload) == list(upload.slices()), "write() must not store a slice whose stream breaks off."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_no_byte_beyond_the_slice_is_read(self, ours: Backend, large: bool) -> None:
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]
        stream = CountingStream(content(part.length) + b"the next request")

        ours.write(upload, part, stream)

        assert stream.tell() == part.length, "write() must read exactly `part.length` bytes from the stream."

    def test_a_slice_is_read_in_pieces(self, ours: Backend) -> None:
        size = 3 * 1024**2
        upload = self.begin(ours, size)
        stream = CountingStream(content(size))

        ours.write(upload, upload.slice(1), stream)

        assert stream.largest_read <= 1024**2, "write() must read at most 1 MiB at once: memory must stay bounded."
        read = self.read_bytes(ours, self.assemble(ours, upload).path)
        assert read == content(size), "The object must have the bytes of the stream."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_slice_is_written_once(self, ours: Backend, large: bool) -> None:
        self.without(Reduction.CREATE_ONLY)
        upload = self._begin(ours, large=large)
        data = content(upload.size)
        part: Slice = upload.slice(1)
        ours.write(upload, part, io.BytesIO(data[: part.length]))

        with must_raise(UploadInProgress, "write() of a slice that exists already"):
            ours.write(upload, part, io.BytesIO(content(part.length, seed="second")))

        for rest in self.requests(ours, upload):
            self.send_slice(ours, upload, rest, data)
        read = self.read_bytes(ours, self.assemble(ours, upload).path)
        assert read == data, "A second write() of a slice must not change the bytes of the first."

    def test_write_returns_the_facts_of_the_stored_object(self, ours: Backend) -> None:
        data = content(3000)
        upload = self.begin(ours, len(data))

        written = ours.write(upload, upload.slice(1), io.BytesIO(data))

        stored = self.assemble(ours, upload)
        written = written or stored
        assert (written.size, written.etag) == (len(data), stored.etag), (
            "write() must return the size and the etag that stat() returns."
        )
        for algorithm, value in written.checksums.items():
            assert value == digest(algorithm, data), "write() must return checksums of the stored bytes."


class _BrokenStream(io.BytesIO):
    """Raises OSError at its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if not chunk:
            raise OSError("connection reset")
        return chunk
