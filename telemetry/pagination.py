"""Pages of the API: `{"next", "previous", "results"}`, newest id first."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


class NewestByTime(NewestFirst):
    """For rows whose ids tell nothing of their age: by `created_at`, and those of one moment by id."""

    position_pattern = re.compile(r"\d{1,17}_[0-9a-f-]{36}")

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        size = self.get_page_size(request) or self.page_size
        self.base_url = request.build_absolute_uri()
        self.cursor = self.decode_cursor(request) or Cursor(offset=0, reverse=False, position=None)
        way = "gt" if self.cursor.reverse else "lt"
        rows = queryset.order_by(*(("created_at", "pk") if self.cursor.reverse else ("-created_at", "-pk")))
        if self.cursor.position is not None:
            at, pk = _moment_and_id(str(self.cursor.position))
            beyond = Q(**{f"created_at__{way}": at}) | Q(**{"created_at": at, f"pk__{way}": pk})
            rows = rows.filter(beyond, **{f"created_at__{way}e": at})  # the second is what an index can do
        found = list(rows[: size + 1])
        self.page, has_more = found[:size], len(found) > size
        if self.cursor.reverse:
            self.page.reverse()
        is_first_look = self.cursor.position is None
        self.has_next = not is_first_look if self.cursor.reverse else has_more
        self.has_previous = has_more if self.cursor.reverse else not is_first_look
        return self.page

    def get_next_link(self) -> str | None:
        return self._link(self.page[-1], reverse=False) if self.has_next and self.page else None

    def get_previous_link(self) -> str | None:
        return self._link(self.page[0], reverse=True) if self.has_previous and self.page else None

    def _link(self, row: Any, *, reverse: bool) -> str:
        since_epoch = row.created_at - EPOCH
        position = f"{since_epoch // timedelta(microseconds=1)}_{row.pk}"
        return self.encode_cursor(Cursor(offset=0, reverse=reverse, position=position))  # type: ignore[arg-type]  # any text


def _moment_and_id(position: str) -> tuple[datetime, UUID]:
    """Of what `NewestByTime.position_pattern` matches."""
    microseconds, pk = position.split("_")
    try:
        return EPOCH + timedelta(microseconds=int(microseconds)), UUID(pk)
    except ValueError as error:
        raise _bad_cursor() from error


def _bad_cursor() -> ValidationError:
    return ValidationError({"cursor": ["Not a cursor: take it from the next or previous link of a page."]})
