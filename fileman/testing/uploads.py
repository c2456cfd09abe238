"""Cases of the contract for begin, missing, instructions and abort: until the upload is sent or aborted."""

import socket
import ssl
from dataclasses import replace
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest

from fileman import tokens
from fileman.backends.base import Backend
from fileman.backends.values import Upload, UploadRequest
from fileman.errors import FileMissing
from fileman.testing.case import ContractCase, Reduction, content, must_raise, reopened

# Of the Fetch standard's forbidden request headers, those that signing could tempt a backend to use.
FORBIDDEN_HEADERS = {"accept-encoding", "connection", "content-length", "cookie", "date", "expect", "host", "origin"}


def _named_in(request: UploadRequest, upload: Upload) -> str:
    """Return the parts of a request that say where it writes."""
    if request.url.startswith("/"):
        grant = tokens.unsign(tokens.UPLOAD, request.url.rpartition("/")[2], now=upload.now)
        return str(grant)
    return unquote(request.url) + str(request.fields)


class UploadCases(ContractCase):
    def _begin(self, backend: Backend, *, large: bool) -> Upload:
        return self.begin_large(backend) if large else self.begin(backend, 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_an_upload_goes_from_grant_to_removal(self, backend: Backend, large: bool) -> None:
        data = content(self.large_size(backend) if large else 3000)
        upload = self.begin(backend, len(data), large=large)

        self.send_all(backend, upload, data)
        verified = self.assemble(backend, upload)
        published = self.publish(backend, upload, verified)

        assert verified.size == published.size == len(data), "assemble() and publish() must return the size."
        assert published.path in {upload.file_path, upload.parts_path}, "publish() must write to the file path."
        assert self.read_bytes(backend, published.path) == data, "read() must return the bytes that were sent."
        served = self.fetch(backend, backend.get_url(published.path))
        assert served.body == data, "get_url() must return a URL that serves the bytes that were sent."
        assert backend.delete([upload.upload_path, published.path]) == [], "delete() must delete both paths."
        with must_raise(FileMissing, "stat() of a deleted object"):
            backend.stat(published.path)
        assert list(self.leftovers(backend, upload)) == [], "A deleted file must leave nothing on the storage."

    @pytest.mark.parametrize("around", ["one byte", "part less one", "part", "part and one"])
    def test_sizes_around_one_part_arrive_byte_for_byte(self, backend: Backend, around: str) -> None:
        part = self.part_size(backend)
        size = {"one byte": 1, "part less one": part - 1, "part": part, "part and one": part + 1}[around]
        data = content(size)

        stored = self.published(backend, data, large=True)

        assert stored.size == size, "publish() must return the size of the object."
        assert self.read_bytes(backend, stored.path) == data, "The file must have the bytes that were sent."

    def test_parts_may_arrive_in_any_order(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)

        for request in reversed(self.requests(backend, upload)):
            self.send_slice(backend, upload, request, data)

        assembled = self.assemble(backend, upload)
        read = self.read_bytes(backend, assembled.path)
        assert read == data, "assemble() must order the parts by number, not by their arrival."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_everything_is_missing_before_anything_was_sent(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)

        assert backend.missing(upload) == list(upload.slices()), "missing() of a new upload must return every slice."

    def test_exactly_the_missing_slices_are_signed_again(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        left_out, *others = self.requests(backend, upload)
        for request in others:
            self.send_slice(backend, upload, request, data)

        again = self.requests(reopened(backend), upload)

        assert [request.slice for request in again] == [left_out.slice], (
            "missing() must return exactly the slices that were not sent, in every process."
        )
        self.send_slice(backend, upload, again[0], data)
        assert backend.missing(upload) == [], "missing() must be empty after all slices were sent."
        read = self.read_bytes(backend, self.assemble(backend, upload).path)
        assert read == data, "The object must have the bytes that were sent."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_slice_that_is_sent_twice_is_never_mixed(self, backend: Backend, large: bool) -> None:
        """The second sender is refused or wins."""
        upload = self._begin(backend, large=large)
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

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_body_that_is_too_short_is_refused(self, backend: Backend, large: bool) -> None:
        self.without(Reduction.EXACT_LENGTH)
        upload = self._begin(backend, large=large)
        request = self.requests(backend, upload)[0]

        sent = self.send(backend, upload, request, content(request.slice.length - 1))

        assert sent.status not in request.success_status, "A body that is shorter than signed must be rejected."
        assert request.slice in backend.missing(upload), "missing() must return a slice whose body was rejected."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_requests_have_the_form_that_every_client_understands(self, backend: Backend, large: bool) -> None:
        """A client uses url, method, headers and fields without knowledge of the storage."""
        upload = self._begin(backend, large=large)

        for request in self.requests(backend, upload):
            names = {name.lower() for name, _ in request.headers}
            assert request.method in {"PUT", "POST"}, "`method` must be PUT or POST."
            assert request.url.startswith(("/", "https://", "http://")), "`url` must be absolute or begin with a slash."
            assert not names & FORBIDDEN_HEADERS, "`headers` must not contain a header that browsers forbid to set."
            assert not any(name.startswith(("sec-", "proxy-")) for name in names), "Browsers forbid such headers."
            assert request.success_status, "`success_status` must contain the statuses of a success."
            assert all(200 <= status <= 399 for status in request.success_status), "`success_status`: 200 to 399."
            assert bool(request.fields) is (request.file_field is not None), "`fields` and `file_field` go together."
            assert not (request.fields and "content-type" in names), "A form sets its Content-Type itself."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_requests_cover_the_file_without_overlap(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)

        slices = [request.slice for request in self.requests(backend, upload)]

        ends = [part.offset + part.length for part in slices]
        assert [part.offset for part in slices] == [0, *ends[:-1]], "Each slice must begin at the end of the last."
        assert ends[-1] == upload.size, "The last slice must end at the end of the file."

    def test_a_signed_request_names_the_upload_path_and_not_the_file_path(self, backend: Backend) -> None:
        upload = self.begin(backend, 3000)

        for request in self.requests(backend, upload):
            named = _named_in(request, upload)
            assert str(upload.file_id) in named, "A signed request must name its upload."
            assert upload.file_path not in named, "No signed request may name the file path: only publish() writes it."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_signing_uses_no_network(self, backend: Backend, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """A batch of many files then costs no round trips."""
        self.without(Reduction.SIGNS_LOCALLY)
        assert backend.capabilities.signs_locally, "Declare Reduction.SIGNS_LOCALLY, or set signs_locally."
        upload = self._begin(backend, large=large)
        missing = backend.missing(upload)

        def refuse(*_: Any, **__: Any) -> NoReturn:
            pytest.fail("instructions() used the network. Set signs_locally to False if it must.")

        with monkeypatch.context() as patch:
            for kind in (socket.socket, ssl.SSLSocket):
                for name in ("connect", "connect_ex", "send", "sendall"):
                    patch.setattr(kind, name, refuse)
            requests = backend.instructions(upload, missing)

        assert len(requests) == len(missing), "instructions() must return one request for each missing slice."

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_abort_finds_an_upload_by_its_path(self, backend: Backend, large: bool) -> None:
        """A crash between begin and commit loses `begun`."""
        upload = self._begin(backend, large=large)

        backend.abort(replace(upload, begun={}))

        assert list(self.leftovers(backend, upload)) == [], "abort() must find the begun upload by its path."

    def test_abort_deletes_the_parts_that_have_arrived(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        for request in self.requests(backend, upload)[:-1]:
            self.send_slice(backend, upload, request, data)

        reopened(backend).abort(upload)

        self._assert_aborted(backend, upload)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_abort_deletes_a_complete_upload(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)
        self.send_all(backend, upload, content(upload.size))

        backend.abort(upload)

        self._assert_aborted(backend, upload)

    def _assert_aborted(self, backend: Backend, upload: Upload) -> None:
        assert list(self.leftovers(backend, upload)) == [], "abort() must delete all parts and objects of the upload."
        assert self.missing_or_lost(backend, upload) == list(upload.slices()), (
            "After abort(), missing() must return every slice or raise UploadLost."
        )

    def test_abort_may_be_repeated(self, backend: Backend) -> None:
        upload = self.begin_large(backend)

        backend.abort(upload)
        backend.abort(upload)

        assert list(self.leftovers(backend, upload)) == [], "A second abort() must succeed and leave nothing."

    def test_abort_leaves_other_uploads_alone(self, backend: Backend) -> None:
        aborted, kept = self.begin_large(backend), self.uploaded(backend, content(3000))

        backend.abort(aborted)

        read = self.read_bytes(backend, self.assemble(backend, kept).path)
        assert read == content(3000), "abort() must delete its own upload only."
