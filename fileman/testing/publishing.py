"""Cases of the contract for assemble and publish: from a completely sent upload to the finished file."""

from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import StoredObject
from fileman.checksums import Checksum
from fileman.errors import FilemanError, FileMissing, ObjectChanged
from fileman.testing.case import ORIGIN, TYPE, ContractCase, Reduction, content, digest, must_raise, reopened


def _facts(stored: StoredObject) -> tuple[object, ...]:
    """Return the facts that stay the same until the object is replaced."""
    return stored.path, stored.size, stored.etag, stored.version


class PublishingCases(ContractCase):
    def _data(self, backend: Backend, *, large: bool) -> bytes:
        return content(self.large_size(backend) if large else 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_assemble_may_be_repeated(self, backend: Backend, large: bool) -> None:
        """A worker dies after it has assembled, and the next one assembles again."""
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)

        first = self.assemble(backend, upload)
        second = self.assemble(reopened(backend), upload)

        assert _facts(second) == _facts(first), "A second assemble() must return the object of the first."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_nothing_is_missing_after_assembly(self, backend: Backend, large: bool) -> None:
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)

        self.assemble(backend, upload)

        assert reopened(backend).missing(upload) == [], "missing() must be empty after assemble()."

    def test_assembly_without_time_continues_in_the_next_calls(self, backend: Backend) -> None:
        """A time limit that is over costs calls, not bytes."""
        data = self._data(backend, large=True)
        upload = self.uploaded(backend, data, large=True)

        assembled = self.assemble(backend, upload, seconds=0)

        assert self.read_bytes(backend, assembled.path) == data, "assemble() must continue where its last call stopped."

    def test_assembly_with_a_missing_part_makes_no_file(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        for request in self.requests(backend, upload)[1:]:
            self.send_slice(backend, upload, request, data)

        with must_raise(FilemanError, "assemble() with a missing part"):
            backend.assemble(upload)

        with must_raise(FileMissing, "stat() of the file path after a failed assemble()"):
            backend.stat(upload.file_path)
        assert upload.slice(1) in backend.missing(upload), "missing() must return the missing part after assemble()."

    def test_an_upload_that_was_begun_twice_leaves_only_its_file(self, backend: Backend) -> None:
        """After a crash between begin and commit, the next call begins again."""
        forgotten = self.begin_large(backend)
        upload = replace(forgotten, begun=backend.begin(forgotten, origin=ORIGIN))
        data = content(upload.size)
        self.send_all(backend, upload, data)

        published = self.publish(backend, upload, self.assemble(backend, upload))

        assert self.read_bytes(backend, published.path) == data, "The file must have the bytes that were sent."
        assert backend.delete([upload.upload_path, published.path]) == [], "delete() must delete both paths."
        leftovers = list(self.leftovers(backend, upload))
        assert leftovers == [], "assemble() must remove what an earlier begin() of the same upload has started."

    def test_the_file_path_is_empty_before_publish(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))

        self.assemble(backend, upload)

        with must_raise(FileMissing, "stat() of the file path before publish()"):
            backend.stat(upload.file_path)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_publishing_without_time_continues_in_the_next_calls(self, backend: Backend, large: bool) -> None:
        """A storage that takes long to answer costs calls, not bytes."""
        data = self._data(backend, large=large)
        upload = self.uploaded(backend, data, large=large)
        verified = self.assemble(backend, upload)

        published = self.publish(backend, upload, verified, seconds=0)

        assert _facts(published) == _facts(backend.stat(published.path)), "publish() must return what is stored."
        assert self.read_bytes(backend, published.path) == data, "The file must have the bytes that were sent."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_published_file_needs_no_upload_path(self, backend: Backend, large: bool) -> None:
        data = self._data(backend, large=large)
        upload = self.uploaded(backend, data, large=large)
        published = self.publish(backend, upload, self.assemble(backend, upload))

        assert backend.delete([upload.upload_path]) == [], "delete() must delete the object at the upload path."

        assert _facts(backend.stat(published.path)) == _facts(published), "A published file must stay as it is."
        assert self.read_bytes(backend, published.path) == data, "A published file must keep its bytes."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_each_publishing_request_makes_an_object_of_its_own(self, backend: Backend, large: bool) -> None:
        """The response to the first is lost, so the next call publishes to another path."""
        upload = self.uploaded(backend, self._data(backend, large=large), large=large)
        verified = self.assemble(backend, upload)
        first = self.publish(backend, upload, verified)

        second = self.publish(
            reopened(backend), replace(upload, file_path=f"{upload.folder}2/picture.png", progress={}), verified
        )

        assert _facts(backend.stat(first.path)) == _facts(first), "A later publish() must not touch an earlier object."
        assert self.read_bytes(backend, second.path) == self.read_bytes(backend, first.path), "Both are the same file."

    def test_an_object_that_was_swapped_after_verification_is_not_published(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))
        verified = self.assemble(backend, upload)
        self.replace_upload(backend, upload, content(3000, seed="swapped"))

        with must_raise(ObjectChanged, "publish() of a replaced object"):
            self.publish(backend, upload, verified)

        if backend.capabilities.pins_copies:
            with must_raise(FileMissing, "stat() of the file path after a refused publish()"):
                backend.stat(upload.file_path)

    def test_later_writes_to_the_upload_path_do_not_change_a_published_file(self, backend: Backend) -> None:
        """A client writes again with its old signed request."""
        upload = self.uploaded(backend, content(3000))
        published = self.publish(backend, upload, self.assemble(backend, upload))

        self.replace_upload(backend, upload, content(3000, seed="second"))

        assert self.read_bytes(backend, published.path) == content(3000), "A published file must keep its bytes."
        assert _facts(backend.stat(published.path)) == _facts(published), "A published file must keep its etag."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_content_type_is_the_one_of_the_upload(self, backend: Backend, large: bool) -> None:
        self.without(Reduction.CONTENT_TYPE)

        stored = self.published(backend, self._data(backend, large=large), large=large)

        assert backend.stat(stored.path).content_type == TYPE, "The file must have the content type of the upload."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_an_ordinary_object_has_no_encoding_and_is_regular(self, backend: Backend, large: bool) -> None:
        stored = self.published(backend, self._data(backend, large=large), large=large)

        assert (stored.content_encoding, stored.irregular) == ("", ""), (
            "content_encoding and irregular must be empty for an object that was sent as signed."
        )

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_checksums_of_a_stored_object_are_true(self, backend: Backend, large: bool) -> None:
        data = self._data(backend, large=large)
        upload = self.uploaded(backend, data, large=large)

        assembled = self.assemble(backend, upload)
        published = self.publish(backend, upload, assembled)

        for stored in (assembled, published, backend.stat(published.path)):
            for algorithm, value in stored.checksums.items():
                assert value == digest(algorithm, data), "`checksums` must be over all bytes, not over parts."

    def test_a_declared_checksum_is_computed_if_the_capabilities_say_so(self, backend: Backend) -> None:
        """By the storage, or by this server while the bytes pass through."""
        data = content(3000)
        for algorithm in sorted(backend.capabilities.single_checksums):
            declared = Checksum(algorithm=algorithm, hexdigest=digest(algorithm, data))
            upload = self.begin(backend, len(data), checksum=declared)
            sent = self.send_all(backend, upload, data)
            stored = sent.stored or self.assemble(backend, upload)
            assert stored.checksums.get(algorithm) == declared.hexdigest, (
                "`checksums` must contain a declared checksum whose algorithm is in single_checksums."
            )

    def test_bytes_that_differ_from_the_declared_checksum_are_detected(self, backend: Backend) -> None:
        """The storage rejects them or computes another checksum."""
        data, other = content(3000), content(3000, seed="flipped")
        for algorithm in sorted(backend.capabilities.single_checksums):
            declared = Checksum(algorithm=algorithm, hexdigest=digest(algorithm, data))
            upload = self.begin(backend, len(data), checksum=declared)
            request = self.requests(backend, upload)[0]
            sent = self.send(backend, upload, request, other)
            if sent.status in request.success_status:
                stored = sent.stored or self.assemble(backend, upload)
                assert stored.checksums.get(algorithm) == digest(algorithm, other), (
                    "`checksums` must be computed from the stored bytes, never repeat the declared checksum."
                )
