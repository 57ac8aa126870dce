from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import Role, User
from cameras.models import Camera
from tests.factories import CameraFactory, UserFactory


@pytest.fixture
def front(db: None) -> Camera:
    return CameraFactory.create(id="front_door", name="Front door")


@pytest.fixture
def back(db: None) -> Camera:
    return CameraFactory.create(id="back_garden", name="Back garden", place="back")


@pytest.fixture
def owner(db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def stranger(back: Camera) -> User:
    """A viewer who may see the back garden only."""
    return UserFactory.create(role=Role.VIEWER, camera_ids=[back.pk])


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(owner: User) -> Client:
    """A browser the owner is signed in with."""
    return signed_in_as(owner)
