"""A storage whose answers come late, just before the time-out: each finalize call keeps its time, and gets on."""

from typing import Any

import pytest

from tests.faults.conftest import for_kinds
from tests.faults.site import Site
from tests.flows.conftest import Configure
from tests.flows.http_client import Json
from tests.servers.proxy import delay

BUDGET_SECONDS = 1.2
SHORT = {
    "STORAGE_CONNECT_TIMEOUT_SECONDS": 0.1,
    "STORAGE_READ_TIMEOUT_SECONDS": 0.6,
    "FINALIZE_BUDGET_SECONDS": BUDGET_SECONDS,
}
LATE_SECONDS = 0.4
"""Of each answer. A finalize call has room for two."""
TOLERANCE_SECONDS = 0.5
"""What a busy machine adds."""
SHIPPED: dict[str, Any] = {
    "STORAGE_CONNECT_TIMEOUT_SECONDS": 3,
    "STORAGE_READ_TIMEOUT_SECONDS": 9,
    "FINALIZE_BUDGET_SECONDS": 20,
}
LATE_AS_SHIPPED_SECONDS = 8
LONGEST_FINALIZE_SECONDS = 30


def finish_slowly(site: Site, ticket: Json, seconds: float) -> None:
    site.proxy.disturb(delay(seconds), times=None)
    site.finish(ticket)
    site.proxy.calm()
    site.assert_all_is_known()


@for_kinds("radosgw", "azurite_parts", "gcs_session")
def test_a_slow_storage_takes_several_calls_that_keep_their_time(site: Site, configure: Configure) -> None:
    configure(**SHORT)
    finish_slowly(site, site.start_and_send(), LATE_SECONDS)

    assert len(site.seconds) > 1
    assert max(site.seconds) < BUDGET_SECONDS + TOLERANCE_SECONDS


@pytest.mark.long
def test_a_storage_that_takes_eight_seconds_to_respond(site: Site, configure: Configure) -> None:
    """With the settings that fileman ships."""
    configure(**SHIPPED)

    finish_slowly(site, site.start_and_send(), LATE_AS_SHIPPED_SECONDS)

    assert max(site.seconds) < LONGEST_FINALIZE_SECONDS, site.seconds
