"""Hints to the open pages that something changed. A hint may be lost; pages catch up by cursor."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from functools import cache
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
LIVE_GROUP = "live"
SESSION_ENDED = "session_ended"
SENT_WITHIN_S = 1


def broadcast(kind: str, data: dict[str, Any]) -> None:
    """Tell every open page, once the present transaction commits; never fails the caller's work.

    `data` is JSON-ready. With a `camera_id` in it, only people who may see that camera are told.
    """
    transaction.on_commit(lambda: _send(kind, data), robust=True)


def _send(kind: str, data: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    hint = layer.group_send(LIVE_GROUP, {"type": "live.hint", "kind": kind, "data": data})
    sending = asyncio.wait_for(hint, SENT_WITHIN_S)
    try:
        asyncio.run_coroutine_threadsafe(sending, _loop_of(os.getpid())).result()
    except (RedisError, OSError) as error:  # a TimeoutError is an OSError
        logger.warning("pages were not told about %s now, they will catch up: %s", kind, str(error) or "no answer")


@cache
def _loop_of(_process: int) -> asyncio.AbstractEventLoop:
    """This process's own: connections to Redis belong to a loop, and a loop for each hint cost eight times the hint."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="hints", daemon=True).start()
    return loop
