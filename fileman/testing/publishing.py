"""From the moment when everything has arrived to the finished file."""

from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import Budget, StoredObject
from fileman.checksums import Checksum
from fileman.errors import FilemanError, FileMissing, ObjectChanged
from fileman.testing.case import ORIGIN, TYPE, ContractCase, Reduction, content, digest, reopened


def _facts(stored: StoredObject) -> tuple[object, ...]:
    """What must not change while an object is left alone."""
    return stored.path, stored.size, stored.etag, stored.version


class PublishingCases(ContractCase):
    def _data(self, backend: Backend, *, large: bool) -> bytes:
        return content(self.large_size(backend) if large else 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_assemble_may_be_repeated(self, backend: Backend, large: bool) -> None:
        """A worker that dies after assembling is followed by one that assembles again."""
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)

        first = self.assemble(backend, upload)
        second = self.assemble(reopened(backend), upload)

        assert _facts(second) == _facts(first)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_what_is_assembled_is_no_longer_missing(self, backend: Backend, large: bool) -> None:
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)

        self.assemble(backend, upload)

        assert reopened(backend).missing(upload) == []

    def test_assembly_without_time_goes_on_in_the_next_calls(self, backend: Backend) -> None:
        """A spent budget costs calls, not bytes."""
        data = self._data(backend, large=True)
        upload = self.uploaded(backend, data, large=True)

        assembled = self.assemble(backend, upload, budget_seconds=0)

        assert self.bytes_of(backend, assembled.path) == data

    def test_assembling_with_a_part_missing_makes_nothing(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        for request in self.requests(backend, upload)[1:]:
            self.send_slice(backend, upload, request, data)

        with pytest.raises(FilemanError):
            backend.assemble(upload, Budget(seconds=20))

        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)
        assert upload.slice(1) in backend.missing(upload)

    def test_an_upload_that_was_begun_twice_leaves_nothing_beside_its_file(self, backend: Backend) -> None:
        """A crash between begin and commit, after which the next call begins again."""
        forgotten = self.begin_large(backend)
        upload = replace(forgotten, begun=backend.begin(forgotten, origin=ORIGIN))
        data = content(upload.size)
        self.send_all(backend, upload, data)

        published = self.publish(backend, upload, self.assemble(backend, upload))

        assert self.bytes_of(backend, published.path) == data
        assert backend.delete([upload.upload_path, upload.file_path]) == []
        assert list(self.leftovers(backend, upload)) == []

    def test_nothing_stands_at_the_file_path_before_it_is_published(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))

        self.assemble(backend, upload)

        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_publish_may_be_repeated(self, backend: Backend, large: bool) -> None:
        """The second call changes nothing."""
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)
        verified = self.assemble(backend, upload)

        first = self.publish(backend, upload, verified)
        second = self.publish(reopened(backend), upload, verified)

        assert _facts(second) == _facts(first) == _facts(backend.stat(upload.file_path))

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_publish_is_done_once_even_when_the_upload_path_is_gone(self, backend: Backend, large: bool) -> None:
        """A worker that dies after publishing, and a deletion queue that was faster than the next one."""
        data = self._data(backend, large=large)
        upload = self.uploaded(backend, data, large=large)
        verified = self.assemble(backend, upload)
        first = self.publish(backend, upload, verified)
        assert backend.delete([upload.upload_path]) == []

        second = self.publish(reopened(backend), upload, verified)

        assert _facts(second) == _facts(first)
        assert self.bytes_of(backend, upload.file_path) == data

    def test_an_object_that_was_swapped_after_verification_is_not_published(self, backend: Backend) -> None:
        """Refused as changed, and nothing stands at the file path."""
        upload = self.uploaded(backend, content(3000))
        verified = self.assemble(backend, upload)
        self.replace_upload(backend, upload, content(3000, seed="swapped"))

        with pytest.raises(ObjectChanged):
            self.publish(backend, upload, verified)

        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)

    def test_publish_never_replaces_another_object(self, backend: Backend) -> None:
        standing = self.published(backend, content(3000))
        upload = self.uploaded(backend, content(3001, seed="second"), file_path=standing.path)
        verified = self.assemble(backend, upload)

        with pytest.raises(FilemanError):
            self.publish(backend, upload, verified)

        assert self.bytes_of(backend, standing.path) == content(3000)

    def test_a_published_file_outlives_whatever_happens_at_the_upload_path(self, backend: Backend) -> None:
        """A client that writes again with its old address changes nothing."""
        upload = self.uploaded(backend, content(3000))
        published = self.publish(backend, upload, self.assemble(backend, upload))

        self.replace_upload(backend, upload, content(3000, seed="second"))

        assert self.bytes_of(backend, upload.file_path) == content(3000)
        assert _facts(backend.stat(upload.file_path)) == _facts(published)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_content_type_is_the_one_that_was_granted(self, backend: Backend, large: bool) -> None:
        self.without(Reduction.CONTENT_TYPE)

        stored = self.published(backend, self._data(backend, large=large), large=large)

        assert backend.stat(stored.path).content_type == TYPE

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_an_ordinary_object_has_no_encoding_and_is_regular(self, backend: Backend, large: bool) -> None:
        stored = self.published(backend, self._data(backend, large=large), large=large)

        assert (stored.content_encoding, stored.irregular) == ("", "")

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_checksums_that_a_storage_tells_are_true(self, backend: Backend, large: bool) -> None:
        """Over all bytes, never composed of parts."""
        data = self._data(backend, large=large)
        upload = self.uploaded(backend, data, large=large)

        assembled = self.assemble(backend, upload)
        published = self.publish(backend, upload, assembled)

        for stored in (assembled, published, backend.stat(upload.file_path)):
            for algorithm, value in stored.checksums.items():
                assert value == digest(algorithm, data)

    def test_a_declared_checksum_is_computed_where_the_storage_says_it_can(self, backend: Backend) -> None:
        """By the storage, or by this server while the bytes come through."""
        data = content(3000)
        for algorithm in sorted(backend.capabilities.single_checksums):
            declared = Checksum(algorithm=algorithm, hexdigest=digest(algorithm, data))
            upload = self.begin(backend, len(data), checksum=declared)
            sent = self.send_all(backend, upload, data)
            stored = sent.stored or self.assemble(backend, upload)
            assert stored.checksums.get(algorithm) == declared.hexdigest

    def test_bytes_that_differ_from_the_declared_checksum_are_found_out(self, backend: Backend) -> None:
        """Refused by the storage, or shown by what it computed."""
        data, other = content(3000), content(3000, seed="flipped")
        for algorithm in sorted(backend.capabilities.single_checksums):
            declared = Checksum(algorithm=algorithm, hexdigest=digest(algorithm, data))
            upload = self.begin(backend, len(data), checksum=declared)
            request = self.requests(backend, upload)[0]
            sent = self.send(backend, upload, request, other)
            if sent.status in request.success_status:
                stored = sent.stored or self.assemble(backend, upload)
                assert stored.checksums.get(algorithm) == digest(algorithm, other)
