"""How a file is cut into parts."""

from typing import Any

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


def like(largest: int, single: int, part: int, parts: int, **more: Any) -> Capabilities:
    most = {"max_object_bytes": largest, "single_request_max_bytes": single, "part_max_bytes": part, "parts_max": parts}
    given: dict[str, Any] = {"large_strategy": Strategy.PARTS, **most, **more}
    return Capabilities(supports_direct_upload=True, **given)


S3_LIKE = like(48 * TIB, 5 * GIB, 5 * GIB, 10_000, part_min_bytes=5 * MIB)
AZURE_LIKE = like(190 * TIB, 5000 * MIB, 4000 * MIB, 50_000)
GCS_LIKE = like(5 * TIB, 5 * TIB, 5 * TIB, 1, large_strategy=Strategy.SESSION)


def plan(size: int, capabilities: Capabilities = S3_LIKE) -> PartPlan:
    return plan_parts(size, capabilities=capabilities)


@pytest.mark.parametrize(
    ("size", "strategy", "part_size", "total_parts"),
    [(1, "single", 1, 1), (64 * MIB, "single", 64 * MIB, 1), (64 * MIB + 1, "parts", 16 * MIB, 5),
     (160_000 * MIB, "parts", 16 * MIB, 10_000), (160_000 * MIB + 1, "parts", 32 * MIB, 5001)],
)  # fmt: skip
def test_parts_have_16_mib_and_grow_to_ten_thousand(size: int, strategy: str, part_size: int, total_parts: int) -> None:
    """Up to the limit of single requests a file travels in one."""
    assert plan(size) == PartPlan(strategy=Strategy(strategy), part_size=part_size, total_parts=total_parts)


def test_a_session_is_one_request_for_the_whole() -> None:
    assert plan(TIB, GCS_LIKE) == PartPlan(strategy=Strategy.SESSION, part_size=TIB, total_parts=1)


def test_the_storage_has_the_last_word_on_single_requests_and_on_small_parts() -> None:
    with configured(SINGLE_REQUEST_MAX_BYTES=10 * GIB):
        assert [plan(size).strategy for size in (5 * GIB, 5 * GIB + 1)] == [Strategy.SINGLE, Strategy.PARTS]
    with configured(PART_SIZE_BYTES=1 * MIB):
        assert plan(65 * MIB) == PartPlan(strategy=Strategy.PARTS, part_size=5 * MIB, total_parts=13)


@pytest.mark.parametrize("size", [48 * TIB + 1, 2**53 - 1])
def test_what_no_plan_fits_is_refused(size: int) -> None:
    with pytest.raises(FileTooLarge, match=r"at most 48\.0\sTB in one file"):
        plan(size)


def test_parts_that_would_outgrow_the_storage_are_refused() -> None:
    few = like(TIB, GIB, GIB, 10)
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
def test_the_files_of_a_batch_share_two_windows(user: User, manager: FileManager, files: int, requests: int) -> None:
    """So that an answer stays small; the rest comes with refresh."""
    batch = initiate(user, *[declared(size=10)] * files)
    found = [ticket.instructions for ticket in batch.tickets if ticket.instructions]
    assert [(len(one.requests), one.has_more) for one in found] == [(requests, True)] * files
