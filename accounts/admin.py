"""People, their keys, and the trail of what they did."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from accounts.keys import revoke_keys
from accounts.models import APIKey, AuditAction, AuditLog, HomeMode, Role, Session, User, audit
from accounts.people import grant, is_last_owner, note_new_person
from accounts.sessions import end_sessions
from telemetry.admin_tables import ReadOnlyAdmin, link_to_list

admin.site.unregister(Group)  # roles take their place


class PersonChangeForm(UserChangeForm):  # type: ignore[type-arg]  # not subscriptable at run time
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        stays_owner = cleaned.get("role") == Role.OWNER and cleaned.get("is_active")
        if not stays_owner and is_last_owner(self.instance):
            raise ValidationError("This is the only owner: make somebody else one first.")
        return cleaned


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    form = PersonChangeForm
    add_form = AdminUserCreationForm
    list_display = ("username", "role", "camera_ids", "is_active", "last_login", "keys")
    list_filter = ("role", "is_active")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("What they may do", {"fields": ("role", "camera_ids", "is_active")}),
        ("About them", {"fields": ("first_name", "last_name", "email", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "role", "camera_ids", "password1", "password2")}),
    )

    @admin.display(description="API keys")
    def keys(self, user: User) -> str:
        return link_to_list("accounts_apikey", "keys", user__id__exact=user.pk)

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm[User], change: bool) -> None:
        grant(obj, Role(obj.role))
        super().save_model(request, obj, form, change)
        if change:
            audit(AuditAction.USER_UPDATED, "user", obj.pk, request=request, details={"fields": form.changed_data})
            if not obj.is_active:
                end_sessions(Session.objects.filter(user=obj), request)
        else:
            note_new_person(obj, request)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        response = super().user_change_password(request, id, form_url)
        if isinstance(response, HttpResponseRedirect):  # only after the new one was accepted
            audit(AuditAction.PASSWORD_CHANGED, "user", id, request=request)
            others = Session.objects.exclude(session_key=request.session.session_key)
            end_sessions(others.filter(user__pk=id), request)
        return response

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and is_last_owner(obj))


@admin.register(APIKey)
class APIKeyAdmin(ReadOnlyAdmin[APIKey]):
    """Keys are made by `manage.py create_api_key`, which shows them once, and never changed."""

    list_display = ("name", "prefix", "scopes", "user", "is_active", "created_at", "expires_at", "last_used_at")
    list_filter = ("is_active",)
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    exclude = ("key_hash",)
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        self.message_user(request, f"Keys revoked: {revoke_keys(queryset, request)}.")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "user__id__exact" or super().lookup_allowed(lookup, value, request)


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin[AuditLog]):
    list_display = ("timestamp", "actor", "action", "resource_type", "resource_id", "status", "ip_address")
    list_filter = ("action", "status")
    search_fields = ("actor", "resource_type", "resource_id", "ip_address")
    date_hierarchy = "timestamp"


@admin.register(HomeMode)
class HomeModeAdmin(ReadOnlyAdmin[HomeMode]):
    """Said on the live page or by the API; what was true then stays so."""

    list_display = ("since", "mode", "set_by")
    list_filter = ("mode",)
    list_select_related = ("set_by",)
