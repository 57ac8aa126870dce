"""Forms of the login page and of the first-run setup."""

from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UserCreationForm

from accounts.models import User


class LoginForm(AuthenticationForm):
    keep_signed_in = forms.BooleanField(required=False, label="Keep me signed in on this device")

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "This name and password do not belong together. Capitals count in both."
    }


class SetupForm(UserCreationForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Name and password of the owner."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)
        help_texts = {"username": "With it you log in."}
