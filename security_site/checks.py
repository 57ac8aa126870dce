"""Looks at the machine and the settings before anything runs: each finding has an id and says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  (Django's own name)

from inference.analysts import llm
from inference.detectors.ultralytics import CPU_ADVICE
from inference.registry import choose_detector
from security_site.config import Config, system_time_zone
from telemetry.disk import disk_of

FEW_WATCHES = 65_536
INOTIFY_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
GRAPHICS_CARDS = (Path("/dev/nvidiactl"), Path("/dev/dxg"), Path("/dev/nvhost-ctrl"))
"""NVIDIA's, as its driver shows it on Linux, under Windows and on a Jetson."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@register
def data_dir_is_writable(**_: Any) -> list[CheckMessage]:
    folder = _nearest_existing(Path(settings.DATA_DIR))
    if os.access(folder, os.W_OK | os.X_OK):
        return []
    return [
        Error(
            f"DATA_DIR={settings.DATA_DIR} cannot be written: {folder} does not let this user.",
            hint="Give the folder to the user this program runs as, or set DATA_DIR to another one.",
            id="hsi.E001",
        )
    ]


@register
def camera_root_is_readable(**_: Any) -> list[CheckMessage]:
    root = Path(settings.CAMERA_ROOT)
    if root.exists():
        possible = root.is_dir() and os.access(root, os.R_OK | os.X_OK)
    else:
        possible = os.access(_nearest_existing(root), os.W_OK | os.X_OK)
    if possible:
        return []
    return [
        Error(
            f"The camera folder {root} cannot be read, nor made.",
            hint="Let this user read it (chmod, or a common group with the FTP server's user), or set CAMERA_ROOT.",
            id="hsi.E002",
        )
    ]


@register
def disk_has_room(**_: Any) -> list[CheckMessage]:
    disk = disk_of(_nearest_existing(Path(settings.DATA_DIR)))
    if not disk.is_low:
        return []
    return [
        Warning(
            f"The disk of DATA_DIR is nearly full: {disk.free_share:.0%} is free.",
            hint="Below 2 % no more pictures are taken in. Make room, or move DATA_DIR to a larger disk.",
            id="hsi.W001",
        )
    ]


@register
def lan_is_told_of_plain_http(**_: Any) -> list[CheckMessage]:
    config: Config = settings.CONFIG
    if config.HOST in LOOPBACK:
        return []
    return [
        Warning(
            f"HOST={config.HOST} opens the site to the network, over plain HTTP.",
            hint="Fine in a home you trust. From outside use a VPN. docs/lan-and-https.md puts HTTPS in front.",
            id="hsi.W002",
        )
    ]


@register
def time_zone_is_known(**_: Any) -> list[CheckMessage]:
    config: Config = settings.CONFIG
    if "TIME_ZONE" in config.model_fields_set or system_time_zone():
        return []
    return [
        Warning(
            "This machine does not tell its time zone, so hours are shown in UTC.",
            hint="Set TIME_ZONE, such as TIME_ZONE=Europe/Berlin.",
            id="hsi.W003",
        )
    ]


@register
def enough_folders_can_be_watched(**_: Any) -> list[CheckMessage]:
    try:
        watches = int(INOTIFY_WATCHES.read_text())
    except (OSError, ValueError):
        return []
    if watches >= FEW_WATCHES or settings.CONFIG.WATCH_POLL == "always":
        return []
    return [
        Warning(
            f"The kernel lets a user watch {watches} folders only; cameras that make one a day or an hour fill that.",
            hint=f"sysctl fs.inotify.max_user_watches={8 * FEW_WATCHES}. Beyond the limit, folders are polled.",
            id="hsi.W004",
        )
    ]


@register
def it_need_not_be_root(**_: Any) -> list[CheckMessage]:
    if os.geteuid() != 0:
        return []
    return [
        Warning(
            "This runs as root, and what decodes strangers' pictures should not.",
            hint="Run it as an ordinary user who can read the camera folders; it needs no right of root.",
            id="hsi.W005",
        )
    ]


@register
def the_detector_suits_the_machine(**_: Any) -> list[CheckMessage]:
    """By the file's name, since nothing is loaded here; the worker, which knows, tells the System page."""
    config: Config = settings.CONFIG
    is_large = "rtdetr" in config.DETECTOR_WEIGHTS and choose_detector(config).name == "ultralytics"
    if not is_large or any(card.exists() for card in GRAPHICS_CARDS):
        return []
    return [
        Warning(
            f"{config.DETECTOR_WEIGHTS} is a large model, and this machine shows no graphics card of NVIDIA.",
            hint=CPU_ADVICE,
            id="hsi.W006",
        )
    ]


@register
def a_language_model_that_is_named_is_used(**_: Any) -> list[CheckMessage]:
    config: Config = settings.CONFIG
    if config.ANALYST != "auto" or not config.LLM_MODEL or not (why_not := llm.why_not(config)):
        return []
    return [
        Warning(
            f"LLM_MODEL={config.LLM_MODEL} names a language model, and it is not used: {why_not}.",
            hint="The rules judge alone. Once it is there, start the program again.",
            id="hsi.W007",
        )
    ]


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
