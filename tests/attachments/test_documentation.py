"""The samples of docs/attachments.md work as written."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client
from strawberry.django.views import GraphQLView

from fileman.models import FileManager
from tests.attachments.uploads import PDF, handle_of
from tests.hosts.shop import HostApi, name_shop
from tests.repository.test_documentation import ROOT, run, samples
from tests.shop import models

MODELS, ADMIN, FORM, SCHEMA, SERIALIZER = samples("docs/attachments.md")


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return name_shop(monkeypatch)


def test_its_models_are_those_that_the_tests_prove() -> None:
    proven = (ROOT / "tests/shop/models.py").read_text()

    assert [line for line in MODELS.splitlines() if line.startswith("    ") and line not in proven] == []


def test_its_admin_has_a_field_for_uploads(monkeypatch: pytest.MonkeyPatch, admin_client: Client) -> None:
    registry: Any = admin.site._registry
    monkeypatch.delitem(registry, models.Purchase)

    run(ADMIN)

    assert admin_client.get("/admin/shop/purchase/add/").content.count(b'class="fileman-attachment"') == 3


def test_its_form_saves_an_upload(user: User, manager: FileManager) -> None:
    request = SimpleNamespace(POST={"invoice": handle_of(user)}, user=user)

    form = run(FORM, request=request, purchase=models.Purchase(customer=user))["form"]

    assert form.save().invoice.original_filename == "invoice.pdf"


def test_its_mutation_claims_a_handle_once(host: Any, user: User, other_user: User, manager: FileManager) -> None:
    exec(SCHEMA, vars(host))
    view = GraphQLView.as_view(schema=host.schema)
    api, stranger = (HostApi(client=Client(), view=view, user=who) for who in (user, other_user))
    slot = api.call("{ invoiceSlot }")["invoiceSlot"]
    file = api.upload(PDF, "invoice.pdf", slot=slot)
    document = "query ($id: ID!) { file(id: $id) { handle } }"
    handle = api.call(document, {"id": file["id"]})["file"]["handle"]

    def add(who: HostApi) -> Any:
        body = who.post("mutation ($h: String!) { addPurchase(invoice: $h) }", {"h": handle}).json()
        return body["errors"][0]["extensions"]["code"] if "errors" in body else body["data"]

    assert add(stranger) == "NOT_FOUND"
    purchase = models.Purchase.objects.filter(invoice__original_filename="invoice.pdf")
    assert (add(api), purchase.count()) == ({"addPurchase": str(purchase.get().pk)}, 1)
    assert add(api) == "FILE_IN_USE"


def test_its_serializer_resolves_for_a_user(user: User, manager: FileManager, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the classes that the sample inherits from are stand-ins: the framework is no dependency."""
    rest = ModuleType("rest_framework")
    rest.serializers = SimpleNamespace(  # type: ignore[attr-defined]
        ModelSerializer=object, CharField=lambda **_: None, ValidationError=ValidationError
    )
    monkeypatch.setitem(sys.modules, "rest_framework", rest)
    serializer = run(SERIALIZER)["PurchaseSerializer"]()
    serializer.context = {"request": SimpleNamespace(user=user)}

    assert serializer.validate_invoice(handle_of(user)).original_filename == "invoice.pdf"
    with pytest.raises(ValidationError, match="cannot be used here"):
        serializer.validate_invoice("forged")
