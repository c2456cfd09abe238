"""Cases of the contract for stored objects: stat, read, delete, list_objects and get_url."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from fileman.backends.base import Backend
from fileman.backends.values import ServeAs
from fileman.errors import FileMissing, ObjectChanged
from fileman.testing.case import ContractCase, Reduction, content, must_raise, reopened

# Two paths more than this exceed the batch of every storage: S3 takes 1,000 keys, Azure 256, Google Cloud 100.
MORE_THAN_A_BATCH = 1000


class ObjectCases(ContractCase):
    def _absent(self, backend: Backend) -> str:
        return f"{backend.prefix}uploads/absent_20260102.png"

    # Facts and bytes

    def test_stat_raises_for_an_absent_object(self, backend: Backend) -> None:
        with must_raise(FileMissing, "stat() of an absent object"):
            backend.stat(self._absent(backend))

    def test_read_raises_for_an_absent_object(self, backend: Backend) -> None:
        with must_raise(FileMissing, "read() of an absent object"):
            self.read_bytes(backend, self._absent(backend))

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, None), (0, 1), (7, 20), (2999, None), (2990, 100), (0, 3000)],
        ids=["all", "first byte", "middle", "last byte", "beyond the end", "exact"],
    )
    def test_a_range_of_bytes_is_read(self, backend: Backend, start: int, length: int | None) -> None:
        data = content(3000)
        stored = self.published(backend, data)

        read = self.read_bytes(backend, stored.path, start=start, length=length)

        assert read == (data[start:] if length is None else data[start : start + length]), (
            "read() must return `length` bytes from `start`, fewer only at the end of the object."
        )

    def test_a_read_is_pinned_to_an_etag(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))
        first = self.assemble(backend, upload)
        pinned = self.read_bytes(backend, first.path, etag=first.etag)
        assert pinned == content(3000), "read() must accept the etag of the object as it is."

        self.replace_upload(backend, upload, content(3000, seed="swapped"))

        with must_raise(ObjectChanged, "read() with the etag of a replaced object"):
            self.read_bytes(backend, first.path, etag=first.etag)

    def test_the_etag_stays_while_the_bytes_do(self, backend: Backend) -> None:
        stored = self.published(backend, content(3000))

        assert reopened(backend).stat(stored.path).etag == backend.stat(stored.path).etag == stored.etag != "", (
            "stat() must return the etag that publish() returned, in every process, and never an empty one."
        )

    def test_the_etag_changes_with_the_bytes(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))
        before = self.assemble(backend, upload)

        after = self.replace_upload(backend, upload, content(3000, seed="second"))

        assert after.etag != before.etag, "An object with other bytes must have another etag."

    # Deletion

    def test_deleting_an_absent_object_succeeds(self, backend: Backend) -> None:
        assert backend.delete([self._absent(backend)]) == [], "delete() must count an absent object as deleted."

    def test_deleting_nothing_succeeds(self, backend: Backend) -> None:
        assert backend.delete([]) == [], "delete() of no paths must return no failures."

    def test_delete_takes_more_paths_than_one_call_of_the_storage(self, backend: Backend) -> None:
        first, last = self.published(backend, content(10)), self.published(backend, content(11))
        absent = [f"{backend.prefix}uploads/absent_{n}.png" for n in range(MORE_THAN_A_BATCH)]

        failures = backend.delete([first.path, *absent, last.path])

        assert failures == [], "delete() must split its paths into batches that the storage takes."
        for stored in (first, last):
            with must_raise(FileMissing, "stat() of a deleted object"):
                backend.stat(stored.path)

    def test_only_the_named_objects_are_deleted(self, backend: Backend) -> None:
        gone, kept = self.published(backend, content(10)), self.published(backend, content(11))

        failures = backend.delete([gone.path])

        assert failures == [], "delete() must delete a published object."
        assert self.read_bytes(backend, kept.path) == content(11), "delete() must leave other objects alone."

    # Lists

    def test_a_list_has_the_objects_below_a_prefix_and_no_others(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(10))
        published = self.published(backend, content(11))

        waiting = [stored.path for stored in backend.list_objects(f"{backend.prefix}.uploads/")]
        finished = {stored.path: stored for stored in backend.list_objects(f"{backend.prefix}uploads/")}

        assert upload.upload_path in waiting, "list_objects() must include objects at upload paths."
        assert published.path not in waiting, "list_objects() must exclude objects outside the prefix."
        assert set(finished) == {published.path}, "list_objects() must return exactly the objects below the prefix."
        assert (finished[published.path].size, finished[published.path].etag) == (11, published.etag), (
            "list_objects() must return the size and the etag that stat() returns."
        )

    def test_a_list_can_be_limited_to_older_objects(self, backend: Backend) -> None:
        stored = self.published(backend, content(10))
        day, prefix = timedelta(days=1), f"{backend.prefix}uploads/"

        before = list(backend.list_objects(prefix, older_than=timezone.now() - day))
        after = list(backend.list_objects(prefix, older_than=timezone.now() + day))

        assert (before, [found.path for found in after]) == ([], [stored.path]), (
            "list_objects() must return exactly the objects that were modified before `older_than`."
        )

    # URLs

    def test_a_download_url_serves_the_object(self, backend: Backend) -> None:
        stored = self.published(backend, content(3000))

        served = self.fetch(backend, backend.get_url(stored.path, expires_in=3600))

        assert (served.status, served.body) == (200, content(3000)), "get_url() must return a URL of the object."

    @pytest.mark.parametrize("name", ["plain.png", "with space.png", "Übersicht „2026“ 写真.png"])
    def test_a_download_url_fixes_name_type_and_disposition(self, backend: Backend, name: str) -> None:
        self.without(Reduction.DISPOSITION)
        stored = self.published(backend, content(10))
        serve_as = ServeAs(disposition="attachment", filename=name, content_type="application/pdf")

        served = self.fetch(backend, backend.get_url(stored.path, serve_as=serve_as))

        assert (served.filename, served.disposition, served.content_type) == (name, "attachment", "application/pdf"), (
            "get_url() must sign the filename, disposition and content type of `serve_as`."
        )

    def test_a_download_url_expires(self, backend: Backend) -> None:
        self.without(Reduction.SIGNATURES)
        stored = self.published(backend, content(10))

        url = backend.get_url(stored.path, expires_in=1, now=timezone.now() - timedelta(seconds=30))

        status = self.fetch(backend, url).status
        assert status in {400, 401, 403, 404}, "A URL must expire `expires_in` seconds after `now`."

    def test_a_lifetime_of_years_is_clamped(self, backend: Backend) -> None:
        stored = self.published(backend, content(10))

        url = backend.get_url(stored.path, expires_in=10**9)

        assert self.fetch(backend, url).body == content(10), "get_url() must clamp `expires_in` to 604,800 seconds."

    def test_a_url_serves_its_own_object_only(self, backend: Backend) -> None:
        self.without(Reduction.SIGNATURES)
        stored, other = self.published(backend, content(10)), self.published(backend, content(11))
        url = backend.get_url(stored.path)

        altered = url.replace(quote(stored.path), quote(other.path))

        served = self.fetch(backend, altered)
        assert served.body != content(11), "A signed URL must not serve another object after its path was changed."
        assert served.status in ({200} if altered == url else {400, 401, 403, 404}), "The path must be signed."
