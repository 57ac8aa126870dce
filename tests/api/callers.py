"""Those who knock at the API's doors, by name: people of each role, keys of each scope, and strangers."""

from __future__ import annotations

from rest_framework.test import APIClient

from accounts.models import Role, Scope, User
from tests.people import make_key, make_user

# Who may read and how many they see, where one of two rows is a viewer's; and what everybody is answered.
READERS = {"owner": 2, "member": 2, "read key": 2, "viewer": 1, "viewer's key": 1}
NOT_READERS = {"stranger": 401, "write key": 403, "ingest key": 403}
WRITERS = {
    "owner": 200,
    "member": 200,
    "write key": 200,
    "viewer": 403,
    "viewer's key": 403,
    "read key": 403,
    "ingest key": 403,
    "stranger": 401,
}
# What only owners may do: add, hide and bring back cameras, make passwords.
OWNERS = {name: 403 if name == "member" else status for name, status in WRITERS.items()}


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


def client_with(key: str) -> APIClient:
    return APIClient(headers={"X-API-Key": key})


def caller(name: str) -> APIClient:
    """`owner`, `member`, `viewer` (of front_door), `stranger`, or a key: `read key`, `write key`, `ingest key`,
    each with an owner's rights, and `viewer's key`, which has all scopes."""
    match name:
        case "owner":
            return client_of(make_user("olga"))
        case "member":
            return client_of(make_user("mia", Role.MEMBER))
        case "viewer":
            return client_of(make_user("vera", Role.VIEWER, ["front_door"]))
        case "viewer's key":
            return client_with(make_key(*Scope, user=make_user("vera", Role.VIEWER, ["front_door"])))
        case "read key" | "write key" | "ingest key":
            return client_with(make_key(Scope(name.removesuffix(" key"))))
        case _:
            return APIClient()
