"""A storage in the memory of this process, for tests. It does everything that a cloud does, and fails on demand."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import RLock
from typing import BinaryIO, ClassVar, Literal
from uuid import UUID

from django.utils import timezone

from fileman.backends.base import Backend
from fileman.backends.diagnosis import Diagnosis
from fileman.backends.streams import ExactBody
from fileman.backends.time_limit import start_call
from fileman.backends.values import BackendConfig, Capabilities, DeleteFailure, Slice, StoredObject, Upload
from fileman.errors import FileMissing, ObjectChanged, PartsMissing, UploadInProgress

CHUNK_BYTES = 256 * 1024
GIB = 1024**3
# Called with operation, path and moment. May record, wait, or raise StorageUnavailable as a storage would.
Fault = Callable[[str, str, Literal["before", "after"]], None]


@dataclass(frozen=True, kw_only=True)
class _Kept:
    data: bytes
    facts: StoredObject


@dataclass(kw_only=True)
class _Store:
    """The objects and parts of one file manager."""

    objects: dict[str, _Kept] = field(default_factory=dict)
    parts: dict[tuple[str, int], bytes] = field(default_factory=dict)
    """By upload path and part number."""
    lock: RLock = field(default_factory=RLock)


class MemoryBackend(Backend):
    """Bytes come and go through this server's own views. Objects live until `forget_all` or the end of the process.

    In addition to the errors of every backend, `assemble` raises PartsMissing.
    """

    capabilities = Capabilities(
        supports_direct_upload=False,
        max_object_bytes=5 * GIB,
        single_request_max_bytes=GIB,
        part_max_bytes=GIB,
        parts_max=10_000,
        single_checksums=frozenset({"sha256"}),
        sandboxes_downloads=True,
    )
    faults: ClassVar[list[Fault]] = []
    """Every operation calls all of them in order, before it begins and after it has succeeded."""
    _stores: ClassVar[dict[UUID, _Store]] = {}
    _versions: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._store = self._stores.setdefault(config.manager_id, _Store())

    @classmethod
    def forget_all(cls) -> None:
        """Empty every store and remove all faults."""
        cls.faults.clear()
        for store in cls._stores.values():
            with store.lock:
                store.objects.clear()
                store.parts.clear()

    @contextmanager
    def _operation(self, name: str, path: str) -> Iterator[_Store]:
        start_call()
        for fault in tuple(self.faults):
            fault(name, path, "before")
        with self._store.lock:
            yield self._store
        for fault in tuple(self.faults):
            fault(name, path, "after")

    # Configuration

    def location(self) -> str:
        return f"memory:{self.config.manager_id}"

    def validate_configuration(self) -> tuple[bool, list[str]]:
        return Diagnosis(self).run()

    # Upload

    def missing(self, upload: Upload) -> list[Slice]:
        with self._operation("missing", upload.upload_path) as store:
            if upload.upload_path in store.objects:
                return []
            return [part for part in upload.slices() if (upload.upload_path, part.part_number) not in store.parts]

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        whole = upload.plan.total_parts == 1
        body = ExactBody(stream, part.length, algorithms=upload.checksum_algorithms if whole else ())
        data = b"".join(body)
        with self._operation("write", upload.upload_path) as store:
            if upload.upload_path in store.objects or (upload.upload_path, part.part_number) in store.parts:
                raise UploadInProgress
            if whole:
                return self._keep(upload, data, checksums=body.checksums)
            store.parts[upload.upload_path, part.part_number] = data
            return None

    def _keep(self, upload: Upload, data: bytes, *, checksums: dict[str, str]) -> StoredObject:
        version = str(next(self._versions))
        facts = StoredObject(
            path=upload.upload_path,
            size=len(data),
            etag=f"etag-{version}",
            version=version,
            content_type=upload.content_type,
            checksums=checksums,
            modified=timezone.now(),
        )
        self._store.objects[upload.upload_path] = _Kept(data=data, facts=facts)
        return facts

    def assemble(self, upload: Upload) -> StoredObject:
        with self._operation("assemble", upload.upload_path) as store:
            if upload.upload_path in store.objects or upload.plan.total_parts == 1:
                return _find(store, upload.upload_path).facts
            parts = [store.parts.get((upload.upload_path, part.part_number)) for part in upload.slices()]
            if None in parts:
                raise PartsMissing
            return self._keep(upload, b"".join(part for part in parts if part), checksums={})

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        with self._operation("publish", upload.file_path) as store:
            source = _find(store, upload.upload_path)
            if source.facts.etag != verified.etag:
                raise ObjectChanged
            facts = replace(source.facts, path=upload.file_path, content_type=upload.content_type)
            store.objects[upload.file_path] = replace(source, facts=facts)
            return facts

    def abort(self, upload: Upload) -> None:
        with self._operation("abort", upload.upload_path) as store:
            _forget_upload(store, upload.upload_path)

    # Objects

    def stat(self, path: str) -> StoredObject:
        with self._operation("stat", path) as store:
            return _find(store, path).facts

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        with self._operation("read", path) as store:
            kept = _find(store, path)
        if etag is not None and etag != kept.facts.etag:
            raise ObjectChanged
        end = len(kept.data) if length is None else min(start + length, len(kept.data))
        for offset in range(start, end, CHUNK_BYTES):
            yield kept.data[offset : min(offset + CHUNK_BYTES, end)]

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        for path in paths:
            with self._operation("delete", path) as store:
                _forget_upload(store, path)
        return []

    def list_objects(self, prefix: str, *, older_than: datetime | None = None) -> Iterator[StoredObject]:
        with self._operation("list_objects", prefix) as store:
            found = [kept.facts for path, kept in sorted(store.objects.items()) if path.startswith(prefix)]
        for facts in found:
            if older_than is None or (facts.modified and facts.modified < older_than):
                yield facts


def _find(store: _Store, path: str) -> _Kept:
    try:
        return store.objects[path]
    except KeyError:
        raise FileMissing from None


def _forget_upload(store: _Store, path: str) -> None:
    """Delete an object and the parts that were sent for it."""
    store.objects.pop(path, None)
    for key in [key for key in store.parts if key[0] == path]:
        del store.parts[key]
