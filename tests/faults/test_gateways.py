"""Whatever answers a deletion in the storage's place: the object stays queued until the storage says it is gone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from fileman import cleanup
from fileman.models import StorageDeletion
from tests.faults.site import Site
from tests.servers.proxy import EMPTY, MAINTENANCE_PAGE, NOT_FOUND_PAGE, Answer

FAKE_GCS = pytest.param("fake_gcs", marks=pytest.mark.long)
ANSWERS = {
    "404_page": NOT_FOUND_PAGE,
    "200_page": MAINTENANCE_PAGE,
    "nothing": EMPTY,
    "202": Answer(status=202),
    "204": Answer(status=204),
    "302": Answer(status=302, headers=(("Location", "https://login.example.com/"),)),
    "403_page": Answer(status=403, body=b"blocked"),
    "503_page": Answer(status=503, body=b"busy"),
}


def answering(site: Site, answer: Answer) -> None:
    """Answer deletions, and the lists and looks that belong to them."""
    site.proxy.disturb(lambda exchange: exchange.respond(answer), times=None)


@pytest.mark.parametrize("site", ["radosgw", "azurite", "gcs", FAKE_GCS], indirect=True)
@pytest.mark.parametrize("look", ["first", "second"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_deletion_that_something_else_answers_is_not_believed(site: Site, answer: Answer, look: str) -> None:
    """The second look, after the last grant, finds what a late client or copy has written again."""
    ticket = site.start_and_send()
    file = site.finish(ticket)
    if look == "first":
        answering(site, answer)
    assert site.api.delete(file["id"])["success"]
    if look == "second":
        site.overwrite(ticket)
        answering(site, answer)
    stored, queued = site.everything(), StorageDeletion.objects.count()
    assert stored != []

    report = cleanup.run(cleanup.Request(), now=timezone.now() + timedelta(days=30))

    assert (report.deleted, report.failed) == (0, queued)
    assert (site.everything(), StorageDeletion.objects.count()) == (stored, queued)
    site.proxy.calm()
    site.assert_only()
