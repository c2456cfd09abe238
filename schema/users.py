"""This project's users, as the API shows them."""

import strawberry_django
from django.contrib.auth import get_user_model

from fileman.graphql import users
from fileman.graphql.context import Info, get_caller


@strawberry_django.type(get_user_model(), description="A user of this site. Not a Node: the id is opaque.")
class User(users.User): ...


@strawberry_django.field(graphql_type=User | None, description="The signed-in user. Null if nobody is signed in.")
def viewer(info: Info) -> object:
    caller = get_caller(info)
    return caller.user if caller.is_signed_in else None
