"""What Google's libraries and answers say of a failure, as our errors. No other place maps them."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3
from google.auth import exceptions as google

from fileman.errors import FileMissing, ObjectChanged, StorageError, StorageMisconfigured, StorageUnavailable

logger = logging.getLogger("fileman.backends.gcs")

BUSY_STATUS = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that another try may not meet (Google: "Retry strategy")."""
_BUSY_REASONS = {"rateLimitExceeded", "userRateLimitExceeded"}
_NO_BUCKET = re.compile(r"bucket\b.*does not exist", re.IGNORECASE)
_MAY_PASS: tuple[type[Exception], ...] = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.RetryError,
    urllib3.exceptions.HTTPError,
    google.TransportError,
    google.TimeoutError,
    google.ResponseError,
)
_NOT_UNDERSTOOD: tuple[type[Exception], ...] = (LookupError, TypeError, ValueError, AttributeError)


class Refused(Exception):
    """An answer of Google that is no success."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        """Google's word for it, such as "conditionNotMet"; empty where the answer tells none."""
        self.message = message
        """Google's sentence. It names the bucket, the object and the account: not for clients."""
        super().__init__(f"{status} {reason}")


@contextmanager
def gcs_errors() -> Iterator[None]:
    """Raises StorageUnavailable, StorageMisconfigured, FileMissing or ObjectChanged for whatever happens inside."""
    try:
        yield
    except Refused as error:
        logger.info("Google Cloud Storage answered %s %s", error.status, error.reason)
        raise error_of(error) from error
    except _MAY_PASS as error:
        logger.info("Google Cloud Storage could not be reached: %s", type(error).__name__)
        raise StorageUnavailable from error
    except google.RefreshError as error:
        logger.info("Google gave no access token: %s", type(error).__name__)
        may_pass = error.retryable or isinstance(error.__cause__, _MAY_PASS)
        raise (StorageUnavailable if may_pass else StorageMisconfigured)() from error
    except (google.GoogleAuthError, requests.RequestException) as error:
        logger.warning("Google Cloud Storage could not be asked: %s", type(error).__name__)
        raise StorageMisconfigured from error


@contextmanager
def understood() -> Iterator[None]:
    """Raises StorageMisconfigured when an answer, taken apart inside, is not made as Google's are."""
    try:
        yield
    except _NOT_UNDERSTOOD as error:
        logger.warning("An answer was not Google Cloud Storage's: %s", type(error).__name__)
        raise StorageMisconfigured from error


def error_of(answer: Refused) -> StorageError:
    """Our error for an answer."""
    if answer.status in BUSY_STATUS or answer.status > 500 or answer.reason in _BUSY_REASONS:
        return StorageUnavailable()
    if answer.status == 412:
        return ObjectChanged()
    if answer.status == 404 and answer.reason == "notFound" and not is_no_bucket(answer):
        return FileMissing()
    return StorageMisconfigured()


def is_no_bucket(answer: Refused) -> bool:
    """Whether it is the bucket that is absent: its 404 differs from an object's by the sentence alone."""
    return answer.status == 404 and bool(_NO_BUCKET.search(answer.message))


def refused(status: int, body: str) -> Refused:
    """What an unsuccessful answer says."""
    try:
        error = json.loads(body)["error"]
        details = error.get("errors") or [{}]
        return Refused(status, str(details[0].get("reason", "")), str(error.get("message", "")))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return Refused(status, "", body[:500])
