"""`python -m benchmarks.growth`: what a file and a page cost as the archive grows."""

from __future__ import annotations

import argparse

from benchmarks.home import database
from tests.stack import short_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="0,100000,1000000", help="visits stored, each with a detection at least")
    parser.add_argument("--files", type=int, default=200, help="pictures sent through each archive")
    arguments = parser.parse_args()
    sizes = sorted({int(size) for size in arguments.rows.split(",")})
    with short_folder() as folder, database(folder):
        from benchmarks.side_by_side import measure  # reads the settings

        measure(sizes, arguments.files)


if __name__ == "__main__":
    main()
