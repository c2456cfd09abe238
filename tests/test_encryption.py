"""What is encrypted at rest: nobody reads it without a key, and no row passes for another."""

import pickle
from copy import deepcopy
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import override_settings

from fileman import encryption
from fileman.backends import forget_backends, get_backend
from fileman.encryption import DecryptionError
from fileman.models import File, FileManager
from tests.api import Api
from tests.conftest import CANARY, S3_SETTINGS
from tests.uploads.driver import configured, start, upload
from tests.uploads.faults import note_calls, overtaken

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def raw(table: str, column: str) -> list[str]:
    """The column as the database holds it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return [str(value) for (value,) in cursor.fetchall()]


def test_the_column_holds_no_plain_text(secretive: FileManager) -> None:
    (value,) = raw("fileman_filemanager", "settings")
    assert CANARY not in value
    assert "secret_access_key" not in value
    assert value.startswith(f"{encryption.key_id(encryption.keys()[0])}:gAAAA")
    assert FileManager.objects.get().settings == S3_SETTINGS


def test_the_state_of_an_upload_is_encrypted_too(user: User, manager: FileManager) -> None:
    start(user)
    assert "strategy" not in raw("fileman_file", "upload_state")[0]
    assert File.objects.get().upload_state == {"strategy": "single", "part_size": 5, "total_parts": 1}


def test_a_dump_shows_ciphertext_and_survives_the_round_trip(
    user: User, manager: FileManager, secretive: FileManager, tmp_path: Any
) -> None:
    upload(user, into=manager)
    token = start(user, into=manager).upload_token
    path = tmp_path / "dump.json"
    call_command("dumpdata", "fileman", output=str(path))
    assert CANARY not in path.read_text()
    assert f'"settings": "{encryption.key_id(encryption.keys()[0])}:' in path.read_text()
    File.objects.all().delete()
    call_command("loaddata", str(path), verbosity=0)
    assert FileManager.objects.get(pk=secretive.pk).settings == S3_SETTINGS
    assert File.objects.get(upload_token=token).upload_state["strategy"] == "single"


def test_settings_show_their_names_alone(secretive: FileManager) -> None:
    assert repr(FileManager.objects.get().settings) == "<encrypted: bucket_name, access_key_id, secret_access_key>"


def test_changed_settings_are_saved_and_a_copy_keeps_its_own(secretive: FileManager) -> None:
    manager = FileManager.objects.get()
    twin = deepcopy(manager)
    manager.settings["region_name"] = "eu-west-1"
    manager.save()
    assert FileManager.objects.get().settings == {**S3_SETTINGS, "region_name": "eu-west-1"}
    assert twin.settings == S3_SETTINGS


def test_a_pickled_manager_holds_no_plain_text(secretive: FileManager) -> None:
    """Caches pickle what they keep."""
    for manager in (secretive, FileManager.objects.get()):
        pickled = pickle.dumps(manager)
        assert CANARY.encode() not in pickled
        assert pickle.loads(pickled).settings == S3_SETTINGS


def test_a_wrong_key_is_named_and_the_ciphertext_never_used(secretive: FileManager) -> None:
    forget_backends()
    with configured(ENCRYPTION_KEYS=[NEW]):
        locked = FileManager.objects.get()
        name = encryption.key_id("T3pjZ2xkY0VqM1JmS0pQd0xxWm5YdHVWYmFzZDEyMzQ=")
        with pytest.raises(DecryptionError, match=f"No encryption key with id {name} is configured"):
            get_backend(locked)


def test_a_ciphertext_in_another_row_is_detected(secretive: FileManager) -> None:
    other = FileManager.objects.create(
        name="Other", backend_type="s3", backend_url="s3://other/", settings={"bucket_name": "other"}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT settings FROM fileman_filemanager WHERE name = 'S3'")
        cursor.execute("UPDATE fileman_filemanager SET settings = %s WHERE name = 'Other'", cursor.fetchone())
    other = FileManager.objects.get(pk=other.pk)
    with pytest.raises(DecryptionError, match=f"Row {other.pk} has the ciphertext of another row"):
        _ = other.settings


DAMAGES: dict[str, tuple[Any, str]] = {
    "its last character is gone": (lambda text: text[:-1], "damaged"),
    "another in its middle": (lambda text: text[:20] + ("y" if text[20] == "x" else "x") + text[21:], "damaged"),
    "nothing but the key's id": (lambda text: text[:9], "damaged"),
    "never encrypted": (lambda _: '{"secret_access_key": "plain"}', "No encryption key with id"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_ciphertext_is_refused(name: str) -> None:
    damage, reason = DAMAGES[name]
    text = encryption.encrypt({"a": 1}, row=5)
    with pytest.raises(DecryptionError, match=reason):
        encryption.decrypt(damage(text), row=5)


@pytest.mark.django_db
class TestRotation:
    """manage.py fileman_doctor --rotate-keys."""

    @pytest.fixture(autouse=True)
    def _rows(self, user: User) -> None:
        with configured(ENCRYPTION_KEYS=[OLD]):
            for name in ("A", "B"):
                FileManager.objects.create(name=name, backend_type="memory", settings={"upload_expires_in": 60})
            FileManager.objects.filter(name="A").update(is_default=True)
            start(user)

    def rotate(self, *keys: str) -> list[str]:
        output = StringIO()
        with configured(ENCRYPTION_KEYS=keys):
            call_command("fileman_doctor", "--rotate-keys", stdout=output)
        return output.getvalue().splitlines()

    def key_ids(self) -> list[str]:
        texts = raw("fileman_filemanager", "settings") + raw("fileman_file", "upload_state")
        return [text.partition(":")[0] for text in texts]

    def test_every_row_moves_to_the_first_key(self) -> None:
        assert self.rotate(NEW, OLD) == [
            "file managers: 2 encrypted with the first key.",
            "files: 1 encrypted with the first key.",
        ]
        with configured(ENCRYPTION_KEYS=[NEW]):
            assert [manager.settings for manager in FileManager.objects.all()] == [{"upload_expires_in": 60}] * 2
            assert File.objects.get().upload_state["strategy"] == "single"

    def test_a_run_that_was_killed_is_continued(self) -> None:
        def kill(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith("UPDATE") and encryption.key_id(NEW) in self.key_ids():
                raise KeyboardInterrupt
            return execute(sql, *rest)

        with connection.execute_wrapper(kill), pytest.raises(KeyboardInterrupt):
            self.rotate(NEW, OLD)
        assert self.key_ids().count(encryption.key_id(NEW)) == 1

        assert self.rotate(NEW, OLD)[0] == "file managers: 1 encrypted with the first key."
        assert set(self.key_ids()) == {encryption.key_id(NEW)}

    def test_rows_without_their_key_are_named_and_kept(self) -> None:
        before = raw("fileman_filemanager", "settings")

        with pytest.raises(CommandError, match=r"3 rows could not be decrypted\. Add their keys and run this again\."):
            self.rotate(NEW)

        assert raw("fileman_filemanager", "settings") == before

    def test_a_row_that_is_saved_meanwhile_keeps_what_was_saved(self) -> None:
        def save() -> None:
            for manager in FileManager.objects.all():
                manager.settings = {"upload_expires_in": 90}
                manager.save()

        with overtaken(save, at="UPDATE"):
            self.rotate(NEW, OLD)

        with configured(ENCRYPTION_KEYS=[NEW]):
            assert [manager.settings for manager in FileManager.objects.all()] == [{"upload_expires_in": 90}] * 2


@pytest.mark.parametrize("verb", ["initiate", "refresh", "finalize", "abort", "delete", "delete unfinished"])
def test_mutations_name_settings_that_cannot_be_decrypted(verb: str, api: Api, manager: FileManager) -> None:
    file, ticket = api.upload(b"hello"), api.start(b"hello")
    before = list(File.objects.order_by("pk").values())
    calls = {
        "initiate": lambda: api.initiate({"filename": "a.txt", "size": 5}),
        "refresh": lambda: api.refresh(uploadToken=ticket["uploadToken"]),
        "finalize": lambda: api.finalize(ticket["uploadToken"]),
        "abort": lambda: api.abort(ticket["uploadToken"]),
        "delete": lambda: api.delete(file["id"]),
        "delete unfinished": lambda: api.delete(ticket["file"]["id"]),
    }
    forget_backends()
    asked = note_calls()
    with configured(ENCRYPTION_KEYS=[NEW]):
        payload = calls[verb]()

    errors = payload["errors"] + [error for one in payload.get("files", ()) for error in one["errors"]]
    assert [error["code"] for error in errors] == ["STORAGE_MISCONFIGURED"]
    assert (list(File.objects.order_by("pk").values()), asked) == (before, [])


def test_an_update_needs_no_key(api: Api, manager: FileManager) -> None:
    update = f'mutation {{ updateFile(input: {{id: "{api.upload(b"hello")["id"]}"}}) {{ errors {{ code }} }} }}'
    forget_backends()
    with configured(ENCRYPTION_KEYS=[NEW]):
        assert api.call(update) == {"updateFile": {"errors": []}}


@override_settings(FILEMAN_SETTINGS={})
def test_the_development_key_serves_only_under_debug() -> None:
    with override_settings(DEBUG=True):
        assert encryption.decrypt(encryption.encrypt([1], row=1), row=1) == [1]
    with override_settings(DEBUG=False), pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        encryption.encrypt([1], row=1)


def test_a_key_id_does_not_tell_the_key() -> None:
    assert len(encryption.key_id(OLD)) == 8
    assert encryption.key_id(OLD) != encryption.key_id(NEW)
    assert encryption.key_id(OLD) not in OLD


def test_settings_cannot_be_searched_nor_written_around_the_encryption(secretive: FileManager) -> None:
    with pytest.raises(TypeError, match="cannot be searched"):
        FileManager.objects.filter(settings={})
    with pytest.raises(TypeError, match="encrypted"), transaction.atomic():
        FileManager.objects.update(settings={"secret_access_key": CANARY})
    assert CANARY not in raw("fileman_filemanager", "settings")[0]
