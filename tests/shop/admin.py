from django.contrib import admin

from fileman.attachments import AttachmentAdminMixin
from tests.shop.models import Photo, Purchase


class PhotoInline(AttachmentAdminMixin, admin.TabularInline):  # type: ignore[type-arg]
    model = Photo
    extra = 1


@admin.register(Purchase)
class PurchaseAdmin(AttachmentAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = [PhotoInline]
