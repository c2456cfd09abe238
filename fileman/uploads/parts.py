"""How a file is cut: one request, parts in any order, or one resumable session."""

from fileman import conf
from fileman.backends.values import Capabilities, PartPlan, Strategy
from fileman.errors import FileTooLarge


def plan(size: int, *, capabilities: Capabilities) -> PartPlan:
    """The plan for a file of `size` bytes. Raises FileTooLarge when no plan fits the storage's limits.

    Parts have PART_SIZE_BYTES and grow in whole multiples of it, so that their number stays within the storage's limit.
    """
    settings = conf.settings()
    if size <= min(settings.SINGLE_REQUEST_MAX_BYTES, capabilities.single_request_max_bytes):
        return PartPlan(strategy=Strategy.SINGLE, part_size=size, total_parts=1)
    if size > capabilities.max_object_bytes:
        raise FileTooLarge(f"This storage takes at most {capabilities.max_object_bytes} bytes.")
    if capabilities.large_strategy is Strategy.SESSION:
        return PartPlan(strategy=Strategy.SESSION, part_size=size, total_parts=1)
    unit = max(settings.PART_SIZE_BYTES, capabilities.part_min_bytes)
    part_size = unit * _ceil(_ceil(size, capabilities.parts_max), unit)
    if part_size > capabilities.part_max_bytes:
        raise FileTooLarge("This storage cannot take a file of that size.")
    return PartPlan(strategy=Strategy.PARTS, part_size=part_size, total_parts=_ceil(size, part_size))


def _ceil(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
