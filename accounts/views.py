"""Login, logout, a new password, and first-run setup."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.forms import LoginForm, SetupForm
from accounts.models import AuditAction, User, audit
from accounts.setup import OwnerExists, create_first_owner, is_setup_token, owner_exists

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
LOCKOUT_MINUTES = round(settings.AXES_COOLOFF_TIME * 60)


class Login(LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(has_owner=owner_exists(), **kwargs)

    def form_valid(self, form: LoginForm) -> HttpResponse:  # type: ignore[override]  # our own form, see above
        response = super().form_valid(form)
        if not form.cleaned_data["keep_signed_in"]:
            self.request.session.set_expiry(0)
        audit(AuditAction.LOGIN, "user", form.get_user().pk, request=self.request)
        return response

    def form_invalid(self, form: LoginForm) -> HttpResponse:  # type: ignore[override]
        if not getattr(self.request, "axes_locked_out", False):
            _note_failure(self.request, form.cleaned_data.get("username", ""))
        return super().form_invalid(form)


def _note_failure(request: HttpRequest, username: str) -> None:
    """Write down whose account was tried; never a name that is none, which is often a password."""
    user = User.objects.filter(username=username).first()
    audit(
        AuditAction.LOGIN_FAILED,
        "user",
        user and user.pk,
        request=request,
        actor=user.username if user else "unknown name",
        status="failure",
    )


def locked_out(request: HttpRequest, *_: object) -> HttpResponse:
    """What django-axes answers to further tries, right or wrong, until the lock ends."""
    form = LoginForm(request, initial={"username": request.POST.get("username", "")})
    context = {"form": form, "has_owner": True, "locked_out_minutes": LOCKOUT_MINUTES}
    response = render(request, "accounts/login.html", context, status=429)
    response["Retry-After"] = str(LOCKOUT_MINUTES * 60)
    return response


class Logout(LogoutView):
    """By POST only, so that no picture or link can log anybody out."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        if request.user.is_authenticated:
            audit(AuditAction.LOGOUT, "user", request.user.pk, request=request)
        return super().post(request, *args, **kwargs)


class Password(SuccessMessageMixin, PasswordChangeView):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new password ends every other session: the hash in them no longer fits."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)
    success_message = "Your password is changed. Other devices have to log in again."

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit(AuditAction.PASSWORD_CHANGED, "user", self.request.user.pk, request=self.request)
        return response


@login_not_required
@never_cache
@sensitive_post_parameters()
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the owner's account, once; afterwards the link leads to the login page."""
    if owner_exists():
        return redirect("login")
    if not is_setup_token(token):
        raise Http404
    form = SetupForm(request.POST or None)
    if not form.is_valid():
        return render(request, "accounts/setup.html", {"form": form})
    try:
        owner = create_first_owner(form.cleaned_data["username"], form.cleaned_data["password1"], request)
    except OwnerExists:
        return redirect("login")
    login(request, owner, MODEL_BACKEND)
    request.session.set_expiry(0)
    return redirect(settings.LOGIN_REDIRECT_URL)
