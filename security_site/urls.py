"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from system.health import readyz
from telemetry.health import healthz

admin.autodiscover()

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("events.urls")),
    path("", include("cameras.urls")),
    path("", include("accounts.urls")),
    path("", include("zones.urls")),
    path("", include("alerts.urls")),
    path("", include("system.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("security_site.api_urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
