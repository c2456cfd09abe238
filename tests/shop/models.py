"""Foreign keys to File as host projects write them, and users without Django's own group relation."""

from uuid import uuid4

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group
from django.db import models

from fileman.attachments import FilemanFileField
from fileman.models import File


class Invoice(models.Model):  # noqa: DJ008
    scan = models.ForeignKey(File, on_delete=models.PROTECT, related_name="+")


class Order(models.Model):  # noqa: DJ008
    """A customer's order with the invoice that somebody else uploaded."""

    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    invoice = models.ForeignKey(File, null=True, on_delete=models.PROTECT, related_name="+")


class Receipt(models.Model):  # noqa: DJ008
    scan = models.ForeignKey(File, on_delete=models.RESTRICT, related_name="+")


class Comment(models.Model):  # noqa: DJ008
    attachment = models.ForeignKey(File, on_delete=models.CASCADE, related_name="+")


class Profile(models.Model):  # noqa: DJ008
    picture = models.ForeignKey(File, null=True, on_delete=models.SET_NULL, related_name="+")


class PlainUser(AbstractBaseUser):
    """No groups, no permissions, a character key."""

    id = models.CharField(primary_key=True, max_length=26)
    email = models.CharField(max_length=100, unique=True)
    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class Customer(AbstractBaseUser):
    """Groups under another reverse name, as projects do to avoid a clash; a UUID key."""

    id = models.UUIDField(primary_key=True, default=uuid4)
    email = models.CharField(max_length=100, unique=True)
    groups = models.ManyToManyField(Group, related_name="customers", related_query_name="customer")
    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class Courier(AbstractBaseUser):
    """Groups without any reverse relation."""

    email = models.CharField(max_length=100, unique=True)
    groups = models.ManyToManyField(Group, related_name="+")
    objects = BaseUserManager()

    USERNAME_FIELD = "email"


class Purchase(models.Model):  # noqa: DJ008
    customer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    invoice = FilemanFileField(
        null=True, blank=True, limits={"max_file_size": 20 * 1024**2, "allowed_mime_types": ["application/pdf"]}
    )


class Photo(models.Model):  # noqa: DJ008
    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="photos")
    caption = models.CharField(max_length=100)
    file = FilemanFileField()
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]


class Restricting(models.Model):  # noqa: DJ008
    file = FilemanFileField(null=True, on_delete=models.RESTRICT)


class Nulling(models.Model):  # noqa: DJ008
    file = FilemanFileField(null=True, on_delete=models.SET_NULL)


class Cascading(models.Model):  # noqa: DJ008
    file = FilemanFileField(null=True, on_delete=models.CASCADE)


class Protecting(models.Model):  # noqa: DJ008
    file = FilemanFileField(null=True)
