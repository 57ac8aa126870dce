"""Login, logout, where one is signed in, a new password, first-run setup; and whether anybody is home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.contrib.messages.views import SuccessMessageMixin
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts.devices import device_words
from accounts.forms import LoginForm, SetupForm
from accounts.home import home_mode, set_home_mode
from accounts.models import AuditAction, HomeMode, Session, User, audit
from accounts.people import may_change, signed_in
from accounts.sessions import end_others, end_sessions, sessions_seen_by, tell_open_pages
from accounts.setup import OwnerExists, create_first_owner, is_setup_token, owner_exists

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
LOCKOUT_MINUTES = round(settings.AXES_COOLOFF_TIME * 60)
KEPT_DAYS = round(settings.SESSION_COOKIE_AGE / 86_400)


@dataclass(frozen=True)
class Device:
    """One session as the page shows it."""

    session: Session
    is_this: bool = False

    @property
    def words(self) -> str:
        return device_words(self.session.user_agent)


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
        response = super().post(request, *args, **kwargs)
        tell_open_pages()
        return response


class Password(SuccessMessageMixin, PasswordChangeView):  # type: ignore[type-arg]  # not subscriptable at run time
    """A new password signs out everywhere else."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)
    success_message = "Your password is changed. Other devices have to log in again."

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        audit(AuditAction.PASSWORD_CHANGED, "user", self.request.user.pk, request=self.request)
        end_others(self.request)
        return response


@require_safe
@never_cache
def sessions(request: HttpRequest) -> HttpResponse:
    """Where this person is signed in; for an owner, where everybody is."""
    own: list[Session] = []
    others: list[Session] = []
    for session in sessions_seen_by(signed_in(request)):
        (own if session.user == request.user else others).append(session)
    this = request.session.session_key
    return render(
        request,
        "accounts/sessions.html",
        {
            "own": [Device(session, is_this=session.session_key == this) for session in own],
            "others": [Device(session) for session in others],
            "kept_days": KEPT_DAYS,
        },
    )


@require_POST
def end_session(request: HttpRequest, public_id: UUID) -> HttpResponseBase:
    seen = sessions_seen_by(signed_in(request)).filter(public_id=public_id)
    session = get_object_or_404(seen)
    if session.session_key == request.session.session_key:
        return Logout.as_view()(request)
    end_sessions(seen, request)
    messages.success(request, f"Signed out: {device_words(session.user_agent)}.")
    return redirect("sessions")


@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    ended = end_others(request)
    messages.success(request, f"Signed out everywhere else: {ended} device{'' if ended == 1 else 's'}.")
    return redirect("sessions")


@require_POST
def say_home_mode(request: HttpRequest) -> HttpResponse:
    """Somebody says that they are home now, or away. On the live page the answer is the switch as it stands then."""
    user = may_change(request)
    mode = request.POST.get("mode", "")
    if mode not in HomeMode.Mode.values:
        raise BadRequest("Say home or away.")
    set_home_mode(HomeMode.Mode(mode), user, request)
    if request.headers.get("HX-Request") == "true":
        return render(request, "accounts/parts/home_mode.html", {"home": home_mode(), "oob": True})
    return redirect(settings.LOGIN_REDIRECT_URL)


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
