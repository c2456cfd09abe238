"""Users and groups: fileman's own minimal types, or those that FILEMAN_SETTINGS names."""

from typing import Annotated, Any

import strawberry
import strawberry_django
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group as GroupModel
from strawberry import Parent
from strawberry_django import field

from fileman import conf
from fileman.graphql.ids import to_global_id

UserModel = get_user_model()


@strawberry_django.type(UserModel, description="A user. Not a Node: the id is opaque.")
class User:
    @field(only=[UserModel.USERNAME_FIELD], description="The name that the user signs in with.")
    @staticmethod
    def username(root: Parent[AbstractBaseUser]) -> str:
        return str(root.get_username())

    @field(only=[UserModel.USERNAME_FIELD], description="Opaque id.")
    @staticmethod
    def id(root: Parent[AbstractBaseUser]) -> strawberry.ID:
        return to_global_id("User", root.pk)


@strawberry_django.type(GroupModel, description="A group of users. Not a Node: the id is opaque.")
class Group:
    name: str = field(description="Name of the group.")

    @field(only=["id"], description="Opaque id, as the groupId of inputs and filters takes it.")
    @staticmethod
    def id(root: Parent[GroupModel]) -> strawberry.ID:
        return to_global_id("Group", root.pk)


def _lazy(path: str) -> Any:
    """Return a reference to the type at a dotted path. It is imported when the schema is built."""
    module, _, name = path.rpartition(".")
    return Annotated[name, strawberry.lazy(module)]


UserType: Any = _lazy(conf.GRAPHQL_USER_TYPE)
GroupType: Any = _lazy(conf.GRAPHQL_GROUP_TYPE)
