"""Asks the storage itself what is wrong with a configuration, and says it in sentences for an operator."""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import uuid4

from django.utils import timezone
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

from fileman import conf
from fileman.backends.gcs.client import GCSConnection, json_of
from fileman.backends.gcs.errors import Refused, is_no_bucket
from fileman.backends.gcs.objects import GCSObjects
from fileman.backends.gcs.settings import GCSSettings
from fileman.backends.gcs.signing import GCSSigner
from fileman.backends.gcs.uploads import LENGTH_RANGE
from fileman.errors import StorageError, StorageUnavailable

PROBE = b"fileman probe"
PROBE_SECONDS = 60
NEEDED_HEADERS = ("Content-Type", LENGTH_RANGE, "x-goog-hash")
_ANSWER = TypeVar("_ANSWER")


class GCSDiagnosis:
    """For one use: `problems` collects."""

    def __init__(
        self,
        connection: GCSConnection,
        objects: GCSObjects,
        signer: GCSSigner,
        settings: GCSSettings,
        prefix: str,
    ) -> None:
        self._connection = connection
        self._objects = objects
        self._signer = signer
        self._settings = settings
        self._folder = f"{prefix}.uploads/"
        self._probe = f"{self._folder}probe-{uuid4()}"
        self._copy = f"{self._folder}probe-{uuid4()}"
        self._problems: list[str] = []

    def problems(self, *, direct: bool) -> list[str]:
        """One sentence each; none holds a secret. Never raises."""
        query = {"prefix": self._folder, "maxResults": "1"}
        listing = self._try("storage.objects.list", lambda: json_of(self._ask("GET", "/o", query=query)))
        if listing is None and self._problems != [_lacking("storage.objects.list")]:
            return self._problems
        self._objects_work()
        self._signatures_work()
        if direct:
            self._browsers_are_let_in()
        return list(dict.fromkeys(self._problems))

    def _objects_work(self) -> None:
        if self._try("storage.objects.create", self._put) is None:
            return
        self._try("storage.objects.get", lambda: self._objects.stat(self._probe))
        copy = f"/o/{_quoted(self._probe)}/rewriteTo/b/{self._settings.bucket_name}/o/{_quoted(self._copy)}"
        self._try("storage.objects.create with storage.objects.get, to copy,", lambda: self._ask("POST", copy))
        self._try("storage.objects.delete", lambda: self._ask("DELETE", f"/o/{_quoted(self._probe)}"))
        self._objects_gone()

    def _objects_gone(self) -> None:
        """What another problem has left behind, without a word of its own."""
        try:
            self._objects.delete([self._probe, self._copy])
        except StorageError:
            return

    def _put(self) -> Any:
        query = {"uploadType": "media", "name": self._probe}
        path = f"/upload{self._objects.bucket}/o"
        return self._connection.send("POST", path, query=query, data=PROBE, headers={"Content-Type": "text/plain"})

    def _signatures_work(self) -> None:
        """A signed address of what is absent: 404 tells that Google took the signature."""
        url = self._try("iam.serviceAccounts.signBlob", lambda: self._signed("GET", {}))
        if url is None:
            return
        accept = (400, 403, 404)
        answer = self._try("storage.objects.get", lambda: self._connection.send_bare("GET", url, accept=accept))
        if answer is not None and answer.status_code != 404:
            self._problems.append(
                f"Google refuses signed addresses of these credentials (status {answer.status_code})."
            )

    def _browsers_are_let_in(self) -> None:
        """By preflight, which no right is needed for; without known origins by the bucket's own rules."""
        origins = conf.settings().ALLOWED_ORIGINS
        for origin in origins:
            if not self._preflight_passes(origin):
                self._problems.append(f"No CORS rule of the bucket lets pages of {origin} PUT {_named_headers()}.")
        if not origins:
            bucket = self._try("storage.buckets.get", lambda: json_of(self._ask("GET", "", query={"fields": "cors"})))
            rules = (bucket.get("cors") or []) if bucket is not None else None
            if rules is not None and not any(_allows(rule) for rule in rules):
                self._problems.append(f"No CORS rule of the bucket lets browsers PUT {_named_headers()}.")

    def _preflight_passes(self, origin: str) -> bool:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": ",".join(sorted(header.lower() for header in NEEDED_HEADERS)),
        }
        url = f"{self._settings.base_url}/{self._settings.bucket_name}/{quote(self._probe)}"
        accept = (400, 403, 404)
        answer = self._try("CORS", lambda: self._connection.send_bare("OPTIONS", url, headers=asked, accept=accept))
        if answer is None:
            return True  # said already
        with closing(answer):
            let_in = answer.headers.get("Access-Control-Allow-Origin") in {"*", origin}
            listed = _lower(answer.headers.get("Access-Control-Allow-Headers", "").split(","))
            return let_in and set(_lower(NEEDED_HEADERS)) <= listed

    def _signed(self, method: str, headers: Mapping[str, str]) -> str:
        return self._signer.url(method, self._probe, headers=headers, expires_in=PROBE_SECONDS, now=timezone.now())

    def _ask(self, method: str, below_bucket: str, **options: Any) -> Any:
        return self._connection.send(method, f"{self._objects.bucket}{below_bucket}", **options)

    def _try(self, right: str, call: Callable[[], _ANSWER]) -> _ANSWER | None:
        """What the call answers, or None and a problem more."""
        try:
            return call()
        except StorageError as error:
            self._problems.append(self._sentence(right, error))
            return None

    def _sentence(self, right: str, error: StorageError) -> str:
        cause = error.__cause__
        if isinstance(cause, Refused):
            return self._sentence_of(right, cause)
        if isinstance(error, StorageUnavailable):
            return f"The storage ({self._settings.place}) does not answer."
        if isinstance(cause, DefaultCredentialsError):
            return "There are no credentials, neither in the settings nor in the environment."
        if isinstance(cause, GoogleAuthError):
            return f"Google gives no access for these credentials ({type(cause).__name__})."
        if cause is None:
            return error.message
        return f"What answers at {self._settings.base_url} is not Google Cloud Storage."

    def _sentence_of(self, right: str, answer: Refused) -> str:
        if is_no_bucket(answer) or (answer.status == 404 and right == "storage.objects.list"):
            project = f" in the project {self._settings.project_id}" if self._settings.project_id else ""
            return f"There is no bucket of this name{project}."
        if answer.status == 401:
            return "Google does not accept the access token of these credentials."
        return _lacking(right) if answer.status == 403 else f"Asked for {right}, the storage answered {answer}."


def _lacking(right: str) -> str:
    return f"The credentials lack the right {right}."


def _named_headers() -> str:
    return f"with the headers {', '.join(NEEDED_HEADERS)}"


def _lower(names: Any) -> set[str]:
    return {name.strip().lower() for name in names}


def _quoted(path: str) -> str:
    return quote(path, safe="")


def _allows(rule: Mapping[str, Any]) -> bool:
    listed = _lower(rule.get("responseHeader", []))
    every_header = "*" in listed or _lower(NEEDED_HEADERS) <= listed
    return bool({"PUT", "*"} & set(rule.get("method", []))) and every_header
