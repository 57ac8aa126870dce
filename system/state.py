"""The facts of the program as they are now, for the System page and its API.

`/readyz` asks the same functions for the few it tells.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from alerts.troubles import Trouble, troubles
from cameras.dead_letters import Kind, kinds_of_failure
from cameras.models import Capture
from system.backlog import Flow, Stage, last_hour, stages
from system.engines import Engine, engines
from system.servers import Server, database_server, redis_server
from system.workers import Worker, missing_queues, workers
from telemetry.disk import Disk, disks
from telemetry.models import Job, Pause

MOST_KINDS = 10
STAGES_OF_FILES = ("intake", "detect", "place")


@dataclass(frozen=True)
class State:
    at: datetime
    version: str
    flow: Flow
    stages: tuple[Stage, ...]
    pauses: tuple[Pause, ...]
    workers: tuple[Worker, ...]
    missing_queues: tuple[str, ...]
    engines: tuple[Engine, ...]
    troubles: tuple[Trouble, ...]
    failed: int
    kinds_of_failure: tuple[Kind, ...]
    disks: tuple[Disk, ...]
    servers: tuple[Server, ...]
    jobs: tuple[Job, ...]

    @property
    def never_run(self) -> list[str]:
        """Kinds of housekeeping that have not run yet."""
        ran = {job.kind for job in self.jobs}
        return [kind.value for kind in Job.Kind if kind not in ran]

    @property
    def other_kinds(self) -> int:
        """How many failed files are of kinds too rare to be listed."""
        return self.failed - sum(kind.count for kind in self.kinds_of_failure)

    @property
    def living(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.lives]

    @property
    def silent(self) -> list[Worker]:
        """Processes that ended without a word within the last hour."""
        return [worker for worker in self.workers if not worker.lives]

    @property
    def watcher(self) -> Worker | None:
        """The process that watches the camera folders, and tells how."""
        return next((worker for worker in self.workers if worker.queue == "watcher" and worker.lives), None)

    @property
    def on_their_way(self) -> int:
        """Files from the first sight of them to their place in a visit."""
        backlogs = [stage.backlog for stage in self.stages if stage.name in STAGES_OF_FILES]
        return sum((backlog.waiting or 0) + (backlog.in_hand or 0) for backlog in backlogs)


def state_for(user: User) -> State:
    """Everything, in a number of queries that does not depend on how much there is."""
    present = workers()
    pauses = list(Pause.objects.order_by("since"))
    flow = last_hour()
    return State(
        at=timezone.now(),
        version=program_version(),
        flow=flow,
        stages=tuple(stages(present, pauses, flow)),
        pauses=tuple(pauses),
        workers=tuple(present),
        missing_queues=tuple(missing_queues(present)),
        engines=tuple(engines(present)),
        troubles=tuple(troubles()),
        failed=Capture.objects.for_user(user).failed().count(),
        kinds_of_failure=tuple(kinds_of_failure(user, MOST_KINDS)),
        disks=tuple(disks()),
        servers=(database_server(), redis_server()),
        jobs=tuple(Job.objects.order_by("kind", "-id").distinct("kind")),
    )


@lru_cache(maxsize=1)
def program_version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])
