"""Hints to the open pages that something changed. A hint may be lost; pages catch up by cursor."""

from __future__ import annotations

import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
LIVE_GROUP = "live"


def broadcast(kind: str, data: dict[str, Any]) -> None:
    """Tell every open page, once the present transaction commits; never fails the caller's work.

    `data` is JSON-ready. With a `camera_id` in it, only people who may see that camera are told.
    """
    transaction.on_commit(lambda: _send(kind, data), robust=True)


def _send(kind: str, data: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    try:
        async_to_sync(layer.group_send)(LIVE_GROUP, {"type": "live.hint", "kind": kind, "data": data})
    except (RedisError, OSError) as error:
        logger.warning("pages were not told about %s now, they will catch up: %s", kind, error)
