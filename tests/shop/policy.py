"""The sample policy of docs/python.md: everybody who may see an order may see its invoice."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from fileman.access import AccessPolicy
from fileman.caller import Caller
from fileman.models import File
from tests.shop.models import Order


class OrderPolicy(AccessPolicy):
    def visible_files(self, caller: Caller) -> QuerySet[File]:
        visible = Q(pk__in=super().visible_files(caller).values("pk"))
        if caller.is_signed_in:
            visible |= Q(pk__in=Order.objects.filter(customer=caller.user).values("invoice"))
        return File.objects.filter(visible)

    def may_see(self, caller: Caller, file: File, *, group_id: UUID | int | None = None) -> bool:
        if super().may_see(caller, file, group_id=group_id):
            return True
        return caller.is_signed_in and file.pk in self.invoices(caller)

    def invoices(self, caller: Caller) -> Any:
        if not hasattr(caller, "invoices"):  # one statement for all files of a request
            orders = Order.objects.filter(customer=caller.user)
            vars(caller)["invoices"] = set(orders.values_list("invoice", flat=True))
        return vars(caller)["invoices"]
