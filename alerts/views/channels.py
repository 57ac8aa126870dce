"""Channels: where notices go. A URL is typed here once and shown nowhere again."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.channel_rows import channel_rows
from alerts.channels import ChannelRefused, change_channel, create_channel, delete_channel, send_test
from alerts.forms import ChannelForm
from alerts.models import Delivery, NotificationChannel
from alerts.told import Told
from cameras.access import may_change
from cameras.page_parts import Part, changed_parts, parts_of

PARTS_OF_ALL = ("channel-list",)
PARTS_OF_ONE = ("channel-state", "delivery-log")
LOG_PAGE = 15


@require_safe
@never_cache
def channel_list(request: HttpRequest) -> HttpResponse:
    """Every channel, and how its last notices went."""
    may_change(request)
    return render(request, "alerts/channels.html", {"parts": _parts_of_all(request)})


@require_safe
@never_cache
def channels_changes(request: HttpRequest) -> HttpResponse:
    """The list, if it is not as the page shows it."""
    may_change(request)
    return changed_parts(request, _parts_of_all(request))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("url")
def new_channel(request: HttpRequest) -> HttpResponse:
    """Add a channel."""
    may_change(request)
    form = ChannelForm(request.POST) if request.method == "POST" else ChannelForm()
    if form.is_valid():
        try:
            channel = create_channel(form.channel_fields, request)
        except ChannelRefused as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, f"{channel.name} is added. Send yourself a test to see that it arrives.")
            return _go_to(request, reverse("channel", args=[channel.pk]))
    return _form_page(request, "alerts/new_channel.html", {"form": form, "save": reverse("new_channel")})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("url")
def channel_page(request: HttpRequest, channel_id: int) -> HttpResponse:
    """One channel: try it, change it, and what was sent by it."""
    may_change(request)
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    form = ChannelForm(request.POST, channel) if request.method == "POST" else ChannelForm(None, channel)
    here = reverse("channel", args=[channel.pk])
    if form.is_valid():
        try:
            changed = change_channel(channel, form.channel_fields, request)
        except ChannelRefused as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, f"{channel.name} is changed." if changed else "Nothing was changed.")
            return _go_to(request, here)
    context = {
        "form": form,
        "save": here,
        "channel": NotificationChannel.objects.get(pk=channel.pk),  # as it is, not as it was asked to be
        "parts": _parts_of_one(request, channel),
        "rules": channel.rules.order_by("name"),
        "query": f"?{request.GET.urlencode()}",
    }
    return _form_page(request, "alerts/channel.html", context)


@require_safe
@never_cache
def channel_changes(request: HttpRequest, channel_id: int) -> HttpResponse:
    """The parts of a channel's page that are not as the page shows them."""
    may_change(request)
    return changed_parts(request, _parts_of_one(request, get_object_or_404(NotificationChannel, pk=channel_id)))


@require_POST
def send(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Have a test sent. The answer follows the notice until the service has said something."""
    may_change(request)
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    delivery = send_test(channel, request)
    if request.headers.get("HX-Request") == "true":
        return _test_answer(request, delivery)
    return redirect("channel", channel.pk)


@require_safe
@never_cache
def answer(request: HttpRequest, channel_id: int, delivery_id: int) -> HttpResponse:
    """What became of a test so far."""
    may_change(request)
    tests = Delivery.objects.select_related("channel").filter(kind=Delivery.Kind.TEST, channel=channel_id)
    return _test_answer(request, get_object_or_404(tests, pk=delivery_id))


@require_POST
def delete(request: HttpRequest, channel_id: int) -> HttpResponse:
    """Delete a channel that no rule names."""
    may_change(request)
    channel = get_object_or_404(NotificationChannel, pk=channel_id)
    try:
        delete_channel(channel, request)
    except ChannelRefused as refusal:
        names = ", ".join(f"“{name}”" for name in channel.rules.order_by("name").values_list("name", flat=True))
        messages.error(request, f"{refusal} ({names})" if names else str(refusal))
        return redirect("channel", channel_id)
    messages.success(request, f"{channel.name} is deleted. What was sent by it stays in the inbox.")
    return redirect("channels")


def _form_page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    form = context["form"]
    assert isinstance(form, ChannelForm)
    # htmx puts no answer into the page that is an error.
    is_refused = bool(form.errors) and request.headers.get("HX-Request") != "true"
    return render(request, template, context, status=422 if is_refused else 200)


def _go_to(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect; htmx is told by a header, or it would put that page into this one."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _test_answer(request: HttpRequest, delivery: Delivery) -> HttpResponse:
    return render(request, "alerts/parts/test_answer.html", {"told": Told(delivery)})


def _parts_of_all(request: HttpRequest) -> list[Part]:
    channels = list(NotificationChannel.objects.order_by("name"))
    return parts_of(request, "alerts/parts", PARTS_OF_ALL, {"rows": channel_rows(channels)})


def _parts_of_one(request: HttpRequest, channel: NotificationChannel) -> list[Part]:
    log = Delivery.objects.filter(channel=channel).select_related("channel", "alert__event__camera").order_by("-id")
    page = Paginator(log.defer("alert__event__search_vector"), LOG_PAGE).get_page(request.GET.get("page"))
    context: dict[str, object] = {
        "channel": channel,
        "row": channel_rows([channel])[0],
        "log": [Told(one) for one in page],
        "listed": page,
    }
    return parts_of(request, "alerts/parts", PARTS_OF_ONE, context)
