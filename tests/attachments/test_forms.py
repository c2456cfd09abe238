"""Forms take uploads of their user, keep them when they come back with errors, and leave the row's own file alone."""

from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User

from fileman.attachments import AttachmentFormMixin
from fileman.models import File, FileManager
from tests.attachments.uploads import handle_of, upload_for
from tests.shop.models import Purchase

pytestmark = pytest.mark.django_db


class PurchaseForm(AttachmentFormMixin, forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Purchase
        fields = ("customer", "invoice")


def posted(user: Any, invoice: str, purchase: Purchase | None = None, customer: Any = None) -> PurchaseForm:
    data = {"customer": customer or User.objects.get(username="ann").pk, "invoice": invoice}
    initial = {} if purchase else {"invoice": invoice}  # as the admin takes it from the URL
    return PurchaseForm(data, instance=purchase, initial=initial, user=user)


def test_a_handle_attaches_its_file_and_an_empty_value_detaches_it(user: User, manager: FileManager) -> None:
    form = posted(user, handle_of(user))
    assert form.is_valid(), form.errors
    purchase = form.save()
    file = purchase.invoice

    again = posted(None, str(file.pk), Purchase.objects.get())
    assert (again.is_valid(), again.changed_data, again.save().invoice) == (True, [], file)
    assert f'value="{file.pk}"' in str(PurchaseForm(instance=purchase, user=user)["invoice"])
    assert posted(user, "", Purchase.objects.get()).save().invoice is None
    assert purchase.customer == user


def test_a_form_with_errors_keeps_the_upload(user: User, manager: FileManager) -> None:
    handle = handle_of(user)

    shown = str(posted(user, handle, customer="nobody")["invoice"])

    assert f'name="invoice" value="{handle}"' in shown
    assert "invoice.pdf (16" in shown
    assert "<script" not in shown
    assert "style=" not in shown


@pytest.mark.parametrize("kind", ["another user", "no user", "claimed", "foreign key", "forged"])
def test_a_refused_handle_is_an_error_of_the_field_and_shows_nothing(
    kind: str, user: User, other_user: User, manager: FileManager
) -> None:
    file = upload_for(Purchase.invoice, user)
    taken = handle_of(user)
    posted(user, taken).save()
    who = {"another user": other_user, "no user": None}.get(kind, user)
    value = {"claimed": taken, "foreign key": str(file.pk), "forged": "forged"}.get(kind) or handle_of(user)

    form = posted(who, value)

    codes = {"no user": "UNAUTHENTICATED", "claimed": "FILE_IN_USE"}
    assert [error.code for error in form.errors.as_data()["invoice"]] == [codes.get(kind, "NOT_FOUND")]
    assert "invoice.pdf" not in str(form["invoice"])
    assert File.objects.exclude(attached_to="").count() == 1
