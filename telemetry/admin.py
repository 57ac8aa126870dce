from django.contrib import admin

from telemetry.admin_tables import ReadOnlyAdmin
from telemetry.models import Heartbeat, Job, Pause


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin[Heartbeat]):
    list_display = ("worker", "queue", "is_alive", "at", "started_at")
    list_filter = ("queue",)
    search_fields = ("worker",)
    ordering = ("queue", "worker")

    @admin.display(boolean=True, description="alive")
    def is_alive(self, heartbeat: Heartbeat) -> bool:
        return heartbeat.is_alive()


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin[Pause]):
    """A stage ends its pause itself, when what was missing is back."""

    list_display = ("stage", "reason", "since")
    search_fields = ("stage", "reason")
    ordering = ("stage",)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    list_display = ("kind", "state", "progress", "started_at", "finished_at", "error")
    list_filter = ("kind", "state")
    search_fields = ("error",)
