"""Storages in memory whose requests a schedule disturbs. They differ as the clouds do in how they publish.

`Pinned`    copies only the verified bytes, again if the request is repeated (S3)
`Fenced`    copies only the verified bytes and only to a free path, may answer before the copy is made, and gives it
            facts of its own (Azure, Google)
`Unpinned`  copies whatever lies at the upload path when the request arrives. It never repeats a request: for those that
            do, our backends publish by UploadPartCopy, whose repetition finds the multipart upload gone.
`InPlace`   like Pinned, but an upload in parts is begun, and completed at its path below `folder` (S3 multipart)
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, ClassVar

from fileman.backends.values import BackendConfig, DeleteFailure, Slice, StoredObject, Strategy, Upload
from fileman.errors import FileMissing, ObjectChanged, PartsMissing, StorageError, UploadInProgress, UploadLost
from fileman.testing.memory import MemoryBackend, _Kept
from tests.schedules.disturbance import Disturbance, Effect

LATE_WRITE_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a client's signed URLs allow."""

    upload_path: str
    total_parts: int
    begun: str
    """Id of the multipart upload, if it is one."""
    until: datetime


class Pinned(MemoryBackend):
    capabilities = replace(MemoryBackend.capabilities, late_write_seconds=LATE_WRITE_SECONDS)
    disturbance: ClassVar[Disturbance]
    _pages: ClassVar[Iterator[int]] = itertools.count(1)

    def reset(self) -> None:
        """Forget everything that is stored."""
        self.objects.clear()
        self._store.parts.clear()

    @property
    def objects(self) -> dict[str, _Kept]:
        return self._store.objects

    def remains(self) -> list[str]:
        """Return the paths of which there are parts."""
        return sorted({path for path, _ in self._store.parts})

    def put(self, grant: Grant, part_number: int, data: bytes) -> None:
        """Write a slice as a client does that holds a signed URL: over what is there."""
        if grant.total_parts == 1:
            self._put_object(grant.upload_path, data)
        else:
            self._put_part(grant, part_number, data)

    def _put_part(self, grant: Grant, part_number: int, data: bytes) -> None:
        self._store.parts[grant.upload_path, part_number] = data

    def _put_object(self, path: str, data: bytes, checksums: Mapping[str, str] | None = None) -> StoredObject:
        version = str(next(self._versions))
        facts = StoredObject(
            path=path,
            size=len(data),
            etag=f"etag-{version}",
            version=version,
            content_type="image/png",
            checksums=checksums or {},
        )
        self.objects[path] = _Kept(data=data, facts=facts)
        return facts

    def _page(self, path: str) -> StoredObject:
        return StoredObject(path=path, size=5, etag=f"page-{next(self._pages)}", content_type="text/html")

    # The requests

    def missing(self, upload: Upload) -> list[Slice]:
        return self.disturbance.request("missing", upload.upload_path, partial(self._missing, upload))

    def _missing(self, upload: Upload) -> list[Slice]:
        return super().missing(upload)

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        apply = partial(super().write, upload, part, stream)
        return self.disturbance.request("write", upload.upload_path, apply, changes=True, repeats=False)

    def assemble(self, upload: Upload) -> StoredObject:
        path = self._assembled_path(upload)
        page = partial(self._page, path)
        return self.disturbance.request("assemble", path, partial(self._assemble, upload), changes=True, page=page)

    def _assembled_path(self, upload: Upload) -> str:
        return upload.upload_path

    def _assemble(self, upload: Upload) -> StoredObject:
        return super().assemble(upload)

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        apply = partial(self._copy, upload, verified)
        return self.disturbance.request("publish", upload.file_path, apply, changes=True)

    def _copy(self, upload: Upload, verified: StoredObject) -> StoredObject:
        return super().publish(upload, verified)

    def abort(self, upload: Upload) -> None:
        self.disturbance.request("abort", upload.upload_path, partial(self._abort, upload), changes=True)

    def _abort(self, upload: Upload) -> None:
        super().abort(upload)

    def stat(self, path: str) -> StoredObject:
        return self.disturbance.request("stat", path, partial(super().stat, path), page=partial(self._page, path))

    def read(self, path: str, *, start: int = 0, length: int | None = None, etag: str | None = None) -> Iterator[bytes]:
        reading = super().read(path, start=start, length=length, etag=etag)
        return iter(self.disturbance.request("read", path, partial(list, reading)))

    def delete(self, paths: Sequence[str]) -> list[DeleteFailure]:
        failures = []
        for path in paths:
            try:
                self.disturbance.request("delete", path, partial(self._delete, path), changes=True)
            except StorageError as error:
                failures.append(DeleteFailure(path=path, reason=str(error)))
        return failures

    def _delete(self, path: str) -> None:
        super().delete([path])


