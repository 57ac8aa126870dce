"""The hint of the first run: a channel and a sensible rule in one press, or the rule alone."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from alerts.channels import ChannelFields, ChannelRefused, create_channel
from alerts.first_steps import HIDDEN, first_rule_for, has_first_rule, nobody_is_told
from alerts.forms import FirstChannelForm
from alerts.models import NotificationChannel
from alerts.rules import RuleRefused, create_rule
from cameras.access import may_change


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("url")
def first_channel(request: HttpRequest) -> HttpResponse:
    """Make a channel and the first rule that tells by it: both or none."""
    may_change(request)
    form = FirstChannelForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            with transaction.atomic():
                channel = create_channel(
                    ChannelFields(name=form.cleaned_data["name"], url=form.cleaned_data["url"]), request
                )
                create_rule(first_rule_for([channel]), request)
        except ChannelRefused as refusal:
            form.add_error(refusal.field or None, str(refusal))
        except RuleRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(
                request,
                f"{channel.name} is told of whatever is high or critical, on any camera. "
                "Send yourself a test to see that it arrives.",
            )
            return redirect("channel", channel.pk)
    return render(request, "alerts/first_channel.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def first_rule(request: HttpRequest) -> HttpResponse:
    """Make the first rule, for the channels there are."""
    may_change(request)
    channels = NotificationChannel.objects.filter(enabled=True).order_by("name")
    if nobody_is_told() and channels and not has_first_rule():
        create_rule(first_rule_for(channels), request)
        messages.success(request, "You are told of whatever is high or critical, on any camera, from now on.")
    return redirect("rules")


@require_POST
def hide_hint(request: HttpRequest) -> HttpResponse:
    """Not now: the hint stays away until the next login."""
    may_change(request)
    request.session[HIDDEN] = True
    return redirect("live")
