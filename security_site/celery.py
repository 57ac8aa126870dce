"""The map of the pipeline: which task runs on which queue, and what beat wakes when.

PostgreSQL holds the work, a message is only a wake-up: losing any message delays work until the next
sweep and changes nothing else. `worker.py` and `beat.py` are the two apps that run by it. The path of a picture:

    cameras.watcher → cameras.intake          a file becomes a queued Capture
    detections.detect_queued   (detect)       queued → detected, Detections and pictures stored
    events.place_detected      (default)      detected → placed in a Batch and an Event, judged by rules
    events.close_due_batches   (default)      a batch past due is closed, its Event waits for the language model
    events.analyze_pending     (analyze)      where one is chosen: it judges the Event, whose card follows
    alerts.evaluate_changed    (default)      an Event that changed is held against every rule: an Alert, its Deliveries
    alerts.deliver_due         (deliver)      a Delivery is sent by its channel's service
    system.clean_up_if_due     (default)      past RETENTION_DAYS: rows and pictures go, captures are expired
"""

from __future__ import annotations

from typing import Any

from security_site import embedded
from security_site.config import load_config_or_exit

LONGEST_TASK_S = 600

CONFIGURATION: dict[str, Any] = {
    "broker_url": embedded.redis_url(load_config_or_exit()).replace("unix://", "redis+socket://"),
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {"visibility_timeout": 2 * LONGEST_TASK_S, "global_keyprefix": "hsi:"},
    "task_ignore_result": True,
    "result_backend": None,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_acks_late": True,
    "task_reject_on_worker_lost": False,
    "task_time_limit": LONGEST_TASK_S,
    "task_default_queue": "default",
    "task_routes": {
        "detections.detect_queued": {"queue": "detect"},
        "events.analyze_pending": {"queue": "analyze"},
        "alerts.deliver_due": {"queue": "deliver"},
    },
    "task_publish_retry": False,
    "worker_prefetch_multiplier": 1,
    "worker_proc_alive_timeout": 1800,  # a large model on a slow disk is read twice before its worker is up
    "worker_soft_shutdown_timeout": 20,
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "timezone": "UTC",
    "beat_schedule": {
        "wake whatever is due, free what dead workers held": {
            "task": "events.sweep",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "wake what the rules have not seen, what is to be sent or was held by the dead": {
            "task": "alerts.sweep",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "close batches within a second of their due time": {
            "task": "events.close_due_batches",
            "schedule": 1.0,
            "options": {"expires": 1},
        },
        "let go what is past its time, once a day after 03:00": {
            "task": "system.clean_up_if_due",
            "schedule": 300.0,
            "options": {"expires": 300},
        },
    },
    "beat_max_loop_interval": 1,
}
