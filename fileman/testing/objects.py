"""Stored objects: their facts, their bytes, their addresses, their end."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from fileman.backends.base import Backend
from fileman.backends.values import ServeAs
from fileman.errors import FileMissing, ObjectChanged
from fileman.testing.case import ContractCase, Reduction, content, reopened

MORE_THAN_A_BATCH = 1000
"""Paths. With two more it exceeds every storage's batch: S3 takes 1,000 keys, Azure 256, Google Cloud 100."""


class ObjectCases(ContractCase):
    def _absent(self, backend: Backend) -> str:
        return f"{backend.prefix}uploads/absent_20260102.png"

    # Facts and bytes

    def test_the_facts_of_what_is_absent_are_missing(self, backend: Backend) -> None:
        with pytest.raises(FileMissing):
            backend.stat(self._absent(backend))

    def test_the_bytes_of_what_is_absent_are_missing(self, backend: Backend) -> None:
        with pytest.raises(FileMissing):
            self.bytes_of(backend, self._absent(backend))

    @pytest.mark.parametrize(
        ("start", "length"),
        [(0, None), (0, 1), (7, 20), (2999, None), (2990, 100), (0, 3000)],
        ids=["all", "first byte", "middle", "last byte", "beyond the end", "exact"],
    )
    def test_a_range_of_bytes_is_read(self, backend: Backend, start: int, length: int | None) -> None:
        data = content(3000)
        stored = self.published(backend, data)

        read = self.bytes_of(backend, stored.path, start=start, length=length)

        assert read == (data[start:] if length is None else data[start : start + length])

    def test_a_read_is_pinned_to_the_object_that_was_looked_at(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))
        looked_at = self.assemble(backend, upload)
        assert self.bytes_of(backend, looked_at.path, etag=looked_at.etag) == content(3000)

        self.replace_upload(backend, upload, content(3000, seed="swapped"))

        with pytest.raises(ObjectChanged):
            self.bytes_of(backend, looked_at.path, etag=looked_at.etag)

    def test_the_etag_stays_while_the_bytes_do(self, backend: Backend) -> None:
        stored = self.published(backend, content(3000))

        assert reopened(backend).stat(stored.path).etag == backend.stat(stored.path).etag == stored.etag != ""

    def test_the_etag_changes_with_the_bytes(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(3000))
        before = self.assemble(backend, upload)

        after = self.replace_upload(backend, upload, content(3000, seed="second"))

        assert after.etag != before.etag

    # The end

    def test_deleting_what_is_absent_succeeds(self, backend: Backend) -> None:
        assert backend.delete([self._absent(backend)]) == []

    def test_deleting_nothing_succeeds(self, backend: Backend) -> None:
        assert backend.delete([]) == []

    def test_more_is_deleted_than_one_call_of_the_storage_takes(self, backend: Backend) -> None:
        first, last = self.published(backend, content(10)), self.published(backend, content(11))
        absent = [f"{backend.prefix}uploads/absent_{n}.png" for n in range(MORE_THAN_A_BATCH)]

        assert backend.delete([first.path, *absent, last.path]) == []

        for stored in (first, last):
            with pytest.raises(FileMissing):
                backend.stat(stored.path)

    def test_only_what_is_named_is_deleted(self, backend: Backend) -> None:
        gone, kept = self.published(backend, content(10)), self.published(backend, content(11))

        assert backend.delete([gone.path]) == []

        assert self.bytes_of(backend, kept.path) == content(11)

    # Lists

    def test_a_list_holds_what_lies_below_a_prefix_and_nothing_else(self, backend: Backend) -> None:
        upload = self.uploaded(backend, content(10))
        published = self.published(backend, content(11))

        waiting = [stored.path for stored in backend.list_objects(f"{backend.prefix}.uploads/")]
        finished = {stored.path: stored for stored in backend.list_objects(f"{backend.prefix}uploads/")}

        assert upload.upload_path in waiting
        assert published.path not in waiting
        assert set(finished) == {published.path}
        assert (finished[published.path].size, finished[published.path].etag) == (11, published.etag)

    def test_a_list_can_be_of_older_objects_only(self, backend: Backend) -> None:
        stored = self.published(backend, content(10))
        day, prefix = timedelta(days=1), f"{backend.prefix}uploads/"

        before = list(backend.list_objects(prefix, older_than=timezone.now() - day))
        after = list(backend.list_objects(prefix, older_than=timezone.now() + day))

        assert (before, [found.path for found in after]) == ([], [stored.path])

    # Addresses

    def test_a_download_address_serves_the_object(self, backend: Backend) -> None:
        stored = self.published(backend, content(3000))

        served = self.fetch(backend, backend.get_url(stored.path, expires_in=3600))

        assert (served.status, served.body) == (200, content(3000))

    @pytest.mark.parametrize("name", ["plain.png", "with space.png", "Übersicht „2026“ 写真.png"])
    def test_a_download_address_says_how_to_present_the_file(self, backend: Backend, name: str) -> None:
        """Name, type and disposition are signed in."""
        self.without(Reduction.DISPOSITION)
        stored = self.published(backend, content(10))
        serve_as = ServeAs(disposition="attachment", filename=name, content_type="application/pdf")

        served = self.fetch(backend, backend.get_url(stored.path, serve_as=serve_as))

        assert served.filename == name
        assert (served.disposition, served.content_type) == ("attachment", "application/pdf")

    def test_a_download_address_expires(self, backend: Backend) -> None:
        self.without(Reduction.SIGNATURES)
        stored = self.published(backend, content(10))

        url = backend.get_url(stored.path, expires_in=1, now=timezone.now() - timedelta(seconds=30))

        assert self.fetch(backend, url).status in {400, 401, 403, 404}

    def test_a_lifetime_of_years_is_cut_to_what_the_storage_signs(self, backend: Backend) -> None:
        """604,800 seconds."""
        stored = self.published(backend, content(10))

        url = backend.get_url(stored.path, expires_in=10**9)

        assert self.fetch(backend, url).body == content(10)

    def test_an_address_serves_its_own_object_only(self, backend: Backend) -> None:
        """The path is signed in."""
        self.without(Reduction.SIGNATURES)
        stored, other = self.published(backend, content(10)), self.published(backend, content(11))
        url = backend.get_url(stored.path)

        altered = url.replace(quote(stored.path), quote(other.path))

        served = self.fetch(backend, altered)
        assert served.body != content(11)
        assert served.status in ({200} if altered == url else {400, 401, 403, 404})
