"""Query parameters of the API. What is unknown or malformed is refused: a filter silently ignored misleads."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.forms import IntegerField
from django_filters.rest_framework import DjangoFilterBackend, filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from telemetry.pagination import NewestFirst

PAGE_PARAMETERS = {NewestFirst.cursor_query_param, NewestFirst.page_size_query_param}


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses unknown, empty and repeated parameters; the filters themselves refuse bad values."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        known = PAGE_PARAMETERS | set(filterset.base_filters if filterset else ())
        errors = {}
        for name, values in request.query_params.lists():
            if name not in known:
                errors[name] = [f"Not a parameter here; known are: {', '.join(sorted(known))}."]
            elif len(values) > 1:
                errors[name] = ["Give it once."]
            elif not values[0].strip():
                errors[name] = ["It is empty: leave it out."]
        if errors:
            raise ValidationError(errors)
        filtered: QuerySet[Model] = super().filter_queryset(request, queryset, view)
        return filtered


class IdFilter(filters.NumberFilter):
    field_class = IntegerField


class YesNoFilter(filters.TypedChoiceFilter):
    """true or false; the library's own filter ignores anything else."""

    def __init__(self, **options: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda value: value == "true", **options)


def since(field: str) -> filters.IsoDateTimeFilter:
    return _moment(field, "gte", "At or after this moment, ISO 8601; without a zone: the home's.")


def until(field: str) -> filters.IsoDateTimeFilter:
    return _moment(field, "lt", "Before this moment, ISO 8601; without a zone: the home's.")


def _moment(field: str, lookup: str, help_text: str) -> filters.IsoDateTimeFilter:
    wrong = "Not a moment in ISO 8601, such as 2025-12-31T14:30:00Z. (A + in a URL must be escaped.)"
    return filters.IsoDateTimeFilter(
        field_name=field, lookup_expr=lookup, help_text=help_text, error_messages={"invalid": wrong}
    )
