"""Errors of the API as problem details (RFC 9457): type, title, status, detail, and `errors` by field or parameter."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, NoReturn

from django.core.exceptions import SuspiciousOperation
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler

CONTENT_TYPE = "application/problem+json"


class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """The shape of an error, for the schema."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)  # type: ignore[assignment]  # hides Serializer.errors


class Conflict(APIException):
    """What was asked for cannot be done as things are now."""

    status_code = HTTPStatus.CONFLICT


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """Django REST framework's exception handler. None: not an answer but a defect, which Django logs."""
    if isinstance(error, SuspiciousOperation):
        error = ParseError("The request is larger or has more parts than is accepted.")
    response = exception_handler(error, context)
    if response is None:
        return None
    status = HTTPStatus(response.status_code)
    problem: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value}
    if isinstance(response.data, dict) and set(response.data) == {"detail"}:
        problem["detail"] = str(response.data["detail"])
    else:
        errors = response.data if isinstance(response.data, dict) else {"non_field_errors": response.data}
        problem |= {"detail": _sentence(errors), "errors": errors}
    response.data = problem
    response.content_type = CONTENT_TYPE
    return response


def _sentence(errors: dict[str, Any]) -> str:
    first = next(iter(errors))
    others = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{first}: {_first_message(errors[first])}{others}"


def _first_message(messages: Any) -> str:
    while isinstance(messages, list | dict) and messages:
        messages = messages[0] if isinstance(messages, list) else next(iter(messages.values()))
    return str(messages)


class NoSuchDoor(APIView):
    """Answers every path below the API that leads nowhere."""

    permission_classes = ()
    authentication_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound("There is nothing at this address; /api/v1/docs/ lists what there is.")
