"""Archives of different size in one PostgreSQL, measured in turn. The body of the benchmark of growth."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import psycopg
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from benchmarks.archive import fill
from benchmarks.pages import REQUESTS, page_costs
from benchmarks.per_file import costs_of_files, rows_of, using
from benchmarks.report import Report


def measure(sizes: list[int], files: int) -> None:
    """Fill the archives, send files through all of them, look at the pages of the smallest and the largest."""
    now = timezone.now()
    connection.close()  # nobody may be in a database that is copied
    archives: dict[int, BaseDatabaseWrapper] = {}
    notes = []
    for size in sizes:
        archives[size], note = _archive(size, ends_at=now - timedelta(hours=6))
        notes.append(note)
    files_report = Report("growth_per_file", "What one file costs as the archive grows")
    for row in rows_of(costs_of_files(archives, files, ends_at=now), sizes):
        files_report.row(**row)
    for note in notes:
        files_report.note(note)
    files_report.note(f"Medians of {files} pictures of 640×360, one at a time, each archive in turn.")
    files_report.note("A detector that answers at once stands in for the real one. Aim: ratio ≤ 1.1.")
    files_report.finish()

    pages_report = Report("growth_pages", "What pages and lists cost as the archive grows")
    for size in sorted({sizes[0], sizes[-1]}):
        with using(archives[size]):
            for cost in page_costs():
                pages_report.row(visits_stored=size, **cost.row)
    pages_report.note(f"{REQUESTS} requests each, signed in, through Django's test client: everything but the network.")
    pages_report.note("Bare: the very same queries by psycopg alone, in turn with the requests.")
    pages_report.finish()


def _archive(size: int, ends_at: datetime) -> tuple[BaseDatabaseWrapper, str]:
    """A database with so many visits, as a copy of the empty one; and what is in it, in words."""
    name = f"visits_{size}"
    parameters = connection.get_connection_params()
    with psycopg.connect(**parameters, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {connection.settings_dict['NAME']}")
    began = time.perf_counter()
    with psycopg.connect(**{**parameters, "dbname": name}) as filling:
        archive = fill(filling, size, ends_at)
        found = filling.execute("SELECT pg_size_pretty(pg_database_size(current_database()))").fetchone()
    took_s = time.perf_counter() - began
    database = connection.copy()
    database.settings_dict["NAME"] = name
    return database, (
        f"{archive.events:,} visits: {archive.captures:,} files, {archive.detections:,} detections, "
        f"{found[0] if found else ''}, written by COPY in {took_s:.0f} s."
    )
