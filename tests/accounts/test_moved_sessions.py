"""Whoever was signed in before sessions had a table of their own stays signed in."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Session, User
from accounts.views import MODEL_BACKEND
from tests.people import make_user

pytestmark = pytest.mark.django_db
copy_sessions = import_module("accounts.migrations.0004_sessions").copy_sessions
NOW = timezone.now()


def put(key: str, content: str, days_left: int = 20) -> None:
    """A row of Django's own table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_session VALUES (%s, %s, %s)", [key, content, NOW + timedelta(days=days_left)]
        )


def content_for(user: User) -> str:
    known = {SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: MODEL_BACKEND}
    return SessionStore().encode(known | {HASH_SESSION_KEY: user.get_session_auth_hash()})


def test_they_stay_signed_in_and_the_old_table_stays_for_whoever_goes_back() -> None:
    olga = make_user("olga")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE django_session (session_key varchar(40), session_data text, expire_date timestamptz)"
        )
    put("olgas-browser", content_for(olga))
    put("ended", content_for(olga), days_left=-1)
    put("not-ours", "what nobody signed")
    put("nobodys", SessionStore().encode({"theme": "dark"}))
    put("of-somebody-gone", content_for(User(pk=10**6, password="x")))
    with connection.schema_editor() as editor:
        copy_sessions(apps, editor)

    session = Session.objects.get()
    assert (session.session_key, session.user) == ("olgas-browser", olga)
    assert session.created_at == session.expire_date - timedelta(days=30)
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = "olgas-browser"
    assert browser.get("/sessions/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_session")
        assert cursor.fetchone() == (5,)
