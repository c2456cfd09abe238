"""The moments of uploads that were initiated at NOW."""

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
DEADLINE = NOW + DAY
"""Of an upload in one request that was initiated at NOW."""
