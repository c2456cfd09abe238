"""Cases of the contract for stored objects: stat, read, delete, list_objects and get_url."""

from datetime import timedelta
from urllib.parse import quote

from django.utils import timezone

from fileman.backends.base import Backend
from fileman.backends.values import ServeAs
from fileman.errors import FileMissing, ObjectChanged
from fileman.testing.case import SIZE, ContractCase, Reduction, content, must_raise

# Two paths more than this exceed the batch of every storage: S3 takes 1,000 keys, Azure 256, Google Cloud 100.
MORE_THAN_A_BATCH = 1000
# Start and length: all, the first byte, the middle, the last byte, beyond the end, exactly all.
RANGES = ((0, None), (0, 1), (7, 20), (2999, None), (2990, 100), (0, 3000))


class ObjectCases(ContractCase):
    # Facts and bytes

    def test_an_absent_object_is_missing_and_deleted_already(self, backend: Backend) -> None:
        absent = f"{backend.prefix}uploads/absent_20260102.png"

        with must_raise(FileMissing, "stat() of an absent object"):
            backend.stat(absent)
        with must_raise(FileMissing, "read() of an absent object"):
            self.read_bytes(backend, absent)
        assert backend.delete([absent]) == [], "delete() must count an absent object as deleted."
        assert backend.delete([]) == [], "delete() of no paths must return no failures."

    def test_ranges_of_bytes_are_read(self, backend: Backend) -> None:
        data, stored = content(SIZE), self.published(backend)

        for start, length in RANGES:
            read, end = self.read_bytes(backend, stored.path, start=start, length=length), start + (length or SIZE)
            assert read == data[start:end], "read() must return `length` bytes from `start`, fewer only at the end."

    def test_the_etag_changes_with_the_bytes_and_pins_a_read(self, backend: Backend) -> None:
        upload = self.uploaded(backend)
        first = self.assemble(backend, upload)
        pinned = self.read_bytes(backend, first.path, etag=first.etag)
        assert pinned == content(SIZE), "read() must accept the etag of the object as it is."

        after = self.replace_upload(backend, upload, content(SIZE, seed="second"))

        assert after.etag != first.etag, "An object with other bytes must have another etag."
        with must_raise(ObjectChanged, "read() with the etag of a replaced object"):
            self.read_bytes(backend, first.path, etag=first.etag)

    def test_exactly_the_named_objects_are_deleted_however_many(self, backend: Backend) -> None:
        first, kept, last = (self.published(backend, size) for size in (10, 11, 12))
        absent = [f"{backend.prefix}uploads/absent_{n}.png" for n in range(MORE_THAN_A_BATCH)]

        failures = backend.delete([first.path, *absent, last.path])

        assert failures == [], "delete() must split its paths into batches that the storage takes."
        for stored in (first, last):
            with must_raise(FileMissing, "stat() of a deleted object"):
                backend.stat(stored.path)
        assert self.read_bytes(backend, kept.path) == content(11), "delete() must leave other objects alone."

    def test_a_list_has_the_objects_below_a_prefix_and_no_others(self, backend: Backend) -> None:
        upload, published = self.uploaded(backend, 10), self.published(backend, 11)
        day, prefix = timedelta(days=1), f"{backend.prefix}uploads/"

        waiting = [stored.path for stored in backend.list_objects(upload.upload_path.rpartition("/")[0] + "/")]
        listed = [(stored.path, stored.size, stored.etag) for stored in backend.list_objects(prefix)]
        before = list(backend.list_objects(prefix, older_than=timezone.now() - day))
        after = [stored.path for stored in backend.list_objects(prefix, older_than=timezone.now() + day)]

        assert upload.upload_path in waiting, "list_objects() must include objects at upload paths."
        assert published.path not in waiting, "list_objects() must exclude objects outside the prefix."
        expected = [(published.path, 11, published.etag)]
        assert listed == expected, "list_objects() must return all objects below the prefix, with the facts of stat()."
        assert (before, after) == ([], [published.path]), "`older_than` must select exactly the objects before it."

    # URLs

    def test_a_download_url_fixes_name_type_and_disposition(self, backend: Backend) -> None:
        self.without(Reduction.DISPOSITION)
        stored = self.published(backend, 10)

        for name in ("plain.png", "with space.png", "Übersicht „2026“ 写真.png"):
            serve_as = ServeAs(disposition="attachment", filename=name, content_type="application/pdf")
            served = self.fetch(backend, backend.get_url(stored.path, serve_as=serve_as))
            signed = (name, "attachment", "application/pdf")
            assert (served.filename, served.disposition, served.content_type) == signed, "`serve_as` must be signed."

    def test_a_download_url_expires_and_serves_its_own_object_only(self, backend: Backend) -> None:
        self.without(Reduction.SIGNATURES)
        stored, other = self.published(backend, 10), self.published(backend, 11)

        expired = backend.get_url(stored.path, expires_in=1, now=timezone.now() - timedelta(seconds=30))
        url = backend.get_url(stored.path)
        altered = url.replace(quote(stored.path), quote(other.path))

        status = self.fetch(backend, expired).status
        assert status in {400, 401, 403, 404}, "A URL must expire `expires_in` seconds after `now`."
        served = self.fetch(backend, altered)
        assert served.body != content(11), "A signed URL must not serve another object after its path was changed."
        assert served.status in ({200} if altered == url else {400, 401, 403, 404}), "The path must be signed."
