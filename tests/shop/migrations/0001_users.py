"""The user models alone, because fileman depends on the user model and the other tables depend on fileman."""

import uuid
from typing import Any

from django.db import migrations, models

SERIAL = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def create(name: str, key: Any, **relations: Any) -> Any:
    fields = {
        "password": models.CharField(max_length=128, verbose_name="password"),
        "last_login": models.DateTimeField(blank=True, null=True, verbose_name="last login"),
        "id": key,
        "email": models.CharField(max_length=100, unique=True),
    }
    return migrations.CreateModel(name, [*fields.items(), *relations.items()], {"abstract": False})


def groups(**names: Any) -> Any:
    return models.ManyToManyField(to="auth.group", **names)


class Migration(migrations.Migration):
    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        create("PlainUser", models.CharField(max_length=26, primary_key=True, serialize=False)),
        create("Courier", SERIAL, groups=groups(related_name="+")),
        create(
            "Customer",
            models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False),
            groups=groups(related_name="customers", related_query_name="customer"),
        ),
    ]
