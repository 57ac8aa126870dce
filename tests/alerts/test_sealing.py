"""A channel's URL is nowhere to be read but by the sender."""

from __future__ import annotations

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from alerts.models import NotificationChannel
from alerts.sealing import SealBroken, seal, unseal
from tests.alerts.services import SECRET
from tests.factories import ChannelFactory

URL = f"ntfys://{SECRET}:pw@ntfy.example.org/topic"


def test_what_is_sealed_can_be_read_again_and_never_looks_the_same() -> None:
    assert unseal(seal(URL)) == URL
    assert seal(URL) != seal(URL)


def test_under_another_key_it_is_broken_and_says_what_to_do(settings: Settings) -> None:
    sealed = seal(URL)
    settings.SECRET_KEY = "another"
    with pytest.raises(SealBroken, match="enter the URL again"):
        unseal(sealed)


def test_what_was_changed_is_broken() -> None:
    sealed = seal(URL)
    with pytest.raises(SealBroken):
        unseal(sealed[:-5] + "AAAA=")


@pytest.mark.django_db
def test_a_copy_of_the_table_tells_nothing() -> None:
    channel = ChannelFactory.create(url=URL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM notification_channels t")
        (row,) = cursor.fetchone()
    for piece in (SECRET, "pw", "example", "topic"):
        assert piece not in row.replace(channel.sealed_url, "") and f":{piece}@" not in row
    assert SECRET not in repr(channel) + str(channel) + repr(vars(NotificationChannel.objects.get()))
