"""`python -m benchmarks.growth`: what a file and a page cost as the archive grows."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="0,100000,1000000", help="visits stored, each with a detection at least")
    parser.add_argument("--files", type=int, default=200, help="pictures sent through each archive")
    arguments = parser.parse_args()
    sizes = sorted({int(size) for size in arguments.rows.split(",")})
    with _scratch_installation():
        from benchmarks.side_by_side import measure  # reads the settings

        measure(sizes, arguments.files)


@contextmanager
def _scratch_installation() -> Iterator[None]:
    """Servers and a DATA_DIR of the benchmark's own, gone afterwards, whatever `.env` and the environment say."""
    data_dir = Path(tempfile.mkdtemp(prefix="hsi-bench-"))
    data_dir.chmod(0o755)  # PostgreSQL refuses to run as root: its own user must get in
    for name in ("DATABASE_URL", "REDIS_URL", "CAMERA_ROOT"):
        os.environ.pop(name, None)
    os.environ |= {"DATA_DIR": str(data_dir), "ENV_FILE": os.devnull}
    os.environ["DJANGO_SETTINGS_MODULE"] = "security_site.settings"
    try:
        django.setup()
        from django.conf import settings

        from security_site import embedded

        with embedded.running(settings.CONFIG):
            yield
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
