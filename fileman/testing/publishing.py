"""Cases of the contract for assemble and publish: from a completely sent upload to the finished file."""

from dataclasses import replace

import pytest

from fileman.backends.base import Backend
from fileman.backends.values import StoredObject
from fileman.checksums import Checksum
from fileman.errors import FilemanError, FileMissing, ObjectChanged
from fileman.testing.case import SIZE, TYPE, ContractCase, Reduction, content, digest, each_size, must_raise, reopened


def _facts(stored: StoredObject) -> tuple[object, ...]:
    """Return the facts that stay the same until the object is replaced."""
    return stored.path, stored.size, stored.etag, stored.version


class PublishingCases(ContractCase):
    @each_size
    def test_assemble_may_be_repeated(self, backend: Backend, large: bool) -> None:
        """A worker dies after it has assembled, and the next one assembles again."""
        upload = self.uploaded(backend, large=large)

        first = self.assemble(backend, upload)

        assert reopened(backend).missing(upload) == [], "missing() must be empty after assemble()."
        second = self.assemble(reopened(backend), upload)
        assert _facts(second) == _facts(first), "A second assemble() must return the object of the first."
        with must_raise(FileMissing, "stat() of the file path before publish()"):
            backend.stat(upload.file_path)

    @each_size
    def test_work_without_time_continues_in_the_next_calls(self, backend: Backend, large: bool) -> None:
        """A time limit that is over costs calls, not bytes."""
        upload = self.uploaded(backend, large=large)

        assembled = self.assemble(backend, upload, seconds=0)
        self.assert_stored(backend, assembled.path, content(upload.size))
        published = self.publish(backend, replace(upload, progress={}), assembled, seconds=0)

        found = reopened(backend).stat(published.path)
        assert _facts(published) == _facts(found), "publish() must return what stat() returns, in every process."
        assert published.etag, "The etag must not be empty."
        self.assert_stored(backend, published.path, content(upload.size))

    def test_assembly_with_a_missing_part_makes_no_file(self, backend: Backend) -> None:
        upload = self.begin(backend, large=True)
        for request in self.requests(backend, upload)[1:]:
            self.send_slice(backend, upload, request, content(upload.size))

        with must_raise(FilemanError, "assemble() with a missing part"):
            backend.assemble(upload)

        with must_raise(FileMissing, "stat() of the file path after a failed assemble()"):
            backend.stat(upload.file_path)
        assert upload.slice(1) in backend.missing(upload), "missing() must return the missing part after assemble()."

    def test_an_upload_that_was_begun_twice_leaves_only_its_file(self, backend: Backend) -> None:
        """After a crash between begin and commit, the next call begins again."""
        forgotten = self.begin(backend, large=True)
        upload = replace(forgotten, begun=backend.begin(forgotten, origin=None))
        self.send_all(backend, upload, content(upload.size))

        published = self.publish(backend, upload, self.assemble(backend, upload))

        self.assert_stored(backend, published.path, content(upload.size))
        assert backend.delete([upload.upload_path, published.path]) == [], "delete() must delete both paths."
        leftovers = list(self.leftovers(backend, upload))
        assert leftovers == [], "assemble() must remove what an earlier begin() of the same upload has started."

    @each_size
    def test_each_publishing_request_makes_an_object_of_its_own(self, backend: Backend, large: bool) -> None:
        """The response to the first is lost, so the next call publishes to another path. No file needs its upload."""
        upload = self.uploaded(backend, large=large)
        verified = self.assemble(backend, upload)
        first = self.publish(backend, upload, verified)
        again = replace(upload, file_path=f"{upload.folder}2/picture.png", progress={})

        second = self.publish(reopened(backend), again, verified)

        assert backend.delete([upload.upload_path]) == [], "delete() must delete the object at the upload path."
        for file in (first, second):
            assert _facts(backend.stat(file.path)) == _facts(file), "Neither a later publish() nor delete() touches it."
            self.assert_stored(backend, file.path, content(upload.size))

    def test_an_upload_that_is_replaced_changes_no_file_and_is_not_published(self, backend: Backend) -> None:
        """A client writes again with its old signed request, after verification."""
        upload = self.uploaded(backend)
        verified = self.assemble(backend, upload)
        published = self.publish(backend, upload, verified)
        again = replace(upload, file_path=f"{upload.folder}2/picture.png", progress={})

        self.replace_upload(backend, upload, content(SIZE, seed="swapped"))

        assert _facts(backend.stat(published.path)) == _facts(published), "A published file must keep its etag."
        self.assert_stored(backend, published.path, content(SIZE))
        with must_raise(ObjectChanged, "publish() of a replaced object"):
            self.publish(backend, again, verified)
        if backend.capabilities.pins_copies:
            with must_raise(FileMissing, "stat() of the file path after a refused publish()"):
                backend.stat(again.file_path)

    @each_size
    def test_the_content_type_is_the_one_of_the_upload(self, backend: Backend, large: bool) -> None:
        self.without(Reduction.CONTENT_TYPE)

        stored = self.published(backend, large=large)

        assert backend.stat(stored.path).content_type == TYPE, "The file must have the content type of the upload."

    @each_size
    def test_an_object_sent_as_signed_is_regular_and_has_true_checksums(self, backend: Backend, large: bool) -> None:
        upload = self.uploaded(backend, large=large)

        assembled = self.assemble(backend, upload)
        published = self.publish(backend, upload, assembled)

        for stored in (assembled, published, backend.stat(published.path)):
            assert (stored.content_encoding, stored.irregular) == ("", ""), "The object has nothing irregular."
            for algorithm, value in stored.checksums.items():
                assert value == digest(algorithm, content(upload.size)), "`checksums` must be over all bytes."

    @pytest.mark.parametrize("seed", ["first", "flipped"], ids=["right bytes", "other bytes"])
    def test_a_declared_checksum_is_computed_if_the_capabilities_say_so(self, backend: Backend, seed: str) -> None:
        """By the storage, or by this server while the bytes pass through. Other bytes may also be rejected."""
        data = content(SIZE, seed=seed)
        for algorithm in sorted(backend.capabilities.single_checksums):
            declared = Checksum(algorithm=algorithm, hexdigest=digest(algorithm, content(SIZE)))
            upload = self.begin(backend, checksum=declared)
            request = self.requests(backend, upload)[0]
            status, written = self.send(backend, upload, request, data)
            is_taken = status in request.success_status
            assert is_taken or seed != "first", "The storage must take bytes of the declared checksum."
            stored = written or self.assemble(backend, upload) if is_taken else None
            assert stored is None or stored.checksums.get(algorithm) == digest(algorithm, data), (
                "`checksums` must contain a declared checksum whose algorithm is in single_checksums. "
                "It must be computed from the stored bytes, never repeat the declared checksum."
            )
