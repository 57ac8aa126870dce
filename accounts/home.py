"""Whether anybody is home, as somebody said on the live page or by the API: a fact for the rules, and a condition of
alerts."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.http import HttpRequest

from accounts.models import AuditAction, HomeMode, User, audit
from telemetry.broadcast import broadcast

_HOME_LOCK = 7_305_532  # any number that no other advisory lock of ours uses


def home_mode() -> HomeMode | None:
    """What was said last; None where nobody ever said anything."""
    return HomeMode.objects.select_related("set_by").order_by("-since", "-pk").first()


def mode_at(moment: datetime) -> HomeMode.Mode | None:
    """What was true at that moment; None where it was not known then."""
    said = HomeMode.objects.filter(since__lte=moment).order_by("-since", "-pk").values_list("mode", flat=True).first()
    return HomeMode.Mode(said) if said else None


def set_home_mode(mode: HomeMode.Mode, user: User | None, request: HttpRequest | None) -> HomeMode:
    """Say that from now on the household is home, or away; what is so already is not said again."""
    with transaction.atomic():
        with connection.cursor() as cursor:  # one at a time, or two phones that say the same would leave two lines
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HOME_LOCK])
        newest = home_mode()
        if newest is not None and newest.mode == mode:
            return newest
        said = HomeMode.objects.create(mode=mode, set_by=user)
        audit(AuditAction.HOME_MODE_SET, "household", request=request, details={"mode": mode})
        broadcast("home", {"mode": mode.value})
    said.refresh_from_db()
    return said
