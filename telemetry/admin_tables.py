"""What the admin's pages of every app share: big tables, rows nobody edits, links from row to row."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

_Row = TypeVar("_Row", bound=Model)

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin import TabularInline as TabularInline
else:

    class _Subscriptable:
        """Lets Django's classes be written with their model, as the type checker wants it."""

        def __class_getitem__(cls, _: object) -> type:
            return cls

    class ModelAdmin(_Subscriptable, admin.ModelAdmin): ...

    class TabularInline(_Subscriptable, admin.TabularInline): ...


class TableAdmin(ModelAdmin[_Row]):
    """A list that stays quick with a million rows: newest first, no second count, no dropdown of rows."""

    show_full_result_count = False
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)

    def save_model(self, request: HttpRequest, obj: _Row, form: ModelForm[_Row], change: bool) -> None:
        """Write the changed columns only: the pipeline writes others of the same row meanwhile."""
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            super().save_model(request, obj, form, change)


class ReadOnlyAdmin(TableAdmin[_Row]):
    """Rows that are facts: to be looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: _Row | None = None) -> bool:
        return False


def link_to(table: str, pk: object, text: object = "") -> str:
    """A link to the page of one row of `table`, such as "events_event"; a dash where there is none.

    By name, so that a lower app can point at a higher one.
    """
    if pk is None:
        return "–"
    return format_html('<a href="{}">{}</a>', reverse(f"admin:{table}_change", args=[quote(str(pk))]), text or pk)


def link_to_list(table: str, text: str, **conditions: object) -> str:
    """A link to the list of the rows of `table` that meet `conditions`."""
    address = reverse(f"admin:{table}_changelist", query=conditions)
    return format_html('<a href="{}">{}</a>', address, text)


def picture(address: str) -> str:
    return format_html('<img src="{}" alt="" class="thumbnail" loading="lazy" width="96">', address)
