"""Bytes that go through this server's upload view, which every storage can take."""

import io

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Slice, Upload
from fileman.errors import SizeMismatch, UploadInProgress
from fileman.testing.case import ContractCase, Reduction, content, digest, reopened


class CountingStream(io.BytesIO):
    """Remembers how far it was read, and how much at once."""

    largest_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self.largest_read = max(self.largest_read, len(chunk))
        return chunk


class ThroughUsCases(ContractCase):
    @pytest.fixture
    def ours(self, backend: Backend) -> Backend:
        """The same storage with `supports_direct_upload` off."""
        return reopened(backend, supports_direct_upload=False)

    def _begin(self, backend: Backend, *, large: bool) -> Upload:
        return self.begin_large(backend) if large else self.begin(backend, 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_without_direct_upload_the_bytes_go_through_our_view(self, ours: Backend, large: bool) -> None:
        """Addresses of this server, and the same file in the end."""
        upload = self._begin(ours, large=large)
        data = content(upload.size)

        assert all(request.url.startswith("/") for request in self.requests(ours, upload))
        self.send_all(ours, upload, data)
        published = self.publish(ours, upload, self.assemble(ours, upload))

        assert self.bytes_of(ours, published.path) == data

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_stream_that_ends_early_stores_nothing(self, ours: Backend, large: bool) -> None:
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]

        with pytest.raises(SizeMismatch):
            ours.write(upload, part, io.BytesIO(content(part.length - 1)))

        assert ours.missing(upload) == list(upload.slices())

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_stream_that_breaks_off_stores_nothing(self, ours: Backend, large: bool) -> None:
        """A client that goes away shows as an OSError of its stream, which is no fault of the storage."""
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]

        with pytest.raises(SizeMismatch):
            ours.write(upload, part, _BrokenStream(content(part.length // 2)))

        assert ours.missing(upload) == list(upload.slices())

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_no_byte_beyond_the_slice_is_read(self, ours: Backend, large: bool) -> None:
        """What follows on the connection is not ours."""
        upload = self._begin(ours, large=large)
        part = ours.missing(upload)[0]
        stream = CountingStream(content(part.length) + b"the next request")

        ours.write(upload, part, stream)

        assert stream.tell() == part.length

    def test_a_slice_is_read_in_pieces(self, ours: Backend) -> None:
        """Memory stays bounded however long the slice is."""
        size = 3 * 1024**2
        upload = self.begin(ours, size)
        stream = CountingStream(content(size))

        ours.write(upload, upload.slice(1), stream)

        assert stream.largest_read <= 1024**2
        assert self.bytes_of(ours, self.assemble(ours, upload).path) == content(size)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_slice_is_written_once(self, ours: Backend, large: bool) -> None:
        """The second sender is told so, and the bytes stay the first one's."""
        self.without(Reduction.CREATE_ONLY)
        upload = self._begin(ours, large=large)
        data = content(upload.size)
        part: Slice = upload.slice(1)
        ours.write(upload, part, io.BytesIO(data[: part.length]))

        with pytest.raises(UploadInProgress):
            ours.write(upload, part, io.BytesIO(content(part.length, seed="second")))

        for rest in self.requests(ours, upload):
            self.send_slice(ours, upload, rest, data)
        assert self.bytes_of(ours, self.assemble(ours, upload).path) == data

    def test_what_write_says_of_a_whole_object_is_true(self, ours: Backend) -> None:
        """Size, etag and every checksum it names are those of the bytes that came."""
        data = content(3000)
        upload = self.begin(ours, len(data))

        told = ours.write(upload, upload.slice(1), io.BytesIO(data))

        stored = self.assemble(ours, upload)
        described = told or stored
        assert (described.size, described.etag) == (len(data), stored.etag)
        for algorithm, value in described.checksums.items():
            assert value == digest(algorithm, data)


class _BrokenStream(io.BytesIO):
    """Ends with an error instead of an end."""

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if not chunk:
            raise OSError("connection reset")
        return chunk
