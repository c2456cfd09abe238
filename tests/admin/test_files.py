"""Files and the deletion queue in the admin: no form changes them, actions do what the API does."""

from base64 import b64encode
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from fileman.backends import get_backend
from fileman.models import File, FileManager, StorageDeletion
from fileman.uploads import Ticket, transitions
from tests.admin.staff import ADMIN, Staff
from tests.uploads.driver import configured, file_of, start, upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("manager")]


@pytest.fixture
def root(other_user: User) -> Staff:
    return Staff(other_user)


def test_a_file_is_found_by_its_uploader_and_every_form_of_its_id(root: Staff, user: User) -> None:
    file = upload(user)
    for term in ("notes", "ann", str(file.pk), b64encode(f"File:{file.pk}".encode()).decode(), file.stored_path):
        page = root.client.get(f"{ADMIN}/file/", {"q": term})
        assert list(page.context["cl"].queryset) == [file], term
    assert "5\xa0bytes" in page.content.decode()


def test_no_form_changes_a_file_or_the_queue(root: Staff, user: User) -> None:
    file = file_of(start(user))
    assert root.client.get(f"{ADMIN}/file/add/").status_code == 403
    assert root.client.post(f"{ADMIN}/file/{file.pk}/change/", {"upload_status": "completed"}).status_code == 403
    assert File.objects.get().upload_status == "pending"
    assert root.client.get(f"{ADMIN}/storagedeletion/add/").status_code == 403
    assert not StorageDeletion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_files_are_published_withdrawn_and_deleted(root: Staff, user: User) -> None:
    file = upload(user)
    page = f"file/{file.pk}/change/"
    assert f'href="{file.permalink}"' in root.read(page)
    assert b"".join(root.client.get(file.permalink, follow=True)) == b"hello"
    assert root.act("file", "publish", file, page=file.pk) == {"notes.txt: Public now.": "success"}
    assert File.objects.get().is_public
    assert root.act("file", "withdraw", file) == {"notes.txt: No longer public.": "success"}
    assert not File.objects.get().is_public
    assert root.act("file", "abort", file) == {"notes.txt: This upload has already ended. (INVALID_INPUT)": "error"}
    history = root.read(f"file/{file.pk}/history/")
    assert "Public now." in history
    assert "No longer public." in history
    for path in ("file/", f"file/{file.pk}/delete/"):
        chosen = {"action": "delete_selected", "_selected_action": file.pk}
        assert "Are you sure" in root.client.post(f"{ADMIN}/{path}", chosen).content.decode()
        assert File.objects.exists()
    assert root.client.post(f"{ADMIN}/file/{file.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not File.objects.exists()
    assert get_backend(file.file_manager).find(file.stored_path) is None


@pytest.mark.django_db(transaction=True)
def test_unfinished_uploads_are_aborted_unless_an_attempt_holds_them(root: Staff, user: User, sent: Ticket) -> None:
    held = file_of(start(user, filename="held.txt", now=timezone.now()))
    assert transitions.claim(held, now=timezone.now())
    told = root.act("file", "abort", file_of(sent), held)
    assert told.pop("notes.txt: Aborted.") == "success"
    ((problem, level),) = told.items()
    assert (problem.partition(":")[0], problem.endswith("(UPLOAD_IN_PROGRESS)"), level) == ("held.txt", True, "error")
    assert file_of(sent).upload_status == "aborted"
    assert File.objects.get(pk=held.pk).upload_status == "verifying"


def test_a_file_is_compared_with_the_storage(root: Staff, user: User) -> None:
    whole, gone = upload(user), upload(user, filename="gone.txt")
    get_backend(gone.file_manager).delete([gone.stored_path])
    told = root.act("file", "recheck", whole, gone)
    assert told.pop("notes.txt: The file is complete and in order.") == "success"
    ((problem, level),) = told.items()
    assert problem.startswith(
        "gone.txt: The stored object is gone. Something other than fileman has deleted it. To do:"
    )
    assert level == "error"


def test_staff_act_as_far_as_their_permissions_go(user: User, other_user: User) -> None:
    file = upload(user)
    viewer = Staff(other_user, "view_file", "view_storagedeletion")
    for action in ("publish", "withdraw", "abort", "recheck", "delete_selected"):
        assert viewer.act("file", action, file, post="yes") == {}
    assert viewer.client.post(f"{ADMIN}/file/{file.pk}/delete/", {"post": "yes"}).status_code == 403
    assert 'name="action"' not in viewer.read(f"file/{file.pk}/change/")
    changer = Staff(other_user, "view_file", "change_file")
    refused = "notes.txt: You do not have permission to make files public. (PERMISSION_DENIED)"
    assert changer.act("file", "publish", file) == {refused: "error"}
    assert changer.act("file", "delete_selected", file, post="yes") == {"No action selected.": "warning"}
    kept = File.objects.get()
    assert (kept.is_public, kept.upload_status) == (False, "completed")


@configured(MAX_BATCH_FILES=2)
def test_too_many_files_at_once_are_refused(root: Staff, user: User) -> None:
    told = root.act("file", "publish", *(upload(user, filename=f"{name}.txt") for name in "abc"))
    assert list(told.values()).count("success") == 2
    assert File.objects.filter(is_public=True).count() == 2
    assert [text.partition(": ")[2] for text, level in told.items() if level == "error"] == [
        "Choose at most 2 files at once. (TOO_MANY_FILES)"
    ]


def test_deletions_are_filtered_and_made_due(root: Staff, user: User, manager: FileManager) -> None:
    now = timezone.now()
    shared = {"file_manager": manager, "watch_until": now, "created": now}
    due = StorageDeletion.objects.create(path="due", due_at=now - timedelta(hours=1), **shared)
    later, other = [
        StorageDeletion.objects.create(path=path, due_at=now + timedelta(hours=1), last_error="Denied.", **shared)
        for path in ("later", "other")
    ]
    for query, rows in (("due=now", [due]), ("due=later", [later, other]), ("last_error__isempty=1", [due])):
        page = root.client.get(f"{ADMIN}/storagedeletion/?{query}")
        assert sorted(page.context["cl"].queryset, key=lambda row: row.pk) == rows, query
    assert "Denied." in root.read(f"storagedeletion/{later.pk}/change/")
    viewer = Staff(user, "view_storagedeletion")
    assert viewer.act("storagedeletion", "retry_now", later) == {}
    assert list(StorageDeletion.objects.filter(due_at__lte=timezone.now())) == [due]
    told = root.act("storagedeletion", "retry_now", later)
    assert told == {"Deletions that the next cleanup tries again: 1.": "success"}
    assert set(StorageDeletion.objects.filter(due_at__lte=timezone.now())) == {due, later}
