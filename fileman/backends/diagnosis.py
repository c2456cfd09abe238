"""Find what is wrong with a configuration: do from this server what clients do, by the interface of every backend."""

import io
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar
from uuid import uuid4

from django.utils import timezone

from fileman.backends.base import Backend
from fileman.backends.endpoints import get_origin, get_origins, parsed
from fileman.backends.values import DeleteFailure, PartPlan, ServeAs, StoredObject, Strategy, Upload, UploadRequest
from fileman.checksums import HEX_DIGITS, Checksum
from fileman.errors import FilemanError, StorageError, StorageMisconfigured, StorageUnavailable

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse as Response

PROBE: Final = b"fileman probe"
PROBE_SECONDS: Final = 60  # lifetime of the URLs that a diagnosis signs
_SERVE_AS = ServeAs(filename="fileman probe.txt")
_IN_XML = re.compile(r"<Code>([^<]*)</Code>(?:\s*<Message>([^<]*)</Message>)?")
_DENIED = {"AccessDenied", "Forbidden", "403", ""}
_Result = TypeVar("_Result")


class Problem(str):
    """A sentence for an operator, without secrets."""

    id: str
    """Never changes, unlike the sentence."""
    fix: Any
    """JSON for the storage or the settings, None where the sentence says it all."""

    def __new__(cls, problem_id: str, sentence: str, fix: Any = None) -> Self:
        problem = super().__new__(cls, sentence)
        problem.id, problem.fix = problem_id, fix
        return problem


