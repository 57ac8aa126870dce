"""Whether the database and Redis answer, and how large they are. Asked by `/readyz` and the System page."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from redis import Redis
from redis.exceptions import RedisError, ResponseError

ANSWERS_WITHIN_S = 1


@dataclass(frozen=True)
class Server:
    """One of the two servers the program stands on; version and size of one that answers."""

    name: str
    answers: bool
    version: str = ""
    size_bytes: int | None = None


def database_answers() -> bool:
    """What pg_isready asks. A query would wait for the connection pool for ten seconds while the server is away."""
    known = connection.settings_dict
    names = {"user": known["USER"], "dbname": known["NAME"]}
    where = {"host": known["HOST"], "port": known["PORT"], "connect_timeout": ANSWERS_WITHIN_S}
    return PGconn.ping(make_conninfo("", **where, **names).encode()) == Ping.OK


def database_server() -> Server:
    """One query: whoever asks this has just asked the database who they are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
        version, size_bytes = cursor.fetchone()
    return Server("PostgreSQL", answers=True, version=version.split()[0], size_bytes=size_bytes)


def redis_answers() -> bool:
    try:
        with _redis() as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def redis_server() -> Server:
    try:
        with _redis() as client:
            client.ping()
            return _particulars_of(client)
    except (RedisError, OSError):
        return Server("Redis", answers=False)


def _redis() -> Redis:
    patience = {"socket_connect_timeout": ANSWERS_WITHIN_S, "socket_timeout": ANSWERS_WITHIN_S}
    return Redis.from_url(settings.REDIS_URL, **patience)


def _particulars_of(client: Redis) -> Server:
    try:
        facts = client.info()
    except ResponseError:  # a hosted server may keep them to itself
        return Server("Redis", answers=True)
    return Server("Redis", answers=True, version=str(facts["redis_version"]), size_bytes=int(facts["used_memory"]))
