from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
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


@pytest.fixture
async def closed_connections() -> AsyncIterator[None]:
    """Closes the database connection of the thread that async code reaches the database through."""
    yield
    await sync_to_async(connections.close_all)()


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(owner: User) -> Client:
    """A browser the owner is signed in with."""
    return signed_in_as(owner)
