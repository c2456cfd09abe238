"""A member of staff who reads pages of the admin and posts their forms, as a browser does without scripts."""

from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.conftest import grant

ADMIN = "/admin/fileman"


class Controls(HTMLParser):
    """The controls of one form with the values that a browser sends if nothing is changed."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self._form_id, self._is_inside, self._name = form_id, False, ""
        self.values: dict[str, str] = {}
        self.options: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "form":
            self._is_inside = given.get("id") == self._form_id
        if not self._is_inside or "disabled" in given:
            return
        if tag in ("select", "textarea"):
            self._name = given["name"]
            self.options[self._name] = []
            self.values[self._name] = ""
        elif tag == "option":
            self.options[self._name].append(given["value"])
            if "selected" in given or len(self.options[self._name]) == 1:
                self.values[self._name] = given["value"]
        elif tag == "input" and given["type"] != "submit" and (given["type"] != "checkbox" or "checked" in given):
            self.values[given["name"]] = given.get("value", "on" if given["type"] == "checkbox" else "")

    def handle_data(self, data: str) -> None:
        if self._name and not self.options[self._name]:
            self.values[self._name] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self._name = ""


class Staff:
    """Signed in to the admin, with some permissions or as a superuser."""

    def __init__(self, user: User, *permissions: str) -> None:
        user.is_staff, user.is_superuser = True, not permissions
        user.save()
        grant(user, *permissions)
        self.client = Client()
        self.client.force_login(user)

    def read(self, path: str) -> str:
        response = self.client.get(f"{ADMIN}/{path}")
        assert response.status_code == 200, path
        return str(response.content.decode())

    def read_form(self, path: str) -> Controls:
        controls = Controls(f"{path.partition('/')[0]}_form")
        controls.feed(self.read(path))
        return controls

    def save(self, path: str, **typed: str) -> Any:
        """Open a form, type into some of its fields and save it."""
        values = self.read_form(path).values
        assert typed.keys() <= values.keys() | {name for name, value in typed.items() if value == "on"}
        return self.client.post(f"{ADMIN}/{path}", {**values, **typed})

    def act(self, model: str, action: str, *rows: Any, **more: Any) -> dict[str, str]:
        """Choose rows of a list and an action. Return what is told, by level."""
        chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows], **more}
        page = self.client.post(f"{ADMIN}/{model}/", chosen, follow=True)
        return {str(message): message.level_tag for message in page.context["messages"]}
