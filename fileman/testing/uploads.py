"""From begin to the moment when everything has arrived, or was given up."""

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
from fileman.testing.case import ContractCase, Reduction, content, reopened

FORBIDDEN_HEADERS = {"accept-encoding", "connection", "content-length", "cookie", "date", "expect", "host", "origin"}
"""Of the Fetch standard's forbidden request headers, those that signing could tempt a backend to use."""


def _named_in(request: UploadRequest, upload: Upload) -> str:
    """Everything that a request says of where it writes."""
    if request.url.startswith("/"):
        grant = tokens.unsign(tokens.UPLOAD, request.url.rpartition("/")[2], now=upload.now)
        return str(grant)
    return unquote(request.url) + str(request.fields)


class UploadingCases(ContractCase):
    def _begin(self, backend: Backend, *, large: bool) -> Upload:
        return self.begin_large(backend) if large else self.begin(backend, 3000)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_an_upload_goes_from_grant_to_removal(self, backend: Backend, large: bool) -> None:
        """Instructions, send, nothing missing, assemble, publish, read back, delete."""
        data = content(self.large_size(backend) if large else 3000)
        upload = self.begin(backend, len(data), large=large)

        self.send_all(backend, upload, data)
        verified = self.assemble(backend, upload)
        published = self.publish(backend, upload, verified)

        assert verified.size == published.size == len(data)
        assert published.path == upload.file_path
        assert self.bytes_of(backend, upload.file_path) == data
        assert self.fetch(backend, backend.get_url(upload.file_path)).body == data
        assert backend.delete([upload.upload_path, upload.file_path]) == []
        with pytest.raises(FileMissing):
            backend.stat(upload.file_path)
        assert list(self.leftovers(backend, upload)) == []

    @pytest.mark.parametrize("around", ["one byte", "part less one", "part", "part and one"])
    def test_sizes_around_one_part_arrive_byte_for_byte(self, backend: Backend, around: str) -> None:
        part = self.part_size(backend)
        size = {"one byte": 1, "part less one": part - 1, "part": part, "part and one": part + 1}[around]
        data = content(size)

        stored = self.published(backend, data, large=True)

        assert stored.size == size
        assert self.bytes_of(backend, stored.path) == data

    def test_parts_may_arrive_in_any_order(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)

        for request in reversed(self.requests(backend, upload)):
            self.send_slice(backend, upload, request, data)

        assembled = self.assemble(backend, upload)
        assert self.bytes_of(backend, assembled.path) == data

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_before_anything_was_sent_everything_is_missing(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)

        assert backend.missing(upload) == list(upload.slices())

    def test_exactly_what_was_not_sent_is_missing_and_signed_again(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        left_out, *others = self.requests(backend, upload)
        for request in others:
            self.send_slice(backend, upload, request, data)

        again = self.requests(reopened(backend), upload)

        assert [request.slice for request in again] == [left_out.slice]
        self.send_slice(backend, upload, again[0], data)
        assert backend.missing(upload) == []
        assert self.bytes_of(backend, self.assemble(backend, upload).path) == data

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_what_is_sent_twice_is_one_of_the_two_whole(self, backend: Backend, large: bool) -> None:
        """The second sender is refused or wins, never mixes."""
        upload = self._begin(backend, large=large)
        first, second = content(upload.size), content(upload.size, seed="second")
        requests = self.requests(backend, upload)
        for request in requests:
            self.send_slice(backend, upload, request, first)

        part = requests[0].slice
        end = part.offset + part.length
        self.send(backend, upload, requests[0], second[part.offset : end])

        mixed = first[: part.offset] + second[part.offset : end] + first[end:]
        assert self.bytes_of(backend, self.assemble(backend, upload).path) in (first, mixed)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_a_body_that_is_too_short_is_refused(self, backend: Backend, large: bool) -> None:
        """Nothing of it counts as arrived."""
        self.without(Reduction.EXACT_LENGTH)
        upload = self._begin(backend, large=large)
        request = self.requests(backend, upload)[0]

        sent = self.send(backend, upload, request, content(request.slice.length - 1))

        assert sent.status not in request.success_status
        assert request.slice in backend.missing(upload)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_requests_have_the_shape_that_every_client_understands(self, backend: Backend, large: bool) -> None:
        """A client uses url, method, headers and fields, and needs to know no storage."""
        upload = self._begin(backend, large=large)

        for request in self.requests(backend, upload):
            names = {name.lower() for name, _ in request.headers}
            assert request.method in {"PUT", "POST"}
            assert request.url.startswith(("/", "https://", "http://"))
            assert not names & FORBIDDEN_HEADERS
            assert not any(name.startswith(("sec-", "proxy-")) for name in names)
            assert request.success_status
            assert all(200 <= status <= 399 for status in request.success_status)
            assert bool(request.fields) is (request.file_field is not None)
            assert not (request.fields and "content-type" in names)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_the_requests_cover_the_file_without_overlap(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)

        slices = [request.slice for request in self.requests(backend, upload)]

        ends = [part.offset + part.length for part in slices]
        assert [part.offset for part in slices] == [0, *ends[:-1]]
        assert ends[-1] == upload.size

    def test_a_signed_request_names_the_upload_path_and_not_the_file_path(self, backend: Backend) -> None:
        """Nobody but the server can write a finished file."""
        upload = self.begin(backend, 3000)

        for request in self.requests(backend, upload):
            named = _named_in(request, upload)
            assert str(upload.file_id) in named
            assert upload.file_path not in named

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_signing_asks_nobody(self, backend: Backend, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """No network while instructions are made, so that a batch of many files costs no round trips."""
        self.without(Reduction.SIGNS_LOCALLY)
        assert backend.capabilities.signs_locally
        upload = self._begin(backend, large=large)
        missing = backend.missing(upload)

        def refuse(*_: Any, **__: Any) -> NoReturn:
            raise AssertionError("instructions used the network")

        with monkeypatch.context() as patch:
            for kind in (socket.socket, ssl.SSLSocket):
                for name in ("connect", "connect_ex", "send", "sendall"):
                    patch.setattr(kind, name, refuse)
            requests = backend.instructions(upload, missing)

        assert len(requests) == len(missing)

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_what_was_begun_and_forgotten_is_found_by_abort(self, backend: Backend, large: bool) -> None:
        """A crash between begin and commit loses `begun`; abort finds the upload by its path."""
        upload = self._begin(backend, large=large)

        backend.abort(replace(upload, begun={}))

        assert list(self.leftovers(backend, upload)) == []

    def test_abort_drops_the_parts_that_have_arrived(self, backend: Backend) -> None:
        upload = self.begin_large(backend)
        data = content(upload.size)
        for request in self.requests(backend, upload)[:-1]:
            self.send_slice(backend, upload, request, data)

        reopened(backend).abort(upload)

        assert list(self.leftovers(backend, upload)) == []
        assert self.missing_or_lost(backend, upload) == list(upload.slices())

    @pytest.mark.parametrize("large", [False, True], ids=["single", "large"])
    def test_abort_drops_an_upload_that_is_whole(self, backend: Backend, large: bool) -> None:
        upload = self._begin(backend, large=large)
        self.send_all(backend, upload, content(upload.size))

        backend.abort(upload)

        assert list(self.leftovers(backend, upload)) == []
        assert self.missing_or_lost(backend, upload) == list(upload.slices())

    def test_abort_may_be_repeated(self, backend: Backend) -> None:
        upload = self.begin_large(backend)

        backend.abort(upload)
        backend.abort(upload)

        assert list(self.leftovers(backend, upload)) == []

    def test_abort_leaves_other_uploads_alone(self, backend: Backend) -> None:
        given_up, kept = self.begin_large(backend), self.uploaded(backend, content(3000))

        backend.abort(given_up)

        assert self.bytes_of(backend, self.assemble(backend, kept).path) == content(3000)
