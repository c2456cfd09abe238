"""Encryption at rest: a JSON field whose column contains only ciphertext, bound to its row.

The column contains `<key id>:<Fernet token>`. The token's plaintext is `{"row": "<primary key>", "value": ...}`, so
reading detects a ciphertext that was copied to another row. A value is decrypted on first access.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.functions import Cast
from django.db.models.query_utils import DeferredAttribute
from django.views.decorators.debug import sensitive_variables

from fileman import conf
from fileman.errors import StorageMisconfigured

_DEVELOPMENT_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"fileman development key").digest()).decode()


class DecryptionError(StorageMisconfigured, ImproperlyConfigured):
    """No configured key decrypts the value, or it belongs to another row. The value is never used."""


class Ciphertext(str):
    """A value in the form that the database keeps."""

    __slots__ = ()


def key_id(key: str) -> str:
    """Return eight hex digits that identify a key without revealing it."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def keys() -> tuple[str, ...]:
    """Return the configured keys; the first one encrypts. Under DEBUG, falls back to a fixed development key."""
    configured = tuple(conf.settings().ENCRYPTION_KEYS)
    if configured:
        return configured
    if django_settings.DEBUG:
        return (_DEVELOPMENT_KEY,)
    raise ImproperlyConfigured(
        "FILEMAN_SETTINGS['ENCRYPTION_KEYS'] is empty. Create a key with "
        "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
    )


@lru_cache(maxsize=32)
def _fernet(key: str) -> Fernet:
    return Fernet(key)


@sensitive_variables()
def encrypt(value: Any, *, row: object) -> Ciphertext:
    """Return a JSON value encrypted for the row with this primary key."""
    key = keys()[0]
    plain = json.dumps({"row": str(row), "value": value}, separators=(",", ":")).encode()
    return Ciphertext(f"{key_id(key)}:{_fernet(key).encrypt(plain).decode()}")


@sensitive_variables()
def decrypt(text: str, *, row: object) -> Any:
    """Return the JSON value. Raises DecryptionError with the id of the key if no key fits or the row is another."""
    name, _, token = text.partition(":")
    key = next((k for k in keys() if key_id(k) == name), None)
    if key is None:
        raise DecryptionError(f"No encryption key with id {name} is configured. Add the key that encrypted row {row}.")
    try:
        envelope = json.loads(_fernet(key).decrypt(token.encode()))
    except InvalidToken:
        raise DecryptionError(f"Row {row} cannot be decrypted with key {name}: the ciphertext is damaged.") from None
    if envelope["row"] != str(row):
        raise DecryptionError(f"Row {row} has the ciphertext of another row.")
    return envelope["value"]


def rotate(model: type[models.Model]) -> tuple[int, list[str]]:
    """Encrypt with the first key what another key has encrypted. Return how many, and why others are unreadable.

    Each row is one statement, so a run that breaks off loses nothing, and the next one continues.
    """
    (name,) = (column.attname for column in model._meta.fields if isinstance(column, EncryptedJSONField))  # noqa: SLF001
    # Lookups of the column itself are refused.
    rows = model._base_manager.annotate(ciphertext=Cast(name, models.TextField()))  # noqa: SLF001
    rotated, problems = 0, []
    for key, text in rows.exclude(ciphertext__startswith=f"{key_id(keys()[0])}:").values_list("pk", "ciphertext"):
        try:
            renewed = encrypt(decrypt(text, row=key), row=key)
        except DecryptionError as error:
            problems.append(str(error))
        else:
            # Not if the row was saved meanwhile.
            rotated += rows.filter(pk=key, ciphertext=text).update(**{name: renewed})
    return rotated, problems


class OpenedObject(dict[str, Any]):
    """A decrypted JSON object. A pickle in a cache and a fixture's raw save keep its ciphertext."""

    __slots__ = ("row",)

    def __init__(self, value: Mapping[str, Any], *, row: object) -> None:
        super().__init__(value)
        self.row = row

    def __repr__(self) -> str:
        return f"<encrypted: {', '.join(self) or 'nothing'}>"

    def __reduce__(self) -> tuple[type[Ciphertext], tuple[str]]:
        return Ciphertext, (str(self.sealed()),)

    def sealed(self) -> Ciphertext:
        return encrypt(dict(self), row=self.row)


class _DecryptOnAccess(DeferredAttribute):
    """Attribute of the model instance: keeps the ciphertext until the value is read."""

    def __get__(self, instance: models.Model | None, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        if instance is None or not isinstance(value, Ciphertext):
            return value
        self.__set__(instance, decrypt(value, row=instance.pk))
        return super().__get__(instance, owner)

    def __set__(self, instance: models.Model, value: Any) -> None:
        opened = isinstance(value, Mapping) and not isinstance(value, OpenedObject)
        instance.__dict__[self.field.attname] = OpenedObject(value, row=instance.pk) if opened else value


class EncryptedJSONField(models.Field):  # type: ignore[type-arg]
    """A JSON object, encrypted together with the row's primary key. It cannot be searched."""

    descriptor_class = _DecryptOnAccess

    def get_internal_type(self) -> str:
        return "TextField"

    def from_db_value(self, value: str | None, *_: object) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Ciphertext:  # noqa: ARG002
        value = model_instance.__dict__[self.attname]
        return value if isinstance(value, Ciphertext) else encrypt(value, row=model_instance.pk)

    def get_prep_value(self, value: Any) -> Ciphertext:
        if isinstance(value, OpenedObject):
            return value.sealed()
        if not isinstance(value, Ciphertext):
            raise TypeError(f"{self.name} is encrypted. Save the instance, or update with encryption.encrypt().")
        return value

    def get_lookup(self, lookup_name: str) -> None:
        raise TypeError(f"{self.name} is encrypted and cannot be searched by {lookup_name!r}.")

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.pre_save(obj, add=False))

    def to_python(self, value: Any) -> Any:
        return Ciphertext(value) if isinstance(value, str) else value
