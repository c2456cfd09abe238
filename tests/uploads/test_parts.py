"""How a file is cut into parts."""

import pytest
from django.contrib.auth.models import User
from hypothesis import assume, given
from hypothesis import strategies as st

from fileman.backends.s3.backend import S3Backend
from fileman.backends.values import Capabilities, PartPlan, Strategy
from fileman.errors import FileTooLarge
from fileman.models import FileManager
from fileman.testing.memory import MemoryBackend
from fileman.uploads.instructions import plan_parts
from tests.uploads.driver import configured, declared, initiate

MIB, GIB, TIB = 1024**2, 1024**3, 1024**4
S3_LIKE = Capabilities(
    supports_direct_upload=True,
    max_object_bytes=48 * TIB,
    single_request_max_bytes=5 * GIB,
    large_strategy=Strategy.PARTS,
    part_min_bytes=5 * MIB,
    part_max_bytes=5 * GIB,
    parts_max=10_000,
)
AZURE_LIKE = Capabilities(
    supports_direct_upload=True,
    max_object_bytes=190 * TIB,
    single_request_max_bytes=5000 * MIB,
    large_strategy=Strategy.PARTS,
    part_max_bytes=4000 * MIB,
    parts_max=50_000,
)
GCS_LIKE = Capabilities(
    supports_direct_upload=True,
    max_object_bytes=5 * TIB,
    single_request_max_bytes=5 * TIB,
    large_strategy=Strategy.SESSION,
    part_max_bytes=5 * TIB,
    parts_max=1,
)


def plan(size: int, capabilities: Capabilities = S3_LIKE) -> PartPlan:
    return plan_parts(size, capabilities=capabilities)


def test_up_to_the_limit_of_single_requests_a_file_travels_in_one() -> None:
    assert plan(1) == PartPlan(strategy=Strategy.SINGLE, part_size=1, total_parts=1)
    assert plan(64 * MIB) == PartPlan(strategy=Strategy.SINGLE, part_size=64 * MIB, total_parts=1)


def test_one_byte_more_travels_in_parts_of_16_mib() -> None:
    assert plan(64 * MIB + 1) == PartPlan(strategy=Strategy.PARTS, part_size=16 * MIB, total_parts=5)


def test_parts_grow_so_that_ten_thousand_suffice() -> None:
    assert plan(160_000 * MIB) == PartPlan(strategy=Strategy.PARTS, part_size=16 * MIB, total_parts=10_000)
    assert plan(160_000 * MIB + 1) == PartPlan(strategy=Strategy.PARTS, part_size=32 * MIB, total_parts=5001)


def test_a_session_is_one_request_for_the_whole() -> None:
    assert plan(TIB, GCS_LIKE) == PartPlan(strategy=Strategy.SESSION, part_size=TIB, total_parts=1)


@configured(SINGLE_REQUEST_MAX_BYTES=10 * GIB)
def test_the_storage_has_the_last_word_on_single_requests() -> None:
    assert plan(5 * GIB).strategy is Strategy.SINGLE
    assert plan(5 * GIB + 1).strategy is Strategy.PARTS


def test_no_part_is_smaller_than_the_storage_takes() -> None:
    with configured(PART_SIZE_BYTES=1 * MIB):
        assert plan(65 * MIB) == PartPlan(strategy=Strategy.PARTS, part_size=5 * MIB, total_parts=13)


@pytest.mark.parametrize("size", [48 * TIB + 1, 2**53 - 1])
def test_what_no_plan_fits_is_refused(size: int) -> None:
    with pytest.raises(FileTooLarge, match="at most 52776558133248 bytes"):
        plan(size)


def test_parts_that_would_outgrow_the_storage_are_refused() -> None:
    few = Capabilities(
        supports_direct_upload=True,
        max_object_bytes=TIB,
        single_request_max_bytes=GIB,
        large_strategy=Strategy.PARTS,
        part_max_bytes=GIB,
        parts_max=10,
    )
    assert plan(10 * GIB, few).total_parts == 10
    with pytest.raises(FileTooLarge):
        plan(10 * GIB + 1, few)


@pytest.mark.parametrize("capabilities", [S3_LIKE, AZURE_LIKE, MemoryBackend.capabilities, S3Backend.capabilities])
@given(size=st.integers(1, 48 * TIB), part_size=st.integers(1, 64 * MIB))
def test_every_plan_keeps_the_limits_and_covers_the_file(capabilities: Capabilities, size: int, part_size: int) -> None:
    """At most so many parts, none but the last too small, none too large, together exactly the file."""
    assume(size <= capabilities.max_object_bytes)
    with configured(PART_SIZE_BYTES=part_size):
        made = plan(size, capabilities)
    last = size - (made.total_parts - 1) * made.part_size
    assert 1 <= made.total_parts <= capabilities.parts_max
    assert 0 < last <= made.part_size
    if made.strategy is Strategy.PARTS:
        assert capabilities.part_min_bytes <= made.part_size <= capabilities.part_max_bytes


@configured(SINGLE_REQUEST_MAX_BYTES=1, PART_SIZE_BYTES=1, REQUEST_WINDOW=4)
@pytest.mark.parametrize(("files", "requests"), [(1, 4), (2, 4), (3, 2), (4, 2), (8, 1), (9, 1)])
def test_the_files_of_a_batch_share_twice_the_window_of_one(
    user: User, manager: FileManager, files: int, requests: int
) -> None:
    """So that an answer stays small; the rest comes with refresh."""
    batch = initiate(user, *[declared(size=10)] * files)
    found = [ticket.instructions for ticket in batch.tickets if ticket.instructions]
    assert [(len(one.requests), one.has_more) for one in found] == [(requests, True)] * files