class Fenced(Pinned):
    _begun: ClassVar[dict[str, Effect]] = {}
    """File path -> the copy that the storage has begun."""

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        if not upload.progress:
            self._send_copy(upload, verified)
            upload.progress["copied"] = True
        return self.disturbance.request("poll", upload.file_path, partial(self._poll, upload))

    def _send_copy(self, upload: Upload, verified: StoredObject) -> None:
        begins = self.disturbance.calls[-1].peek_fault("publish") == "goes on"
        apply = partial(self._copy, upload, verified)
        self._begun.pop(upload.file_path, None)
        if not begins:
            self.disturbance.request("publish", upload.file_path, apply, changes=True)
            return
        began = self.disturbance.calls[-1].began
        effect = Effect(name="publish", path=upload.file_path, began=began, apply=apply, goes_on=True)
        self.disturbance.request("publish", upload.file_path, partial(self.disturbance.late.append, effect))
        self._begun[upload.file_path] = effect

    def _poll(self, upload: Upload) -> StoredObject:
        kept = self.objects.get(upload.file_path)
        if kept is not None:
            return kept.facts
        begun = self._begun.get(upload.file_path)
        if begun is not None and not begun.has_arrived:
            raise UploadInProgress
        upload.progress.clear()
        raise ObjectChanged

    def _copy(self, upload: Upload, verified: StoredObject) -> StoredObject:
        if upload.file_path in self.objects:
            raise ObjectChanged
        return self._copy_afresh(upload, verified.etag)

    def _copy_afresh(self, upload: Upload, etag: str | None) -> StoredObject:
        source = self.objects.get(upload.upload_path)
        if source is None:
            raise FileMissing
        if etag is not None and etag != source.facts.etag:
            raise ObjectChanged
        return self._put_object(upload.file_path, source.data)


class Unpinned(Fenced):
    capabilities = replace(Pinned.capabilities, pins_copies=False)

    def publish(self, upload: Upload, verified: StoredObject) -> StoredObject:
        apply = partial(self._copy, upload, verified)
        return self.disturbance.request("publish", upload.file_path, apply, changes=True, repeats=False)

    def _copy(self, upload: Upload, verified: StoredObject) -> StoredObject:  # the pin is ignored
        return self._copy_afresh(upload, None)


@dataclass(kw_only=True)
class _Multipart:
    path: str
    parts: dict[int, bytes] = field(default_factory=dict)


class InPlace(Pinned):
    _ids: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(self, config: BackendConfig) -> None:
        super().__init__(config)
        self._multiparts: dict[str, _Multipart] = {}

    def reset(self) -> None:
        super().reset()
        self._multiparts.clear()

    def remains(self) -> list[str]:
        return [*super().remains(), *sorted(one.path for one in self._multiparts.values() if one.parts)]

    def _put_part(self, grant: Grant, part_number: int, data: bytes) -> None:
        if grant.begun in self._multiparts:
            self._multiparts[grant.begun].parts[part_number] = data

    def begin(self, upload: Upload, *, origin: str | None) -> Mapping[str, Any]:
        if upload.plan.strategy is Strategy.SINGLE:
            return {}
        apply = partial(self._begin, upload.parts_path)
        return {"id": self.disturbance.request("begin", upload.parts_path, apply, changes=True)}

    def _begin(self, path: str) -> str:
        number = str(next(self._ids))
        self._multiparts[number] = _Multipart(path=path)
        return number

    def _assembled_path(self, upload: Upload) -> str:
        return upload.upload_path if upload.plan.strategy is Strategy.SINGLE else upload.parts_path

    def _missing(self, upload: Upload) -> list[Slice]:
        if upload.plan.strategy is Strategy.SINGLE:
            return super()._missing(upload)
        multipart = self._multiparts.get(str(upload.begun.get("id")))
        if multipart is not None:
            return [part for part in upload.slices() if part.part_number not in multipart.parts]
        if upload.parts_path in self.objects:
            return []
        raise UploadLost

    def write(self, upload: Upload, part: Slice, stream: BinaryIO) -> StoredObject | None:
        if upload.plan.strategy is Strategy.SINGLE:
            return super().write(upload, part, stream)
        apply = partial(self._write_part, str(upload.begun.get("id")), part, stream.read())
        self.disturbance.request("write", upload.parts_path, apply, changes=True)
        return None

    def _write_part(self, number: str, part: Slice, data: bytes) -> None:
        if number not in self._multiparts:
            raise UploadLost
        if part.part_number in self._multiparts[number].parts:
            raise UploadInProgress
        self._multiparts[number].parts[part.part_number] = data

    def _assemble(self, upload: Upload) -> StoredObject:
        if upload.plan.strategy is Strategy.SINGLE:
            return super()._assemble(upload)
        number = str(upload.begun.get("id"))
        multipart = self._multiparts.get(number)
        if multipart is None:
            if upload.parts_path in self.objects:
                return self.objects[upload.parts_path].facts
            raise UploadLost
        if len(multipart.parts) < upload.plan.total_parts:
            raise PartsMissing
        self._forget(upload.folder)
        return self._put_object(upload.parts_path, b"".join(data for _, data in sorted(multipart.parts.items())))

    def _abort(self, upload: Upload) -> None:
        super()._abort(upload)
        self._forget(upload.folder)

    def _delete(self, path: str) -> None:
        super()._delete(path)
        if path.endswith("/"):
            self._forget(path)

    def _forget(self, folder: str) -> None:
        """End every multipart upload below the folder, also those of a repeated `begin`."""
        for number in [key for key, one in self._multiparts.items() if one.path.startswith(folder)]:
            del self._multiparts[number]


STORAGES = {kind.__name__.lower(): f"{kind.__module__}.{kind.__name__}" for kind in (Pinned, Fenced, Unpinned, InPlace)}
