"""`python -m benchmarks.rules`: how long it takes to hold one visit against five hundred alert rules.

From the visit that is due to the committed outcomes, alerts and deliveries; nothing is sent.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta

from benchmarks.home import NOON, database
from benchmarks.report import Report
from tests.stack import short_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--times", type=int, default=30, help="visits that each number is the median of")
    arguments = parser.parse_args()
    with short_folder() as folder, database(folder):
        measure(arguments.rules, arguments.times)


def measure(rules: int, times: int) -> None:
    report = Report("rules", f"One visit and {rules} alert rules")
    for fire, detections in ((0, 3), (1, 3), (100, 3), (1, 1000)):
        took_ms = _evaluate(rules, min(fire, rules), detections, times)
        report.row(
            rules_that_tell=fire,
            detections=detections,
            **{"median ms": round(took_ms[len(took_ms) // 2], 1), "best ms": round(took_ms[0], 1)},
        )
    report.note("Read anew for each visit: what was seen, with its zones; the rules, where one was changed since.")
    report.finish()


def _evaluate(rules: int, fire: int, detections: int, times: int) -> list[float]:
    """Milliseconds of each visit, the quickest first."""
    from django.db import connection

    from alerts.evaluate import evaluate_changed
    from alerts.models import AlertRule
    from alerts.schedule import DAYS
    from cameras.models import Camera
    from events.models import Event
    from tests.factories import CameraFactory, ChannelFactory, DetectionFactory, EventFactory, RuleFactory, ZoneFactory
    from zones.models import DetectionZone, Zone

    AlertRule.objects.all().delete()
    Event.objects.all().delete()
    camera: Camera = CameraFactory.create(id="front_door")
    zone: Zone = Zone.objects.first() or ZoneFactory.create(camera=camera)
    always = {"days": list(DAYS), "start_time": "00:00", "end_time": "24:00", "timezone": "Europe/Berlin"}
    channel = ChannelFactory.create()
    for number in range(rules):
        RuleFactory.create(
            object_types=["person"] if number < fire else ["dog"],
            cameras=[camera],
            zones=[zone],
            channels=[channel],
            schedule=always,
            cooldown_seconds=0,
        )
    took_ms = []
    for number in range(times):
        at = NOON + timedelta(hours=number)
        seen = [
            DetectionFactory.create(capture__camera=camera, capture__captured_at=at + timedelta(seconds=second))
            for second in range(detections)
        ]
        DetectionZone.objects.bulk_create(DetectionZone(detection=one, zone=zone) for one in seen)
        EventFactory.create(camera=camera, started_at=at, detections=seen)
        if not number:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            evaluate_changed()  # what is loaded on first use
            continue
        began = time.perf_counter()
        evaluated = evaluate_changed()
        took_ms.append(1000 * (time.perf_counter() - began))
        assert evaluated == 1
    return sorted(took_ms)


if __name__ == "__main__":
    main()
