"""This project's users, as the API shows them."""

import strawberry
import strawberry_django
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from strawberry import Parent

from fileman.graphql.context import Info, get_caller
from fileman.graphql.ids import to_global_id


@strawberry_django.type(get_user_model(), description="A user of this site. Not a Node: the id is opaque.")
class User:
    username: str = strawberry_django.field(description="The name that the user signs in with.")

    @strawberry_django.field(only=["id"], description="Opaque id.")
    @staticmethod
    def id(root: Parent[AbstractBaseUser]) -> strawberry.ID:
        return to_global_id("User", root.pk)


@strawberry_django.field(graphql_type=User | None, description="The signed-in user. Null if nobody is signed in.")
def viewer(info: Info) -> object:
    caller = get_caller(info)
    return caller.user if caller.is_signed_in else None
