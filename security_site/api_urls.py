"""Doors of the API, all below /api/v1/."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

import accounts.schema  # noqa: F401  (tells drf-spectacular about API keys)
from accounts.home_api import HomeModeView
from accounts.permissions import HasScope
from alerts.api import AlertViewSet
from alerts.channels_api import ChannelViewSet
from alerts.rules_api import AlertRuleViewSet
from cameras.api import CameraViewSet, CaptureViewSet
from cameras.dead_letters_api import DeadLetterViewSet
from detections.api import DetectionViewSet
from events.api import EventViewSet
from system.api import SystemView
from system.cleanup_api import CleanupView
from telemetry.problems import NoSuchDoor
from zones.api import ZoneViewSet

router = DefaultRouter()
router.include_format_suffixes = False
router.register("cameras", CameraViewSet)
router.register("captures", CaptureViewSet)
router.register("detections", DetectionViewSet)
router.register("events", EventViewSet)
router.register("zones", ZoneViewSet)
router.register("alert-rules", AlertRuleViewSet)
router.register("alerts", AlertViewSet)
router.register("channels", ChannelViewSet)
router.register("dead-letters", DeadLetterViewSet, basename="dead-letter")

# A page for people: it asks for a login, and Swagger UI sets styles inline.
docs = csp_update({"style-src": [UNSAFE_INLINE]})(login_required(SpectacularSwaggerSplitView.as_view()))

urlpatterns = [
    path("", include(router.urls)),
    path("home-mode/", HomeModeView.as_view(), name="home_mode_state"),
    path("system/cleanup/", CleanupView.as_view(), name="cleanup"),
    path("system/", SystemView.as_view(), name="system_state"),
    path("schema/", SpectacularJSONAPIView.as_view(permission_classes=[HasScope]), name="schema"),
    path("docs/", docs, name="docs"),
    re_path(r".+/$", NoSuchDoor.as_view()),
]
