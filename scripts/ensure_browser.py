"""Have a browser for the tests that drive one, where that is possible. Never fails: those tests say when they skip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 300


def main() -> None:
    if any(shutil.which(name) for name in SYSTEM_BROWSERS):
        return
    if succeeds([sys.executable, "-m", "playwright", "install", "chromium"]):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        if succeeds(["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            return
        if succeeds(["apt-get", "update"]) and succeeds(["apt-get", "install", "-y", "chromium"]):
            return
    print("No browser could be installed: the tests that drive one will be skipped. On Debian: apt install chromium")


def succeeds(command: list[str]) -> bool:
    print("+", *command, flush=True)
    try:
        return subprocess.run(command, check=False, timeout=PATIENCE_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    main()
