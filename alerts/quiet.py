"""When a channel is to be silent, by the home's clock. Asked when an alert is made, and before each attempt to send."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from alerts.models import NotificationChannel


def quiet_until(channel: NotificationChannel, moment: datetime) -> datetime | None:
    """When the quiet hours end that the channel is in at `moment`; None where it may be told."""
    if channel.quiet_from is None or channel.quiet_until is None:
        return None
    zone = timezone.get_default_timezone()
    today = moment.astimezone(zone).date()
    nights = timedelta(days=1 if channel.quiet_until <= channel.quiet_from else 0)
    for day in (today - nights, today):
        begins = datetime.combine(day, channel.quiet_from, zone)
        # The later reading of an hour that the clock shows twice, or leaves out: quiet a little longer.
        readings = datetime.combine(day + nights, channel.quiet_until, zone)
        ends = max(readings, readings.replace(fold=1), key=datetime.timestamp)
        # As moments: two times of one zone are else compared by what their clock shows.
        if begins.timestamp() <= moment.timestamp() < ends.timestamp():
            return ends
    return None
