"""Verify that the stored object is what was granted: size, form, checksum, content, validators, in this order."""

from dataclasses import dataclass

from fileman import errors
from fileman.backends import Backend, get_backend
from fileman.backends.streams import read_exactly
from fileman.backends.time_limit import is_over, time_limit
from fileman.backends.values import HEAD_BYTES, StoredObject, Upload
from fileman.checksums import Checksum, Hasher, hasher
from fileman.models import File
from fileman.uploads.state import Progress
from fileman.validation import acceptance, content_types, validators

PREFERRED = ("sha256", "crc32c", "md5")
# Order in which a checksum computed by the storage is recorded if the client declared none.
PARTIAL_HASHES_KEPT = 100  # unfinished hashes that one process remembers; the oldest are dropped first


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What the client believes it sent."""

    size: int | None = None
    checksum: Checksum | None = None
    are_unknown: bool = False
    """True if the client is gone: it may state them after completion."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    stored: StoredObject
    content_type: str
    """The declared one, or the true one where the bytes are of another harmless kind."""
    detected_content_type: str
    checksum: Checksum | None
    """Computed over the stored bytes, by the storage or by this server; None if neither did."""


@dataclass(kw_only=True)
class _PartialHash:
    hashers: dict[str, Hasher]
    offset: int = 0


_HashKey = tuple[str, str, frozenset[str]]
_partial_hashes: dict[_HashKey, _PartialHash] = {}


def verify(file: File, upload: Upload, stored: StoredObject, claims: Claims, *, progress: Progress) -> Verified:
    """Return the verified facts. Raises the MismatchError of the first difference, ObjectChanged if it was swapped.

    What one call has established is in `progress`, also if it breaks off, and the next call does not repeat it.
    """
    backend, stored = get_backend(file.file_manager), progress.examine(stored)
    _check_size(upload, stored, claims)
    _check_form(file, upload, stored)
    checksum = _check_checksums(upload, stored, claims, backend=backend, progress=progress)
    if progress.detected_content_type is None:
        head = stored.beginning
        if len(head) < min(HEAD_BYTES, stored.size):
            head = b"".join(read_exactly(backend, stored, length=min(HEAD_BYTES, stored.size)))
        progress.detected_content_type = content_types.verify(head, declared=file.content_type)
    detected = progress.detected_content_type
    content_type = acceptance.settle_content_type(file, detected)
    if not progress.is_validated:
        with time_limit(None):  # the host's own code may take its time
            validators.check_content(file, validators.Content(backend=backend, stored=stored))
        progress.is_validated = True
    stored = progress.stored or stored
    return Verified(stored=stored, content_type=content_type, detected_content_type=detected, checksum=checksum)


def is_same(published: StoredObject, verified: StoredObject) -> bool | None:
    """Return True if the published object has the verified bytes, None if nothing but the storage's word shows it.

    Storages give a copy an etag of its own, so only facts that survive copying are compared.
    """
    common = published.checksums.keys() & verified.checksums.keys()
    if published.size != verified.size or published.content_encoding:
        return False
    if any(published.checksums[name] != verified.checksums[name] for name in common):
        return False
    return True if common or published.etag == verified.etag else None


def check_late_claims(file: File, claims: Claims) -> Checksum | None:
    """Compare a completed file with what its client stated too late. Return the checksum to record, None for none.

    Raises SizeMismatch, ChecksumMismatch, StorageError, and UploadInProgress if hashing needs another call.
    """
    if claims.size is not None and claims.size != file.file_size:
        message = f"The file has {file.file_size} bytes; fileSize is {claims.size}."
        raise errors.SizeMismatch(message, field=("fileSize",))
    given = claims.checksum
    if given is None:
        return None
    known = Checksum.parse(file.checksum) if file.checksum_verified else None
    if known is None or known.algorithm != given.algorithm:
        stored = StoredObject(path=file.stored_path, size=file.file_size, etag=file.etag)
        computed = _hash(stored, {given.algorithm}, backend=get_backend(file.file_manager))
        known = Checksum(algorithm=given.algorithm, hexdigest=computed[given.algorithm])
    if known != given:
        raise errors.ChecksumMismatch(field=("checksum",))
    return given


def _check_size(upload: Upload, stored: StoredObject, claims: Claims) -> None:
    for size, told in ((upload.size, f"{upload.size} were declared"), (claims.size, f"fileSize is {claims.size}")):
        if size not in (None, stored.size):
            raise errors.SizeMismatch(f"The storage holds {stored.size} bytes; {told}.", field=("fileSize",))


def _check_form(file: File, upload: Upload, stored: StoredObject) -> None:
    if stored.irregular:
        raise errors.ContentTypeMismatch(f"The stored object is not a plain upload: {stored.irregular}.")
    if stored.content_encoding:
        raise errors.ContentTypeMismatch("The stored object has a Content-Encoding, so downloads would differ from it.")
    kept = content_types.canonical(stored.content_type.lower())
    # Elsewhere the type is ours. Requests that an earlier version signed had the declared one.
    if stored.path == upload.upload_path and kept not in {"", upload.content_type, file.content_type}:
        raise errors.ContentTypeMismatch(f"The file was declared as {file.content_type}, but stored with another type.")


def _check_checksums(
    upload: Upload, stored: StoredObject, claims: Claims, *, backend: Backend, progress: Progress
) -> Checksum | None:
    """Compare declared and claimed checksums with computed ones. Return the one to record."""
    given = [checksum for checksum in (upload.checksum, claims.checksum) if checksum is not None]
    known = dict(stored.checksums)
    unknown = {checksum.algorithm for checksum in given} - known.keys()
    if unknown:
        computed = _hash(stored, unknown, backend=backend)
        progress.add_checksums(computed)
        known |= computed
    for checksum in given:
        if known[checksum.algorithm] != checksum.hexdigest:
            raise errors.ChecksumMismatch(field=("checksum",))
    names = [given[-1].algorithm] if given else [name for name in PREFERRED if name in known]
    return Checksum(algorithm=names[0], hexdigest=known[names[0]]) if names else None


def _hash(stored: StoredObject, algorithms: set[str], *, backend: Backend) -> dict[str, str]:
    """Read the object, pinned to its etag, and hash it. Raises UploadInProgress if the time limit is over first.

    The unfinished hash stays in this process, because hash states cannot be stored. Another process that serves the
    next call starts over and keeps its own, so repeated calls complete whichever process serves them. Objects larger
    than HASH_READ_MAX_BYTES come here only if the storage has not computed a checksum that it should have.
    """
    key = (stored.path, stored.etag, frozenset(algorithms))
    partial = _partial_hashes.pop(key, None) or _PartialHash(hashers={name: hasher(name) for name in algorithms})
    try:
        for chunk in read_exactly(backend, stored, start=partial.offset):
            for one in partial.hashers.values():
                one.update(chunk)
            partial.offset += len(chunk)
            if is_over() and partial.offset < stored.size:
                raise errors.UploadInProgress
    except (errors.UploadInProgress, errors.StorageUnavailable) as error:
        if not isinstance(error, errors.ObjectChanged):
            _partial_hashes[key] = partial
            while len(_partial_hashes) > PARTIAL_HASHES_KEPT:
                _partial_hashes.pop(next(iter(_partial_hashes)), None)
        raise
    return {name: one.hexdigest() for name, one in partial.hashers.items()}
