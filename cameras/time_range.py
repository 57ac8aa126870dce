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
    """Of `rows`, those between the least and the greatest id of that time: all of that time are among them.

    For lists in order of id, the newest first. PostgreSQL does not know that ids grow with time, and would read its
    way down to a day long ago from the newest row of all. One query of the index over camera, time and id tells where
    to begin and where to end; it reads as much as the time is long, so it is asked where the way down is longer.
    """
    if since is None or until is None or until - since > timezone.now() - until:
        return rows
    at_that_time = {f"{time}__gte": since, f"{time}__lt": until}
    # Camera by camera, as that index goes. And of a bare id it would read rows to find the least and the greatest.
    of_cameras = rows.model._default_manager.filter(**at_that_time, camera__in=Camera.objects.all())
    ids = of_cameras.aggregate(first=Min(F("pk") + 0), last=Max(F("pk") + 0))
    return rows.none() if ids["first"] is None else rows.filter(pk__range=(ids["first"], ids["last"]))
