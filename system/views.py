"""The System page: does the program run, what waits, what failed; and what people do about failed files."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from cameras.access import may_change
from cameras.dead_letters import dismiss, of_kind, requeue
from cameras.models import Capture
from cameras.page_parts import Part, changed_parts, parts_of
from events.filters import MAX_ID
from system.access import household
from system.needs import first_line, needs_of
from system.state import State, state_for

PARTS = ("head", "dead-letters", "pipeline", "workers", "engines", "storage")


class DeadLettersForm(forms.Form):
    """One file, or all of a kind."""

    capture = forms.IntegerField(required=False, min_value=1, max_value=MAX_ID)
    kind = forms.RegexField(r"[0-9a-f]{32}", required=False)

    def chosen_from(self, captures: QuerySet[Capture]) -> QuerySet[Capture]:
        pk, kind = self.cleaned_data["capture"], self.cleaned_data["kind"]
        if bool(pk) == bool(kind):
            raise BadRequest("Which files?")
        return captures.filter(pk=pk) if pk else of_kind(captures, kind)


@require_safe
@never_cache
def system_page(request: HttpRequest) -> HttpResponse:
    """Is it well? And if not, what to do."""
    state = state_for(household(request))
    return render(request, "system/page.html", {"parts": _parts(request, state), "state": state})


@require_safe
@never_cache
def system_changes(request: HttpRequest) -> HttpResponse:
    """The parts of the page that are not as the page shows them; 204 where all are."""
    return changed_parts(request, _parts(request, state_for(household(request))))


def _parts(request: HttpRequest, state: State) -> list[Part]:
    needs = needs_of(state)
    context: dict[str, object] = {"state": state, "needs": needs, "first_line": first_line(needs)}
    return parts_of(request, "system/parts", PARTS, context)


@require_POST
def requeue_dead_letters(request: HttpRequest) -> HttpResponse:
    """Try failed files again."""
    done = _do(requeue, request)
    if done:
        messages.success(request, f"{_files(done)} queued to be looked at again.")
    return redirect(f"{reverse('system')}#dead-letters")


@require_POST
def dismiss_dead_letters(request: HttpRequest) -> HttpResponse:
    """Let failed files go."""
    done = _do(dismiss, request)
    if done:
        messages.success(request, f"{_files(done)} let go. What lies in the camera folders stays there.")
    return redirect(f"{reverse('system')}#dead-letters")


def _do(deed: Callable[[QuerySet[Capture], HttpRequest], int], request: HttpRequest) -> int:
    user = may_change(request)
    form = DeadLettersForm(request.POST)
    if not form.is_valid():
        raise BadRequest("Which files?")
    done = deed(form.chosen_from(Capture.objects.for_user(user)), request)
    if not done:
        messages.info(request, "Nothing was left to do: somebody has had them tried again, or let them go.")
    return done


def _files(count: int) -> str:
    return "1 file is" if count == 1 else f"{intcomma(count)} files are"
