"""A policy of the host project, named in ACCESS_POLICY: everybody who may see an order may see its file."""

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from strawberry.relay import to_base64

from fileman.access import AccessPolicy
from fileman.caller import Caller
from fileman.errors import NoFileManager
from fileman.models import File, FileManager
from tests.api import Api
from tests.conftest import api_of
from tests.shop.models import Order
from tests.uploads.driver import configured, start, upload

POLICY = "tests.shop.policy.OrderPolicy"


class ClosedPolicy(AccessPolicy):
    def open_managers(self, caller: Caller) -> QuerySet[FileManager]:
        return super().open_managers(caller).exclude(name="Memory")


class BlindPolicy(AccessPolicy):
    def reachable_managers(self, caller: Caller) -> QuerySet[FileManager]:
        return super().reachable_managers(caller).exclude(name="Memory")


QUERY = "query ($id: ID!) { file(id: $id) { originalFilename downloadUrl viewerCanDelete } node(id: $id) { id } }"


@pytest.fixture
def invoice(user: User, manager: FileManager) -> File:
    return upload(user, filename="invoice.txt")


def seen(api: Api, file: File) -> dict[str, object]:
    return api.call(QUERY, {"id": to_base64("File", file.pk)})


def test_the_customer_sees_the_invoice_of_the_order(invoice: File, other_user: User, stranger: Api) -> None:
    Order.objects.create(customer=other_user, invoice=invoice)

    with configured(ACCESS_POLICY=POLICY):
        answer = seen(stranger, invoice)
        link = stranger.client.get(f"/fileman/download/{invoice.pk}/")
        allowed = invoice.can_be_accessed_by(user=other_user)

    file = answer["file"]
    assert isinstance(file, dict)
    assert (file["originalFilename"], file["viewerCanDelete"]) == ("invoice.txt", False)
    assert answer["node"] == {"id": to_base64("File", invoice.pk)}
    assert stranger.download(file["downloadUrl"]).getvalue() == b"hello"
    assert (link.status_code, allowed) == (302, True)


def test_nobody_else_does(invoice: File, other_user: User, stranger: Api, anonymous: Api) -> None:
    Order.objects.create(customer=User.objects.create_user("cid"), invoice=invoice)

    with configured(ACCESS_POLICY=POLICY):
        for api in (stranger, anonymous):
            assert seen(api, invoice) == {"file": None, "node": None}
            assert api.client.get(f"/fileman/download/{invoice.pk}/").status_code == 404
        assert not invoice.can_be_accessed_by(user=other_user)


def test_the_uploader_keeps_all_rights(invoice: File, user: User) -> None:
    with configured(ACCESS_POLICY=POLICY):
        answer = seen(api_of(user), invoice)

    assert isinstance(answer["file"], dict)
    assert answer["file"]["viewerCanDelete"] is True


@pytest.mark.parametrize("policy", [ClosedPolicy, BlindPolicy])
def test_a_default_that_is_not_open_is_none(user: User, manager: FileManager, policy: type[AccessPolicy]) -> None:
    with configured(ACCESS_POLICY=f"{__name__}.{policy.__name__}"):
        with pytest.raises(NoFileManager):
            start(user)
        FileManager.objects.filter(pk=manager.pk).update(name="Another")
        assert start(user).file is not None
