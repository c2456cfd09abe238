"""Who gets a file, and what becomes of it when its row changes, whatever the database is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from strawberry.relay import to_base64

from fileman import cleanup, files
from fileman.attachments import get_fields
from fileman.errors import FileInUse, FilemanError, MimeTypeNotAllowed, NotFound, NotUploaded, Unauthenticated
from fileman.models import File, FileManager
from tests.api import Api
from tests.attachments.uploads import PDF, handle_of, upload_for
from tests.shop.models import Cascading, Nulling, Photo, Protecting, Purchase, Restricting
from tests.uploads.clock import NOW
from tests.uploads.driver import caller_of, declared, file_of, initiate, start, stored_paths, upload
from tests.uploads.faults import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = [Protecting, Restricting, Nulling, Cascading]
LATER = timedelta(days=3)


def assign(row: Any, *files: File | None) -> None:
    for file in files:
        row.file = file
        row.save()


def delete_unseen(row: Any, _: File) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {row._meta.db_table}")


CHANGES: dict[str, Callable[[Any, File], Any]] = {
    "keep": lambda row, _: row.save(),
    "replace": assign,
    "replace twice": lambda row, other: assign(row, None, other),
    "there and back": lambda row, other: assign(row, other, row.file),
    "detach": lambda row, _: assign(row, None),
    "delete": lambda row, _: row.delete(),
    "update": lambda row, other: type(row).objects.update(file=other),
    "raw": delete_unseen,
}


@pytest.mark.parametrize("is_rolled_back", [False, True], ids=["committed", "rolled back"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("model", MODELS)
def test_no_row_loses_its_file_and_no_file_stays_without_a_row(
    model: Any, change: str, is_rolled_back: bool, user: User, manager: FileManager
) -> None:
    """After the cleanup and the comparison that run regularly."""
    file, other = upload_for(model.file, user), upload_for(model.file, user)
    model.objects.create(file=file)

    with transaction.atomic():
        CHANGES[change](model.objects.get(), other)
        transaction.set_rollback(is_rolled_back)
    File.objects.filter(attached_at__isnull=False).update(attached_at=NOW)
    call_command("cleanup_expired_uploads", "--reconcile", "--apply")
    cleanup.run(cleanup.Request(), now=timezone.now() + LATER)

    expected = {"keep": file, "replace": other, "replace twice": other, "there and back": file, "update": other}
    kept = file if is_rolled_back else expected.get(change)
    assert [row.file for row in model.objects.all() if row.file] == ([kept] if kept else [])
    assert [(row, row.attached_to) for row in File.objects.all()] == ([(kept, model.file.field.label)] if kept else [])
    assert [path for path in stored_paths(manager) if path.startswith("uploads/")] == ([kept.file_path] if kept else [])


def test_of_fifty_claims_one_wins_and_a_rollback_gives_the_file_back(user: User, manager: FileManager) -> None:
    file = upload_for(Protecting.file, user)

    def claim(number: int) -> Protecting:
        with transaction.atomic():
            row = Protecting.objects.create(file=file)
            transaction.set_rollback(number < 0)
        return row

    claim(-1)
    assert (Protecting.objects.count(), File.objects.get().attached_to) == (0, "")
    answers = at_once(50, claim)

    assert [type(answer) for answer in answers if not isinstance(answer, FileInUse)] == [Protecting]
    assert Protecting.objects.get().file == File.objects.get(attached_to="shop.protecting.file")


def test_a_second_save_costs_no_statement(user: User, manager: FileManager, django_assert_num_queries: Any) -> None:
    row = Protecting.objects.create(file=upload_for(Protecting.file, user))
    Protecting.objects.bulk_create([Protecting(file=upload_for(Protecting.file, user))])

    with django_assert_num_queries(1):
        row.save()
    assert set(File.objects.values_list("attached_to", flat=True)) == {"shop.protecting.file"}
    Protecting.objects.defer("file").get(pk=row.pk).save()
    with pytest.raises(FileInUse):
        Restricting.objects.create(file=row.file)


@pytest.mark.parametrize("model", MODELS)
def test_an_attached_file_is_in_use(model: Any, user: User, manager: FileManager, api: Api) -> None:
    file = upload(user)
    row = model.objects.create(file=file)

    refusal = api.delete(to_base64("File", file.pk))
    assign(row, None)
    cleanup.run(cleanup.Request(), now=timezone.now() + LATER)

    assert [error["code"] for error in refusal["errors"]] == ["FILE_IN_USE"]
    assert files.find(caller_of(user), file.pk).attached_to == ""  # it was uploaded for no field, so it stays
    assert api.delete(to_base64("File", file.pk))["success"]


class TestHandles:
    def test_a_file_goes_from_slot_to_row_and_reads_like_a_file_of_django(self, api: Api, manager: FileManager) -> None:
        uploaded = api.start(PDF, "invoice.pdf", slot=Purchase.invoice.field.sign_slot())
        api.send(uploaded["instructions"], PDF)
        document = "mutation ($t: String!) { finalizeUpload(input: {uploadToken: $t}) { file { handle } } }"
        handle = api.call(document, {"t": uploaded["uploadToken"]})["finalizeUpload"]["file"]["handle"]
        user = User.objects.get()

        file = Purchase.invoice.field.resolve(handle, user=user)
        purchase = Purchase.objects.create(customer=user, invoice=file)

        invoice = Purchase.objects.get(pk=purchase.pk).invoice
        assert (invoice.open().read(), invoice.file_size, invoice.attached_to) == (PDF, 16, "shop.purchase.invoice")
        assert api.client.get(invoice.url).getvalue() == PDF
        assert api.client.get(invoice.permalink).status_code == 302

    def test_a_handle_is_refused_by_name(self, user: User, manager: FileManager) -> None:
        """test_forms.py has those of other users."""
        handle = handle_of(user)

        with pytest.raises(NotFound):
            Photo.file.field.resolve(handle, user=user)
        with pytest.raises(Unauthenticated):
            Purchase.invoice.field.resolve(handle, user=AnonymousUser())

    def test_one_that_is_claimed_swept_or_forged_is_refused(self, user: User, manager: FileManager) -> None:
        handle, swept = handle_of(user), handle_of(user)
        Purchase.objects.create(customer=user, invoice=Purchase.invoice.field.resolve(handle, user=user))
        cleanup.run(cleanup.Request(), now=timezone.now() + LATER)

        for given, error in [(handle, FileInUse), (swept, NotFound), ("forged", NotFound)]:
            with pytest.raises(error):
                Purchase.invoice.field.resolve(given, user=user)
        assert File.objects.get().handle is None
        assert File.objects.get().attached_to == "shop.purchase.invoice"

    def test_an_unfinished_upload_is_refused(self, user: User, manager: FileManager) -> None:
        unfinished = file_of(start(user))

        with pytest.raises(NotUploaded):
            Protecting.objects.create(file=unfinished)

        assert (unfinished.handle, Protecting.objects.count()) == (None, 0)

    def test_the_limits_of_the_field_hold_before_a_byte_is_sent(self, user: User, manager: FileManager) -> None:
        slot = Purchase.invoice.field.sign_slot()
        sent = [declared("a.png", content_type="image/png"), declared("a.pdf", 20 * 1024**2 + 1), declared("a.pdf")]

        tickets = initiate(user, *sent, slot=slot).tickets

        codes = [[error.code.value for error in ticket.errors] for ticket in tickets]
        assert codes == [["MIME_TYPE_NOT_ALLOWED"], ["FILE_TOO_LARGE"], []]
        with pytest.raises(FilemanError, match="This token is not valid"):
            initiate(user, declared(), slot=slot[:-9])

    def test_bytes_of_another_type_than_declared_are_not_attached(self, user: User, manager: FileManager) -> None:
        handle = handle_of(user)
        File.objects.update(content_type="text/plain")  # which the storage has shown

        with pytest.raises(MimeTypeNotAllowed):
            Purchase.invoice.field.resolve(handle, user=user)


def test_every_field_of_the_project_is_found() -> None:
    models = {Purchase, Photo, *MODELS}
    assert {field.model for field in get_fields()} == models
