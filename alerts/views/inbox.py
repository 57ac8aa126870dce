"""The inbox: alerts that wait for a person, what was sent of them to whom, and what somebody did with them."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from alerts.forms import AlertFilter
from alerts.inbox import acknowledge, dismiss, unhandled
from alerts.inbox_page import MOST_WAITING, alert_cards, inbox_page
from alerts.models import Alert
from cameras.access import may_change, signed_in
from cameras.page_parts import Part, changed_parts, parts_of

PARTS = ("inbox-head", "inbox-waiting", "inbox-handled")
Deed = Callable[[Alert, User, HttpRequest], bool]


@require_safe
@never_cache
def inbox(request: HttpRequest) -> HttpResponse:
    """What waits first, then what was handled last."""
    user = signed_in(request)
    filters = AlertFilter(request.GET, user)
    context = {"filters": filters, "parts": _parts(request, user, filters), "query": f"?{request.GET.urlencode()}"}
    return render(request, "alerts/inbox.html", context)


@require_safe
@never_cache
def inbox_changes(request: HttpRequest) -> HttpResponse:
    """The parts of the inbox that are not as the page shows them."""
    user = signed_in(request)
    return changed_parts(request, _parts(request, user, AlertFilter(request.GET, user)))


@require_safe
@never_cache
def waiting(request: HttpRequest) -> JsonResponse:
    """How many wait, for the number beside the navigation's word."""
    return JsonResponse({"waiting": unhandled(signed_in(request)).count()})


@require_safe
@never_cache
def alert_page(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """One alert."""
    user = signed_in(request)
    return render(request, "alerts/alert.html", {"alert_id": alert_id, "parts": _part_of_one(request, user, alert_id)})


@require_safe
@never_cache
def alert_changes(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """The alert, if it is not as the page shows it."""
    return changed_parts(request, _part_of_one(request, signed_in(request), alert_id))


@require_POST
def acknowledge_one(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Say that somebody has seen to it."""
    return _handle(request, alert_id, acknowledge)


@require_POST
def dismiss_one(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Say that it was nothing."""
    return _handle(request, alert_id, dismiss)


@require_POST
def acknowledge_shown(request: HttpRequest) -> HttpResponse:
    """Acknowledge those that were on the page: what came in since is not among them."""
    user = may_change(request)
    shown = Alert.objects.for_user(user).filter(pk__in=_uuids(request.POST.getlist("alert")[:MOST_WAITING]))
    done = sum(acknowledge(alert, user, request) for alert in shown.order_by("pk"))
    if done:
        messages.success(request, f"{done} alert{'s are' if done > 1 else ' is'} acknowledged.")
    return _to_the_inbox(request)


def _handle(request: HttpRequest, alert_id: UUID, deed: Deed) -> HttpResponse:
    user = may_change(request)
    alert = get_object_or_404(Alert.objects.for_user(user), pk=alert_id)
    deed(alert, user, request)
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(status=204)  # the page asks what changed
    return redirect("alert", alert_id) if request.GET.get("from") == "alert" else _to_the_inbox(request)


def _to_the_inbox(request: HttpRequest) -> HttpResponse:
    return redirect(f"{reverse('alerts')}?{request.GET.urlencode()}")


def _parts(request: HttpRequest, user: User, filters: AlertFilter) -> list[Part]:
    asked = request.GET.copy()
    asked.pop("before", None)
    asked.pop("seen", None)
    page = inbox_page(user, filters.asked)
    context: dict[str, object] = {"page": page, "filters": filters, "asked": asked.urlencode()}
    return parts_of(request, "alerts/parts", PARTS, context)


def _part_of_one(request: HttpRequest, user: User, alert_id: UUID) -> list[Part]:
    alert = get_object_or_404(Alert.objects.for_user(user), pk=alert_id)
    (card,) = alert_cards(Alert.objects.filter(pk=alert.pk))
    return parts_of(request, "alerts/parts", ["one-alert"], {"one": card, "asked": "from=alert"})


def _uuids(texts: list[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue  # not from our page
    return found
