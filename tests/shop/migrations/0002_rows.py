"""The rows that point to files."""

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.models import CASCADE, PROTECT, RESTRICT, SET_NULL


def create(name: str, *fields: tuple[str, Any], **options: Any) -> Any:
    key = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
    return migrations.CreateModel(name, [("id", key), *fields], options)


def foreign_key(on_delete: Any, **options: Any) -> Any:
    return models.ForeignKey(on_delete=on_delete, related_name="+", to="fileman.file", **options)


def attachment(on_delete: Any = PROTECT, **options: Any) -> Any:
    return models.OneToOneField(on_delete=on_delete, related_name="+", to="fileman.file", **options)


CUSTOMER = ("customer", models.ForeignKey(on_delete=CASCADE, to=settings.AUTH_USER_MODEL))
PURCHASE = ("purchase", models.ForeignKey(on_delete=CASCADE, related_name="photos", to="shop.purchase"))


class Migration(migrations.Migration):
    dependencies = [
        ("fileman", "0001_initial"),
        ("shop", "0001_users"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        create("Comment", ("attachment", foreign_key(CASCADE))),
        create("Invoice", ("scan", foreign_key(PROTECT))),
        create("Order", CUSTOMER, ("invoice", foreign_key(PROTECT, null=True))),
        create("Profile", ("picture", foreign_key(SET_NULL, null=True))),
        create("Receipt", ("scan", foreign_key(RESTRICT))),
        create("Purchase", CUSTOMER, ("invoice", attachment(null=True, blank=True))),
        create(
            "Photo",
            PURCHASE,
            ("caption", models.CharField(max_length=100)),
            ("file", attachment()),
            ("position", models.PositiveIntegerField(default=0)),
            ordering=["position"],
        ),
        create("Protecting", ("file", attachment(null=True))),
        create("Restricting", ("file", attachment(RESTRICT, null=True))),
        create("Nulling", ("file", attachment(SET_NULL, null=True))),
        create("Cascading", ("file", attachment(CASCADE, null=True))),
    ]
