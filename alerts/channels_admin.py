"""Channels and what was sent by them, to be looked at. Channels are set up on their own pages, or by the API."""

from __future__ import annotations

from django.contrib import admin

from alerts.channels import what_is_wrong
from alerts.models import Delivery, NotificationChannel
from telemetry.admin_tables import ReadOnlyAdmin


@admin.register(NotificationChannel)
class ChannelAdmin(ReadOnlyAdmin[NotificationChannel]):
    list_display = ("name", "service", "enabled", "may_reach_private", "quiet_from", "quiet_until", "problem")
    list_filter = ("enabled",)
    search_fields = ("name",)
    ordering = ("name",)
    exclude = ("sealed_url",)
    fields = (*list_display, "created_at", "updated_at")

    def problem(self, channel: NotificationChannel) -> str:
        return what_is_wrong(channel)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ("id", "channel_name", "kind", "severity", "state", "attempts", "latency_ms", "created_at", "error")
    list_filter = ("state", "kind")
    exclude = ("claim_id",)
