"""A storage whose answers come late, just before the time-out: each finalize call keeps its time, and gets on."""

from tests.faults.conftest import for_kinds
from tests.faults.site import Site
from tests.flows.conftest import Configure
from tests.servers.proxy import delay

BUDGET_SECONDS = 1.2
SHORT = {"STORAGE_CONNECT_TIMEOUT_SECONDS": 0.1, "STORAGE_READ_TIMEOUT_SECONDS": 0.6}
LATE_SECONDS = 0.4
"""Of each answer. A finalize call has room for two."""


@for_kinds("radosgw", "azurite_parts", "gcs_session")
def test_a_slow_storage_takes_several_calls_that_keep_their_time(site: Site, configure: Configure) -> None:
    """With the settings that fileman ships, on a virtual clock: tests/uploads/test_tries.py."""
    configure(**SHORT, FINALIZE_BUDGET_SECONDS=BUDGET_SECONDS)
    ticket = site.start_and_send()
    site.proxy.disturb(delay(LATE_SECONDS), times=None)
    site.finish(ticket)
    site.proxy.calm()

    assert len(site.calls) > 1
    assert max(site.calls) == 2
    site.assert_all_is_known()
