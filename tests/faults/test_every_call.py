"""One storage call of a verb is disturbed, then the next, until each has been; and every kind of fault at each.

Afterwards the client goes on as the documentation says. Held requests are carried out at last, the client writes to its
old URLs, and what was verified is still what is served. Nothing is stuck, lost or left behind.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import count

import pytest

from tests.faults.conftest import BUDGET_SECONDS, CONNECT_SECONDS, KINDS, READ_SECONDS
from tests.faults.site import Site, assert_may_go_on
from tests.flows.http_client import Json
from tests.servers import proxy as faults


def duplicate_all_but_a_beginning(exchange: faults.Exchange) -> None:
    """Duplicate it, unless it begins an upload on S3: a second, empty one is left to the bucket's lifecycle rule."""
    (faults.forward if exchange.seen.target.endswith("?uploads") else faults.duplicate)(exchange)


FAULTS: dict[str, faults.Fault] = {
    "deferred": faults.defer,
    "held": faults.hold,
    "duplicated": duplicate_all_but_a_beginning,
    "lost": faults.lose,
    "late": faults.delay(CONNECT_SECONDS + READ_SECONDS + 0.1),
    "hang": faults.hang,
    "reset": faults.reset,
    "cut_status": faults.cut("status"),
    "cut_headers": faults.cut("headers"),
    "cut_body": faults.cut("body"),
    "page": faults.answer_with(faults.MAINTENANCE_PAGE),
    "page_after_effect": faults.answer_with(faults.MAINTENANCE_PAGE, after_effect=True),
    "not_found": faults.answer_with(faults.NOT_FOUND_PAGE),
    "not_found_after_effect": faults.answer_with(faults.NOT_FOUND_PAGE, after_effect=True),
    "empty": faults.answer_with(faults.EMPTY),
    "403": faults.answer_with(403),
    "429": faults.answer_with(429),
    "500": faults.answer_with(500),
    "503": faults.answer_with(503),
}
LASTING = ("hang", "reset", "page", "not_found", "503")
"""Faults that also meet every later call of the verb."""
BEGUN_ON_THE_STORAGE = ("radosgw_parts", "gcs_session")
TOLERANCE_SECONDS = 0.8
"""What a busy machine adds to a finalize call."""

Disturb = Callable[[], None]


def each_fault(*, quick: Mapping[str, Sequence[str]], kinds: Sequence[str] = KINDS) -> pytest.MarkDecorator:
    """Run the test with each fault, once and lasting, for each kind of upload. `quick` ones run under make test."""
    once = [(kind, fault, 1) for fault in FAULTS for kind in kinds]
    lasting = [(kind, fault, None) for fault in LASTING for kind in kinds]
    cases = []
    for kind, fault, times in [*once, *lasting]:
        marks = () if times and kind in quick.get(fault, ()) else pytest.mark.long
        name = f"{fault}-{kind}" if times else f"lasting_{fault}-{kind}"
        cases.append(pytest.param(kind, fault, times, marks=marks, id=name))
    return pytest.mark.parametrize(("site", "fault", "times"), cases, indirect=["site"])


def at_each_call(site: Site, fault: str, times: int | None, run: Callable[[Disturb], None]) -> None:
    """Run with the fault at the first storage call after `disturb()`, then at the second, until there is no such call.

    `run` calms the proxy when the disturbed verb is over.
    """
    for number in count():
        already = len(site.proxy.seen)

        def disturb(skip: int = number) -> None:
            site.proxy.disturb(FAULTS[fault], skip=skip, times=times)

        run(disturb)
        if not any(seen.fault for seen in site.proxy.seen[already:]):
            assert number > 0, "the verb has called no storage"
            return


def finish_and_check(site: Site, ticket: Json) -> None:
    """Complete the upload, let everything late happen, and look at what is left."""
    file = site.finish(ticket)
    site.overwrite(ticket)
    site.proxy.release()
    site.overwrite(ticket)
    site.assert_intact(file)
    site.assert_all_is_known()
    assert site.api.delete(file["id"])["success"]
    site.assert_only()


@each_fault(
    quick={
        "deferred": ("radosgw", "azurite_parts", "gcs_session"),
        "page": ("radosgw_parts", "azurite", "fake_gcs"),
        "cut_headers": ("radosgw", "gcs"),
    }
)
def test_finalize_completes_in_the_end(site: Site, fault: str, times: int | None) -> None:
    def run(disturb: Disturb) -> None:
        ticket = site.start_and_send()
        disturb()
        payload = site.finalize(ticket)
        site.proxy.calm()
        if not payload["success"]:
            assert_may_go_on(payload)
        finish_and_check(site, ticket)

    at_each_call(site, fault, times, run)

    assert max(site.seconds) < BUDGET_SECONDS + TOLERANCE_SECONDS


@each_fault(quick={"deferred": BEGUN_ON_THE_STORAGE, "page": BEGUN_ON_THE_STORAGE}, kinds=BEGUN_ON_THE_STORAGE)
def test_initiate_is_repeated_by_its_key(site: Site, fault: str, times: int | None) -> None:
    keys = map(str, count())

    def run(disturb: Disturb) -> None:
        key = next(keys)
        disturb()
        payload = site.initiate(idempotencyKey=key)
        site.proxy.calm()
        if not payload["success"]:
            assert_may_go_on(payload["files"][0])
        ticket = site.start(idempotencyKey=key)
        site.send(ticket["instructions"])
        finish_and_check(site, ticket)

    at_each_call(site, fault, times, run)


@each_fault(quick={"cut_headers": ("radosgw_parts", "azurite", "gcs_session")})
def test_refresh_can_be_repeated(site: Site, fault: str, times: int | None) -> None:
    def run(disturb: Disturb) -> None:
        ticket = site.start()
        disturb()
        payload = site.api.refresh(uploadToken=ticket["uploadToken"])
        site.proxy.calm()
        if payload["success"]:
            site.send(payload["instructions"])
        else:
            assert_may_go_on(payload)
        finish_and_check(site, ticket)

    at_each_call(site, fault, times, run)


@pytest.mark.parametrize("verb", ["delete", "abort"])
@each_fault(quick={"deferred": ("radosgw", "azurite_parts", "gcs_session", "fake_gcs")})
def test_delete_and_abort_leave_the_rest_to_the_queue(site: Site, verb: str, fault: str, times: int | None) -> None:
    """The user is told at once, and may ask again; whatever comes late is deleted too."""

    def run(disturb: Disturb) -> None:
        ticket = site.start_and_send()
        end = site.api.abort if verb == "abort" else site.api.delete
        handle = ticket["uploadToken"] if verb == "abort" else site.finish(ticket)["id"]
        disturb()
        assert end(handle)["success"]
        site.proxy.calm()
        assert end(handle)["success"]
        site.overwrite(ticket)
        site.proxy.release()
        site.overwrite(ticket)
        site.assert_all_is_known()
        site.assert_only()

    at_each_call(site, fault, times, run)
