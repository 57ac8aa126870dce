"""Rows of a time, found quickly however long ago it was. Used by the lists of pages and API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F, Max, Min, Model, QuerySet
from django.utils import timezone
from django_filters.rest_framework import FilterSet

from cameras.models import Camera

Row = TypeVar("Row", bound=Model)


class TimedFilterSet(FilterSet):
    """Has the filters `since` and `until` over one time of rows of cameras."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        times = self.form.cleaned_data
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return between_ids(rows, self.filters["until"].field_name, times["since"], times["until"])


def between_ids(rows: QuerySet[Row], time: str, since: datetime | None, until: datetime | None) -> QuerySet[Row]:
    """Of `rows`, those between ids that enclose all of that time.

    For lists in order of id, the newest first. PostgreSQL does not know that ids grow with time, and would read its
    way down to a day long ago from the newest row of all. One query asks where to begin, and touches no row for it.
    Nothing is in the way of the newest: without an end in the past, nothing is asked.
    """
    now = timezone.now()
    if until is None or until > now:
        return rows
    of_that_time = rows.model._default_manager.filter(**{f"{time}__lt": until})
    if since is None:
        return _up_to_the_last(rows, of_that_time)
    of_that_time = of_that_time.filter(**{f"{time}__gte": since})
    is_short = until - since <= now - until
    return _from_first_to_last(rows, of_that_time) if is_short else _up_to_the_last(rows, of_that_time)


def _from_first_to_last(rows: QuerySet[Row], of_that_time: QuerySet[Any]) -> QuerySet[Row]:
    """Reads the index over camera, time and id: as much of it as the time is long."""
    # Camera by camera, as that index goes. And of a bare id it would read rows to find the least and the greatest.
    of_cameras = of_that_time.filter(camera__in=Camera.objects.all())
    ids = of_cameras.aggregate(first=Min(F("pk") + 0), last=Max(F("pk") + 0))
    return rows.none() if ids["first"] is None else rows.filter(pk__range=(ids["first"], ids["last"]))


def _up_to_the_last(rows: QuerySet[Row], of_that_time: QuerySet[Any]) -> QuerySet[Row]:
    """Reads the index over id and time: from the newest row down to that time."""
    last = of_that_time.order_by("-pk").values_list("pk", flat=True).first()
    return rows.none() if last is None else rows.filter(pk__lte=last)
