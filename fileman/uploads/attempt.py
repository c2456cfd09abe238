"""One attempt to verify and publish an upload, under its lease.

    look at earlier tries -> assemble -> size, form, checksum, content, validators -> publish -> commit

One call takes FINALIZE_BUDGET_SECONDS at most; what it has established is in the row when it breaks off, and the next
call goes on from there. An attempt publishes to a path that no other request writes, by one request that is never
repeated. So a request that a storage carries out late changes nothing that a row names; if it was carried out after
all, the next attempt finds its object, verifies it and takes it.
"""

import logging
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from fileman import errors
from fileman.backends import get_backend
from fileman.backends.values import StoredObject
from fileman.models import File
from fileman.signals import file_completed
from fileman.uploads import disposal, transitions, verification
from fileman.uploads.instructions import build_upload
from fileman.uploads.state import Progress, UploadState
from fileman.uploads.transitions import Facts
from fileman.uploads.verification import Claims, Verified
from fileman.validation import content_types

logger = logging.getLogger("fileman.lifecycle")
FORGETFUL = (errors.NotUploaded, errors.PartsMissing, errors.FileMissing, errors.UploadLost, errors.ObjectChanged)
"""Errors after which nothing of what was established holds any more."""


@dataclass(kw_only=True)
class Attempt:
    """One finalize call that has just claimed the upload. It goes on from where earlier ones broke off."""

    file: File
    attempt_id: UUID
    claims: Claims
    metadata: dict[str, Any] | None = None
    """None: unchanged."""
    now: datetime
    has_tried: bool = field(default=False, init=False)
    """True once this attempt may have sent a publishing request of its own."""

    def __post_init__(self) -> None:
        self.state = UploadState.from_file(self.file)
        self.progress = Progress.from_json(self.state.progress)
        self.upload = build_upload(self.file, now=self.now, notes=self.progress.notes)
        self.backend = get_backend(self.file.file_manager)

    def run(self) -> errors.FilemanError | None:
        """Work under the lease and give it up in every case: completed, failed, or pending again."""
        try:
            facts = self._verify_and_publish()
        except errors.MismatchError as error:
            return self._fail(error)
        except (errors.UploadInProgress, errors.NotUploaded, errors.PartsMissing, errors.StorageError) as error:
            return self._break_off(error)
        except BaseException:
            self._release()
            raise
        if not transitions.complete(self.file, self.attempt_id, facts, has_tried=self.has_tried, now=self.now):
            return errors.UploadInProgress()
        file_completed.send_robust(sender=File, file_id=self.file.pk)
        return None

    def _release(self) -> None:
        progress = self.progress.to_json()
        changed = None if progress == self.state.progress else progress
        transitions.release(self.file, self.attempt_id, has_tried=self.has_tried, now=self.now, progress=changed)

    def _fail(self, mismatch: errors.MismatchError) -> errors.FilemanError:
        """End the upload for good, if the storage itself contradicts it and not something that answers in its place."""
        try:
            self._question_storage()
        except errors.StorageError as error:
            return self._break_off(error)
        reason = mismatch.message
        logger.info("file %s: %s", self.file.pk, reason)
        if transitions.fail(self.file, self.attempt_id, reason=reason, has_tried=self.has_tried, now=self.now):
            disposal.drop_soon(self.file, now=self.now)
        return mismatch

    def _break_off(self, error: errors.FilemanError) -> errors.FilemanError:
        """Make the upload pending again, and return the client's error."""
        if isinstance(error, errors.UploadInProgress | errors.OutOfTime):
            self._release()
            return errors.UploadInProgress()
        logger.warning("file %s: finalize broke off: %s", self.file.pk, error.message)
        if isinstance(error, FORGETFUL):
            self.progress.forget()
        self._release()
        return errors.NotUploaded() if isinstance(error, errors.FileMissing) else error

    def _question_storage(self) -> None:
        """Raise StorageUnavailable unless the storage has nothing at an invented path and repeats the object's facts.

        A maintenance page or a captive portal finds an object at every path; one response of theirs is not repeated.
        """
        progress, backend = self.progress, self.backend
        if progress.stored is None:
            return
        if not progress.is_questioned:
            if backend.find(f"{self.upload.upload_path}.absent"):
                progress.forget()
                raise errors.StorageUnavailable
            progress.is_questioned = True
        again = backend.stat(progress.stored.path)
        if (again.etag, again.size) != (progress.stored.etag, progress.stored.size):
            raise errors.ObjectChanged

    def _verify_and_publish(self) -> Facts:
        verified = self._verify_earlier_try() or self._verify(self._get_assembled())
        if verified.stored.path == self.upload.upload_path:
            verified = self._publish(verified)
        return Facts(**vars(verified), metadata=self.metadata, awaits_claims=self.claims.are_unknown)

    def _verify(self, stored: StoredObject) -> Verified:
        stored = self._add_written_checksums(stored)
        return verification.verify(self.file, self.upload, stored, self.claims, progress=self.progress)

    def _verify_earlier_try(self) -> Verified | None:
        """Return the facts of an object that an earlier attempt has published after all, without knowing it.

        Each try is looked at once between two publishing requests. One whose object is refused is passed over.
        """
        progress, file = self.progress, self.file
        if progress.try_number is not None:
            return None
        first = 0 if file.file_path is not None else 1  # a row of fileman 0.1 may have published to its only path
        for number in range(max(first, progress.next_look), file.tries):
            path = file.get_try_path(number)
            at_hand = progress.stored if progress.stored and progress.stored.path == path else None
            stored = at_hand or self.backend.find(path)
            if stored is not None:
                try:
                    return self._verify(stored)
                except errors.MismatchError as error:
                    logger.info("file %s: try %s is not the upload: %s", file.pk, number, error.message)
                    progress.forget()
            progress.next_look = number + 1
        return None

    def _get_assembled(self) -> StoredObject:
        """Return the object of the upload: known from an earlier call, assembled earlier, or assembled now.

        Raises FileMissing, PartsMissing or UploadLost if slices are missing.
        """
        if self.progress.stored is not None:
            return self.progress.stored
        if self.state.needs_begin:
            raise errors.UploadLost
        stored = self.backend.assemble(self.upload)
        self.progress.notes.clear()  # from now on they are those of publish
        return stored

    def _publish(self, verified: Verified) -> Verified:
        """Publish the verified object to the path of this try, or go on with the try that has begun."""
        progress = self.progress
        number = progress.try_number or self.file.tries
        served, path = content_types.served(verified.content_type), self.file.get_try_path(number)
        upload = replace(self.upload, file_path=path, content_type=served)
        self.has_tried = number == self.file.tries
        try:
            published = self.backend.publish(upload, verified.stored)
        except BaseException as error:
            if progress.notes:
                progress.try_number = number
            else:
                self.has_tried = self.has_tried and not isinstance(error, errors.OutOfTime)  # which sends no request
                progress.try_number, progress.next_look = None, 0
            raise
        return self._compare(published, verified)

    def _compare(self, published: StoredObject, verified: Verified) -> Verified:
        """Return the facts of the published object. Raises ObjectChanged unless it is the verified one."""
        published = self._add_written_checksums(published)
        same = verification.is_same(published, verified.stored)
        if same is None and not self.backend.capabilities.pins_copies:
            try:
                return self._verify(published)
            except errors.MismatchError as error:
                raise errors.ObjectChanged from error
        if same is False:
            raise errors.ObjectChanged
        return replace(verified, stored=published)

    def _add_written_checksums(self, stored: StoredObject) -> StoredObject:
        """Add the checksums that were computed while these very bytes came through our view."""
        written = self.state.written
        if written is None or written.etag != stored.etag:
            return stored
        return replace(stored, checksums={**written.checksums, **stored.checksums})
