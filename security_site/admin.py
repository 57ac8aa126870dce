"""The owners' admin: Django's own, behind the site's login and in its colours.

Read while the apps are being loaded, hence the imports inside the methods.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator


class HomeAdminSite(AdminSite):
    site_header = site_title = "Home Security Intelligence"
    index_title = "Everything that is kept"

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one way in, with one throttle and one audit trail: the site's."""
        from django.contrib.auth.views import redirect_to_login

        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied("The admin is for owners.")
        return redirect_to_login(request.GET.get("next", request.path))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # type: ignore[override]
        from accounts.views import Logout

        response: HttpResponse = Logout.as_view()(request)
        return response


class HomeAdminConfig(SimpleAdminConfig):
    """Its tables are read by `urls.py`, not at start: workers, the watcher and beat have no use for them."""

    default = False  # of this package the default is SiteConfig
    default_site = "security_site.admin.HomeAdminSite"
