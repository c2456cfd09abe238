"""What must hold after every step of a schedule, and at its end."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from fileman.backends.values import HEAD_BYTES
from fileman.errors import ContentTypeMismatch
from fileman.models import File, StorageDeletion, StorageUsage
from fileman.testing.case import digest
from fileman.validation import content_types
from tests.schedules.world import Tracked, World

PUBLISHED = re.compile(r"uploads/([0-9a-f-]{36})/(\d+)/")
FINALIZE_MOST = 4
COLUMNS = ["id", "upload_status", "file_path", "tries", "file_size", "uploaded_by"]
COLUMNS += ["checksum", "checksum_verified", "etag"]
Row = tuple[Any, ...]


def _sql(queryset: Any) -> str:
    return str(queryset.query)


class Invariants:
    """Checks a world. Its statements are compiled once, because it checks after every step."""

    def __init__(self) -> None:
        self.files = _sql(File.objects.values_list(*COLUMNS).order_by("id"))
        self.deletions = _sql(StorageDeletion.objects.values_list("path"))
        self.usage = _sql(StorageUsage.objects.values_list("user", "bytes", "pending"))

    def check(self, world: World) -> None:
        """Raise AssertionError unless everything holds that must always hold."""
        rows = {UUID(str(row[0])): row for row in self._fetch(self.files)}
        queued = {path for (path,) in self._fetch(self.deletions)}
        counters = self._fetch(self.usage)
        problems = [*world.problems, *self._find_wrong_usage(rows, counters), *self._find_strays(world, rows, queued)]
        for one in world.tracked:
            problems += self._find_wrong(world, one, rows.get(one.id))
        assert not problems, "\n".join(problems)

    def _fetch(self, sql: str) -> list[Row]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _find_wrong_usage(self, rows: dict[UUID, Row], counters: list[Row]) -> Iterator[str]:
        used = {user: size for user, size, _ in counters}
        sums, unfinished = dict.fromkeys(used, 0), Counter[Any]()
        for _, status, _, _, size, user, *_ in rows.values():
            if status not in File.ENDED:
                sums[user] = sums.get(user, 0) + size
            unfinished[user] += status in File.UNFINISHED
        if sums != used:
            yield f"usage is {used}, the rows have {sums}"
        if any(pending < unfinished[user] for user, _, pending in counters):
            yield f"usage is {counters}, the rows have {unfinished} unfinished uploads"

    def _find_strays(self, world: World, rows: dict[UUID, Row], queued: set[str]) -> Iterator[str]:
        for path in world.storage.objects.keys() - queued - world.too_late:
            published = PUBLISHED.match(path)
            row = rows.get(_get_file_id(path))
            if row is None or not self._is_known(path, published and int(published[2]), row):
                yield f"neither a row nor the queue knows {path}"
        for path in {*world.storage.remains()} - queued - world.too_late:
            file_id = _get_file_id(path)
            if file_id not in rows and f"uploads/{file_id}/" not in queued:
                yield f"neither a row nor the queue knows the parts of {path}"

    def _is_known(self, path: str, number: int | None, row: Row) -> bool:
        _, status, file_path, tries, *_ = row
        if status == File.COMPLETED:
            return bool(path == file_path)
        return status in File.UNFINISHED and (number is None or number <= int(tries))

    def _find_wrong(self, world: World, one: Tracked, row: Row | None) -> Iterator[str]:
        name, before = f"upload {one.number}", one.status
        one.status = "" if row is None else row[1]
        if before in File.ENDED and one.status not in ("", before):
            yield f"{name} was {before} and is {one.status}"
        if one.status == File.FAILED and not one.may_fail:
            yield f"{name} has failed, but nothing that was sent contradicts it"
        if one.completed is not None and row is None and not one.deletion_asked:
            yield f"{name} was completed and is gone"
        if row is not None and one.status == File.COMPLETED:
            yield from self._find_wrong_bytes(world, one, row)

    def _find_wrong_bytes(self, world: World, one: Tracked, row: Row) -> Iterator[str]:
        _, _, path, _, size, _, checksum, is_verified, etag = row
        kept = world.storage.objects.get(path)
        algorithm, _, stated = (checksum or "").partition(":")
        data = (one.completed or {}).get(path)
        if data is None:
            yield f"upload {one.number} was committed without an object"
            return
        wrong = {
            "is completed, but its object is gone": kept is None,
            "is completed, but its object has other bytes": kept is not None and kept.data != data,
            "has another etag than its object": kept is not None and kept.facts.etag != etag,
            "has another size than was declared": not len(data) == size == len(one.data),
            "has bytes that nobody sent": one.sent <= {"right"} and data != one.data,
            "has a verified checksum that its bytes do not have": is_verified and digest(algorithm, data) != stated,
            "has a checksum that was declared and not verified": one.checksum and not is_verified,
            "has other bytes than its checksum says": (one.checksum or one.claims_checksum) and data != one.data,
            "is no picture": not _fits(data),
        }
        yield from (f"upload {one.number} {what}" for what, is_so in wrong.items() if is_so)

    # At the end

    def finish(self, world: World, which: int) -> None:
        """Send an upload completely and finalize it, without faults. It must complete."""
        one = world.pick(which)
        if one is None or one.status not in File.UNFINISHED:
            return
        which = len(world.tracked) - one.number
        file = File.objects.only("expires_at").get(pk=one.id)
        for _ in range(FINALIZE_MOST):
            if file.expires_at <= world.clock.now + timedelta(minutes=5):
                return
            world.disturbance.end_copies()
            world.refresh(which)
            self._send_missing(world, which)
            world.finalize_one(one)
            self.check(world)
            if one.status in (File.COMPLETED, File.FAILED):
                return
            world.advance(61)
        raise AssertionError(f"upload {one.number} does not complete")

    def _send_missing(self, world: World, which: int) -> None:
        for part in range(3):
            world.send(which, part=part, kind="right")

    def finish_all(self, world: World) -> None:
        """End the schedule: everything late arrives, all files are deleted, cleanup runs twice. Nothing may be left."""
        for which in range(len(world.tracked[-4:])):
            self.finish(world, which)
        while world.disturbance.late:
            world.arrive(0)
        self.check(world)
        for one in world.tracked:
            if one.status == File.COMPLETED:
                world.delete_one(one)
        for days in (30, 60):
            world.advance(days * 24 * 3600)
            world.cleanup(hours=24)
            self.check(world)
        self._check_nothing_is_left(world)

    def _check_nothing_is_left(self, world: World) -> None:
        assert self._fetch(self.files) == [], "rows are left"
        assert self._fetch(self.deletions) == [], "the queue is not empty"
        assert {used for _, used, _ in self._fetch(self.usage)} <= {0}, "usage is left"
        assert {*world.storage.objects, *world.storage.remains()} <= world.too_late, "objects are left"


def _get_file_id(path: str) -> UUID:
    published = PUBLISHED.match(path)
    return UUID(published[1] if published else path.rpartition("/")[2])


def _fits(data: bytes) -> bool:
    try:
        content_types.verify(data[:HEAD_BYTES], declared="image/png")
    except ContentTypeMismatch:
        return False
    return True
