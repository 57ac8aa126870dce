"""Wires the site together once Django's apps are loaded."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "security_site"

    def ready(self) -> None:
        from security_site import (
            checks,  # noqa: F401  (registers them)
            worker,  # noqa: F401  (makes the broker known to every process that wakes a task)
        )
