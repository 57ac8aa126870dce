"""Pages for what went wrong: in the site's own look, also for people who are not logged in."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client

from accounts.models import User
from cameras.models import Camera
from tests.pages.conftest import signed_in_as


@pytest.mark.django_db
def test_what_is_not_there_has_a_page(client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here." in response.content.decode()


def test_what_is_not_allowed_says_whom_to_ask(stranger: User, back: Camera) -> None:
    response = signed_in_as(stranger).post(f"/cameras/{back.pk}/change/", {"name": "Mine"})
    assert response.status_code == 403
    assert "Ask the owner." in response.content.decode()


def test_what_is_not_understood_changes_nothing(page: Client) -> None:
    response = page.get("/live/changes", {"since": "soon"})
    assert response.status_code == 400
    assert "That was not understood." in response.content.decode()


def test_the_page_for_our_own_faults_needs_nothing_that_may_be_broken() -> None:
    assert "Something broke on our side." in render_to_string("500.html")
