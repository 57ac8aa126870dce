"""Channels as people set them up: made, changed, deleted, tried. For their pages, the API and the admin."""

from __future__ import annotations

import socket
from datetime import time
from typing import Any, TypedDict

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import AuditAction, User, audit
from alerts import guard
from alerts.deliver import TASK, suppress
from alerts.models import Delivery, NotificationChannel, RuleChannel
from alerts.sealing import SealBroken, seal, unseal
from cameras.names import is_plain
from telemetry.broadcast import broadcast
from telemetry.wake import wake

LONGEST_NAME = 100
LONGEST_URL = 2000
MOST_TESTS = 50
"""That are kept of a channel."""


class ChannelFields(TypedDict, total=False):
    """What a person gives; of a change, what is left out stays."""

    name: str
    url: str
    enabled: bool
    quiet_from: time | None
    quiet_until: time | None


class ChannelRefused(Exception):
    """A channel cannot be as it was asked for; the message is for the person who asked, and holds nothing of a URL."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def create_channel(fields: ChannelFields, request: HttpRequest | None) -> NotificationChannel:
    """A new channel, by its name and URL at least. Raises ChannelRefused."""
    channel = NotificationChannel()
    _refuse_private(channel, fields, request)
    _fill(channel, {"name": "", "url": "", **fields}, request)
    with transaction.atomic():
        _save(channel)
        _audit(AuditAction.CHANNEL_CREATED, channel, request, service=channel.service)
    channel.refresh_from_db()
    return channel


def change_channel(channel: NotificationChannel, fields: ChannelFields, request: HttpRequest | None) -> list[str]:
    """Change these fields; gives the names of those that differed. Raises ChannelRefused."""
    _refuse_private(channel, fields, request)
    with transaction.atomic():
        now = NotificationChannel.objects.select_for_update(no_key=True).get(pk=channel.pk)
        changed = _fill(now, fields, request)
        if changed:
            now.updated_at = Now()
            _save(now)
            _audit(AuditAction.CHANNEL_UPDATED, now, request, changed=changed)
        if {"url", "enabled"} & set(changed):
            now.deliveries.filter(state=Delivery.State.PENDING).update(next_attempt_at=Now())
            wake(TASK)
    channel.refresh_from_db()
    return changed


def delete_channel(channel: NotificationChannel, request: HttpRequest | None) -> None:
    """Delete it; what was sent by it stays, but for tests. Raises ChannelRefused while rules name it."""
    count = RuleChannel.objects.filter(channel=channel).count()
    try:
        with transaction.atomic():
            _tests_of(channel).delete()
            suppress(channel.deliveries.all(), "The channel was deleted before it could be sent.")
            _audit(AuditAction.CHANNEL_DELETED, channel, request)
            channel.delete()
    except ProtectedError as error:
        rules = "1 rule tells" if count == 1 else f"{count} rules tell"
        raise ChannelRefused("", f"{rules} people by it. Take it out there first.") from error


def send_test(channel: NotificationChannel, request: HttpRequest | None) -> Delivery:
    """Have a test sent, once; the one that is on its way already, if there is one."""
    with transaction.atomic():
        NotificationChannel.objects.select_for_update(no_key=True).get(pk=channel.pk)
        if (waiting := _tests_of(channel).filter(state=Delivery.State.PENDING).first()) is not None:
            return waiting
        kept = _tests_of(channel).order_by("-id").values("pk")[: MOST_TESTS - 1]
        _tests_of(channel).exclude(pk__in=kept).delete()
        delivery = Delivery.objects.create(channel=channel, channel_name=channel.name, kind=Delivery.Kind.TEST)
        _audit(AuditAction.CHANNEL_TESTED, channel, request)
        broadcast("delivery", {"delivery_id": delivery.pk, "channel_id": channel.pk, "state": delivery.state})
        wake(TASK)
    delivery.refresh_from_db()
    return delivery


def _tests_of(channel: NotificationChannel) -> QuerySet[Delivery]:
    return channel.deliveries.filter(kind=Delivery.Kind.TEST)


def what_is_wrong(channel: NotificationChannel) -> str:
    """Why nothing can be sent by it, in words; empty where something can, as far as is known here."""
    try:
        unseal(channel.sealed_url)
    except SealBroken as broken:
        return str(broken)
    return ""


def _audit(action: AuditAction, channel: NotificationChannel, request: HttpRequest | None, **details: object) -> None:
    audit(action, "channel", channel.pk, request=request, details={"name": channel.name, **details})


def _fill(channel: NotificationChannel, fields: ChannelFields, request: HttpRequest | None) -> list[str]:
    """Set these fields of the row; gives the names of those that differed. Raises ChannelRefused."""
    if "name" in fields:
        fields = {**fields, "name": _usable_name(fields["name"])}
    plain: dict[str, Any] = {name: value for name, value in fields.items() if name != "url"}
    changed = [name for name, value in plain.items() if channel.pk is None or getattr(channel, name) != value]
    for name, value in plain.items():
        setattr(channel, name, value)
    _refuse_odd_quiet_hours(channel)
    if "url" in fields and _take_url(channel, fields["url"].strip(), _may_lead_home(request)):
        changed.append("url")
    return changed


def _usable_name(name: str) -> str:
    name = " ".join(name.split())
    if not any(character.isalnum() for character in name):
        raise ChannelRefused("name", "A channel needs a name with at least one letter or digit.")
    if len(name) > LONGEST_NAME:
        raise ChannelRefused("name", f"A name has {LONGEST_NAME} characters at most.")
    if not is_plain(name):
        raise ChannelRefused("name", "A name cannot hold control characters.")
    return name


def _refuse_odd_quiet_hours(channel: NotificationChannel) -> None:
    if (channel.quiet_from is None) != (channel.quiet_until is None):
        field = "quiet_from" if channel.quiet_from is None else "quiet_until"
        raise ChannelRefused(field, "Quiet hours need both their ends, or none.")
    if channel.quiet_from is not None and channel.quiet_from == channel.quiet_until:
        raise ChannelRefused("quiet_until", "Quiet hours cannot end when they begin. Turn the channel off instead.")


def _take_url(channel: NotificationChannel, url: str, may_lead_home: bool) -> bool:
    """Seal the URL into the row; whether that changed anything. Raises ChannelRefused."""
    if _is_same(channel, url) and (channel.may_reach_private or not may_lead_home):
        return False
    channel.service = _service_of(url)
    channel.sealed_url = seal(url)
    channel.may_reach_private = may_lead_home
    return True


def _is_same(channel: NotificationChannel, url: str) -> bool:
    try:
        return bool(channel.sealed_url) and unseal(channel.sealed_url) == url
    except SealBroken:
        return False


def _service_of(url: str) -> str:
    from alerts.sending import UrlRefused, service_of  # with Apprise, which only they need who set up or send

    if not url:
        raise ChannelRefused("url", "A channel needs the URL of its service.")
    if len(url) > LONGEST_URL or not url.isprintable():
        raise ChannelRefused("url", f"A URL is one line of {LONGEST_URL} characters at most.")
    try:
        return service_of(url)
    except UrlRefused as refused:
        raise ChannelRefused("url", str(refused)) from refused


def _refuse_private(channel: NotificationChannel, fields: ChannelFields, request: HttpRequest | None) -> None:
    """Tells while somebody is there to read it; the guard looks again at every attempt. Raises ChannelRefused.

    Called while no row is held: to find out what a name stands for may take long.
    """
    from alerts.sending import hosts_of

    url = fields.get("url", "").strip()
    if not url or _is_same(channel, url) or _may_lead_home(request):
        return
    _service_of(url)
    if all(guard.is_public(address) for host in hosts_of(url) for address in _addresses(host)):
        return
    if settings.CONFIG.ALLOW_PRIVATE_TARGETS:
        raise ChannelRefused("url", "It leads into the home's network: only an owner may enter such a URL.")
    raise ChannelRefused(
        "url",
        "It leads into the home's network. To allow that, set ALLOW_PRIVATE_TARGETS=1 in .env and start the program "
        "again; then an owner may enter it.",
    )


def _addresses(host: str) -> list[object]:
    """What the name stands for now; nothing where that cannot be found out."""
    try:
        return [found[4] for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []


def _may_lead_home(request: HttpRequest | None) -> bool:
    """Whether it is allowed, and an owner asks: one signed in, a household key, or the one at the command line."""
    is_owner = request is None or (isinstance(request.user, User) and request.user.is_owner)
    return is_owner and bool(settings.CONFIG.ALLOW_PRIVATE_TARGETS)


def _save(channel: NotificationChannel) -> None:
    try:
        with transaction.atomic():
            channel.save()
    except IntegrityError as error:
        raise ChannelRefused("name", f"There is a channel “{channel.name}” already.") from error
