"""Pages of the API: `{"next", "previous", "results"}`, newest id first."""

from __future__ import annotations

import re

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class NewestFirst(CursorPagination):
    """By id, which is unique: a cursor over times loses rows that share one."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    position_pattern = re.compile(r"\d{1,19}")

    def get_page_size(self, request: Request) -> int | None:
        wanted = request.query_params.get("page_size", "")
        if wanted and not (wanted.isascii() and wanted.isdigit() and int(wanted[:9]) > 0):
            raise ValidationError({"page_size": ["A whole number from 1 to 200."]})
        return super().get_page_size(request)

    def decode_cursor(self, request: Request) -> Cursor | None:
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise _bad_cursor() from error
        if cursor and cursor.position is not None and not self.position_pattern.fullmatch(str(cursor.position)):
            raise _bad_cursor()
        return cursor


class ByName(NewestFirst):
    """For rows whose id is a name."""

    ordering = "id"
    position_pattern = re.compile(r"[^\x00]+")


def _bad_cursor() -> ValidationError:
    return ValidationError({"cursor": ["Not a cursor: take it from the next or previous link of a page."]})