class Diagnosis:
    """Collects the problems of one configuration, for one use. The subclass of a vendor explains and asks more."""

    ignored_variables: ClassVar[Sequence[str]] = ()
    """Variables of the environment that name an endpoint for other programs."""
    sentences: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Code of the storage: id and sentence of the problem, with {place} for the place."""
    permissions: ClassVar[Mapping[str, str]] = {}
    """Step: the permission that it needs."""

    def __init__(self, backend: Backend, client: Any = None) -> None:
        self._backend = backend
        self._settings: Any = backend.settings
        self._client: Any = client
        self._place = backend.location()
        self._folder = f"{backend.prefix}.uploads/"
        self._problems: dict[str, Problem] = {}
        self._written: list[str] = []
        self._requests: list[UploadRequest] = []
        self._hidden: set[tuple[str, str]] = set()  # origin and method of uploads whose responses it may not read
        self._silent: set[str] = set()  # places that did not respond
        self._download_url = ""

    def run(self) -> tuple[bool, list[str]]:
        """Return what `validate_configuration` returns, with a Problem for each string."""
        lock = self._attempt("list objects", self._reach)
        if lock is None:
            for name in filter(os.environ.get, self.ignored_variables):
                sentence = f"{name} is set in the environment and ignored: only the settings name an endpoint."
                self._report("environment.ignored", sentence)
        elif lock:
            sentence = "keeps its objects, so deletions wait until it allows them. No test objects were written."
            self._report("bucket.locked", f"{lock} {sentence}")
            self._sign(self._new_upload(Strategy.SINGLE))
            self._check_cors()
        else:
            self._send_probes()
        return not self._problems, list(self._problems.values())

    # What vendors add

    def _reach(self) -> str | None:
        """Make the requests that need no object. Return the lock that keeps new objects, "", or None to stop."""
        return ""

    def _explain(self, step: str, error: FilemanError) -> Problem:
        """Return the problem of an error of the backend. Vendors read the refusals of their SDK."""
        kind = type(error.__cause__).__name__
        if error.__cause__ is None:
            is_clear = isinstance(error, StorageMisconfigured)
            return Problem("storage.failed", error.message if is_clear else f"Asked to {step}: {error.message}")
        if isinstance(error, StorageUnavailable):
            return Problem("storage.unreachable", f"{self._place} does not respond ({kind}).")
        return Problem("storage.failed", f"The request to {step} failed: {kind}.")

    def _explain_refusal(self, step: str, status: int, code: str, message: str = "", permission: str = "") -> Problem:  # noqa: ARG002
        """Return the problem of a response, of a signed request too."""
        permission = permission or self.permissions.get(step, "")
        if code in self.sentences:
            problem_id, sentence = self.sentences[code]
            return Problem(problem_id, sentence.format(place=self._place), self._get_fix(problem_id))
        if status == 403 and permission and code in _DENIED:
            sentence = f"The credentials lack the permission {permission}."
            return Problem("permission", sentence, self._get_fix("permission"))
        returned = " ".join(dict.fromkeys([str(status), code])).strip()  # without a body the code repeats the status
        return Problem("storage.refused", f"{self._place} returned {returned} when asked to {step}.")

    def _explain_upload(self, upload: Upload, request: UploadRequest, response: "Response") -> Problem:  # noqa: ARG002
        return self._explain_response("accept a signed upload", request.url, response)

    def _explain_response(self, step: str, url: str, response: "Response") -> Problem:
        """Name the URL that clients are sent to, if it is another one."""
        found = _IN_XML.search(response.data.decode(errors="replace"))
        problem = self._explain_refusal(step, response.status, *(found.groups("") if found else [""]))
        place = get_origin(parsed(url)) if getattr(self._settings, "public_endpoint_url", None) else self._place
        return Problem(problem.id, problem.replace(self._place, place), problem.fix)

    def _explain_deletion(self, failure: DeleteFailure) -> Problem:
        sentence = f"A test object could not be deleted: {failure.reason}"
        return Problem("delete.failed", sentence, self._get_fix("lifecycle"))

    def _get_fix(self, name: str, **values: Any) -> Any:
        """Return a document of the vendor's fixes.json with these values in it, or None."""
        path = resources.files(type(self).__module__.rpartition(".")[0]) / "fixes.json"
        text, settings = path.read_text() if path.is_file() else "{}", vars(self._settings)
        bucket = settings.get("bucket_name") or settings.get("container_name")
        for key, value in {"bucket": bucket, "prefix": self._backend.prefix, **values}.items():
            is_text, written = isinstance(value, str), json.dumps(value)
            text = text.replace(f"${key}" if is_text else f'"${key}"', written.strip('"') if is_text else written)
        return json.loads(text).get(name)

    # Collecting

    def _add(self, problem: Problem) -> None:
        self._problems.setdefault(problem, problem)

    def _report(self, problem_id: str, sentence: str, fix: Any = None) -> None:
        self._add(Problem(problem_id, sentence, fix))

    def _attempt(self, step: str, call: Callable[[], _Result]) -> _Result | None:
        """Return the call's result, or report its error and return None. Ask no storage that has not responded."""
        try:
            return None if self._place in self._silent else call()
        except FilemanError as error:
            self._add(problem := self._explain(step, error))
            self._silent |= {self._place} if problem.id == "storage.unreachable" else set()
            return None

    # The way of a file

    def _new_upload(self, strategy: Strategy) -> Upload:
        """Return an upload of a few bytes, in two parts where the storage takes small ones."""
        in_two = strategy is Strategy.PARTS and self._backend.capabilities.part_min_bytes <= len(PROBE)
        size = len(PROBE) * (1 if strategy is Strategy.SINGLE else 2)
        plan = PartPlan(strategy=strategy, part_size=len(PROBE) if in_two else size, total_parts=1 + in_two)
        owner = str(self._backend.config.manager_id)
        return new_upload(size, plan=plan, prefix=self._backend.prefix, owner=owner, label="probe-")

    def _send_probes(self) -> None:
        backend, strategy = self._backend, self._backend.capabilities.large_strategy
        single, large, unsent = map(self._begin, (Strategy.SINGLE, strategy, strategy))
        arrived = [self._send(upload) if upload else None for upload in (single, large)]
        for upload, stored, other in zip((single, large), arrived, reversed(arrived), strict=True):
            if upload and stored and (published := self._publish(upload, stored, other)):
                self._written.append(published.path)
                self._download(published, PROBE * (upload.size // len(PROBE)))
        self._check_cors()
        self._silent.clear()  # one more try, to leave nothing
        for upload in filter(None, (single, large, unsent)):
            self._attempt("abort an upload", partial(backend.abort, upload))
        for failure in self._attempt("delete an object", lambda: backend.delete(self._written)) or []:
            self._add(self._explain_deletion(failure))

    def _begin(self, strategy: Strategy) -> Upload | None:
        upload = self._new_upload(strategy)
        if self._attempt("describe an object", lambda: self._backend.find(upload.upload_path)):
            self._report("storage.absent", "The storage describes an object that does not exist.")
        begun = self._attempt("begin an upload", lambda: self._backend.begin(upload, origin=None))
        return None if begun is None else replace(upload, begun=begun)

    def _send(self, upload: Upload) -> StoredObject | None:
        """Send the bytes as a client does, and return the object that finalize would verify."""
        requests = self._sign(upload)
        if not requests or not all(self._send_slice(upload, request) for request in requests):
            return None
        if self._attempt("describe an object", lambda: self._backend.missing(upload)):
            self._report("upload.lost", "The storage accepts uploads, and does not have them afterwards.")
        stored = self._attempt("assemble an upload", lambda: self._backend.assemble(upload))
        found = stored and self._attempt("describe an object", partial(self._backend.find, stored.path))
        if found and found.size != upload.size:
            sentence = f"The storage reports {found.size} bytes for an object of {upload.size}, so all uploads fail."
            self._report("upload.size", sentence)
        return stored

    def _sign(self, upload: Upload) -> list[UploadRequest]:
        """Return signed requests. Remember those that need a CORS rule, also with each checksum."""
        upload = replace(upload, now=timezone.now())  # a slow storage has used up the lifetime since it began
        slices, sign = list(upload.slices()), self._backend.instructions
        requests = self._attempt("sign URLs", lambda: sign(upload, slices)) or []
        if requests and upload.plan.strategy is not Strategy.SESSION:  # a session knows the origin that may use it
            self._requests += requests
            for name, digits in HEX_DIGITS.items() if get_origins() else ():
                declared = replace(upload, checksum=Checksum(algorithm=name, hexdigest="0" * digits))
                self._requests += self._attempt("sign URLs", partial(sign, declared, slices)) or []
        return requests

    def _send_slice(self, upload: Upload, request: UploadRequest) -> bool:
        """Return True if the storage has accepted a slice."""
        data = (PROBE * 2)[request.slice.offset :][: request.slice.length]
        if request.url.startswith("/"):
            through_us = partial(self._backend.write, upload, request.slice, io.BytesIO(data))
            return self._attempt("store an object", lambda: [through_us()]) is not None
        origin = next(iter(get_origins()), "")
        with_origin = replace(request, headers=(*request.headers, ("Origin", origin))) if origin else request
        response = self._exchange(request.method, request.url, (with_origin, data))
        if response and response.status not in request.success_status:
            self._add(self._explain_upload(upload, request, response))
        elif response and origin and not _allows_origin(response, origin) and request in self._requests:
            self._hidden.add((origin, request.method))  # SeaweedFS passes preflights of a POST all the same
        return response is not None and response.status in request.success_status

    def _exchange(self, method: str, url: str, upload: Any = None, **headers: str) -> "Response | None":
        """Send a request as a browser would, or `upload`: a request and its bytes. Report why this server cannot."""
        from fileman.backends.connections import send_as_client, send_slice  # they need urllib3

        trusts, origin = self._settings.trusts, get_origin(parsed(url))
        if origin in self._silent:
            return None
        try:
            if upload:
                return send_slice(upload[0], upload[1], trusts)
            return send_as_client(method, url, trusts, headers=headers)
        except StorageError as error:
            reason = type(error.__cause__).__name__ if error.__cause__ else error.message
            sentence = f"This server cannot test {origin}, where clients send their requests: {reason}"
            self._report("client.unreachable", sentence)
            self._silent.add(origin)
            return None

    def _publish(self, upload: Upload, stored: StoredObject, other: StoredObject | None) -> StoredObject | None:
        """Return the published object. Ask for it with the pin of another one first."""
        if stored.path != upload.upload_path:
            return stored
        if other and self._backend.capabilities.pins_copies:
            wrong = replace(upload, file_path=f"{upload.folder}2", progress={})
            pin = replace(stored, etag=other.etag, version=other.version, checksums=other.checksums)
            with suppress(FilemanError):  # the next call tells of all but ObjectChanged
                self._written.append(self._backend.publish(wrong, pin).path)
                sentence = "The storage copies an object that has changed: it ignores the condition of the copy."
                self._report("copy.unpinned", sentence)
        return self._attempt("copy an object", lambda: self._backend.publish(upload, stored))

    def _download(self, stored: StoredObject, data: bytes) -> None:
        """Read as this server does, and as clients do if they are sent to the storage."""
        backend, served = self._backend, set[bytes | None]()
        served.add(self._attempt("read an object", lambda: b"".join(backend.read(stored.path, etag=stored.etag))))
        url = self._attempt("sign URLs", lambda: backend.get_url(stored.path, PROBE_SECONDS, serve_as=_SERVE_AS)) or "/"
        is_direct = not url.startswith("/") and not backend.capabilities.sandboxes_downloads
        response = self._exchange("GET", url) if is_direct else None
        if response and response.status == 200:
            self._download_url = url
            served.add(response.data)
            self._check_download(response, data[3:7])
        elif response:
            self._add(self._explain_response("serve a signed download", url, response))
        if served - {None, data}:
            self._report("download.bytes", "The storage returns other bytes than were uploaded.")

    def _check_download(self, response: "Response", piece: bytes) -> None:
        expected = {"Content-Type": _SERVE_AS.content_type, "Content-Disposition": _SERVE_AS.content_disposition}
        if wrong := [name for name, value in expected.items() if response.headers.get(name) != value]:
            sentence = f"The storage ignores the {' and '.join(wrong)} that signed URLs ask for."
            self._report("download.headers", sentence)
        ranged = self._exchange("GET", self._download_url, Range="bytes=3-6")
        if ranged and (ranged.status, ranged.data) != (206, piece):
            sentence = f"The storage answers Range wrongly ({ranged.status}), so downloads cannot continue or seek."
            self._report("download.range", sentence)

    def _check_cors(self) -> None:
        """Send what browsers send for pages of each origin. No permission is needed for that."""
        direct = [request for request in self._requests if not request.url.startswith("/")]
        methods, origins = sorted({request.method for request in direct}), get_origins()
        values = {"origins": origins, "methods": ["GET", *methods], "headers": _get_header_names(direct)}
        fix = self._get_fix("cors", **values) if origins else None
        for origin, method in itertools.product(origins, methods):
            requests = [request for request in direct if request.method == method]
            names = _get_header_names(requests)
            if (origin, method) in self._hidden or not self._passes_preflight(requests[0].url, origin, method, names):
                with_headers = f" with the headers {', '.join(names)}" if names else ""
                sentence = f"No CORS rule allows {method} from {origin}{with_headers}. Its pages cannot upload."
                self._report("cors.upload", sentence, fix)
        for origin in origins if self._download_url else ():
            # Such a range needs no preflight (Fetch: "CORS-safelisted request-header").
            response = self._exchange("GET", self._download_url, Origin=origin, Range="bytes=3-6")
            if response and not _allows_origin(response, origin):
                sentence = f"No CORS rule allows GET from {origin}. Its scripts cannot download."
                self._report("cors.download", sentence, fix)

    def _passes_preflight(self, url: str, origin: str, method: str, names: list[str]) -> bool:
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        headers |= {"Access-Control-Request-Headers": ",".join(names)} if names else {}
        response = self._exchange("OPTIONS", url, **headers)
        if response is None:
            return True  # reported already
        listed = (response.headers.get(f"Access-Control-Allow-{kind}", "") for kind in ("Methods", "Headers"))
        methods, allowed = ({name.strip().lower() for name in names.split(",")} for names in listed)
        # POST is simple (Fetch: "CORS-safelisted method").
        has_all = bool({method.lower(), "*"} & methods or method == "POST") and ("*" in allowed or {*names} <= allowed)
        return response.status < 300 and _allows_origin(response, origin) and has_all


def new_upload(
    size: int, *, plan: PartPlan, prefix: str, owner: str = "manager", label: str = "", **changes: Any
) -> Upload:
    """Return an upload that has not begun, of a text below a prefix. Its objects are named by the label and its id."""
    file_id = uuid4()
    folder = f"{prefix}uploads/{label}{file_id}/"
    upload = Upload(
        file_id=file_id, upload_path=f"{prefix}.uploads/{owner}/{label}{file_id}", file_path=f"{folder}1/probe.txt",
        parts_path=f"{folder}0/probe.txt", folder=folder, filename="probe.txt", size=size, content_type="text/plain",
        checksum=None, plan=plan, begun={}, now=timezone.now(), expires_in=PROBE_SECONDS,
    )  # fmt: skip
    return replace(upload, **changes)


def _get_header_names(requests: Iterable[UploadRequest]) -> list[str]:
    return sorted({name.lower() for request in requests for name, _ in request.headers})


def _allows_origin(response: "Response", origin: str) -> bool:
    return response.headers.get("Access-Control-Allow-Origin") in {"*", origin}
